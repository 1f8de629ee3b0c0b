"""The way of a laser: what was lit between two reports, and when nobody can tell."""

from __future__ import annotations

import pytest

from firmware_bridge.events import MachineEvent
from firmware_bridge.grbl.parser import Acknowledged, Greeting, Report, Setting
from firmware_bridge.grbl.path import MAX_STRETCHES, Path, Went
from firmware_bridge.grbl.tracker import Tracker
from floor.meter import Quantity

ROW = ["G21 G91", "M4 S0 F600", "G1 X10 S100", "X10 S0", "X10 S50", "G0 X10"]
"""Light, dark, light at 10 mm/s, and a rapid move."""


def path(*lines: str, at: tuple[float, float] = (0.0, 0.0)) -> Path:
    made = Path()
    made.stands(at)
    for line in lines:
        made.told(line)
    return made


def test_the_lit_part_of_the_way_is_known_between_any_two_places() -> None:
    way = path(*ROW)
    assert way.went((5, 0), 0.5, True) == Went(0.5, 0.5, 5.0)
    assert way.went((12, 0), 0.7, False) == Went(0.7, 0.5, 5.0)
    assert way.went((30, 0), 1.8, None) == Went(pytest.approx(1.8), 1.0, 10.0)
    assert way.went((35, 0), 0.05, False) == Went(pytest.approx(0.05), 0.0, 0.0)


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        pytest.param(["G20 G91", "M3 S9 F60", "G1 X1"], (25.4, 0), id="inches"),
        pytest.param(["G90", "M3 S9 F600", "G1 X7 Y1", "Y9"], (7, 9), id="absolute"),
        pytest.param(["g91m4s9f600", "g1 x2 (x9) ; x9"], (2, 0), id="lower case, comments"),
    ],
)
def test_lines_are_read_as_grbl_reads_them(lines: list[str], end: tuple[float, float]) -> None:
    went = path(*lines).went(end, 1.0, None)
    assert went
    assert went.whole_s == went.lit_s > 0


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["G91", "G1 X5 F600 S9"], id="the laser was never switched on"),
        pytest.param(["G91", "M3 S9", "G0 X5"], id="a rapid move"),
        pytest.param(["G91", "M3 S0 F600", "G1 X5"], id="no power"),
        pytest.param(["G91", "M3 S9 F600", "M5", "G1 X5"], id="switched off"),
    ],
)
def test_these_are_dark(lines: list[str]) -> None:
    went = path(*lines).went((5, 0), 0.5, None)
    assert went
    assert went.lit_s == went.lit_mm == 0.0


@pytest.mark.parametrize(
    ("lines", "at", "on"),
    [
        pytest.param(ROW, (5, 1), True, id="beside the way"),
        pytest.param(ROW, (5, 0), False, id="dark where it is to be lit"),
        pytest.param([*ROW, "$J=G91 X5 F100"], (5, 0), True, id="a jog"),
        pytest.param([*ROW, "G92 X0"], (5, 0), True, id="another origin"),
        pytest.param([*ROW, "G55"], (5, 0), True, id="another work offset"),
        pytest.param(["G91", "M4 S9 F600", "G2 X10 I5"], (5, 0), True, id="an arc"),
        pytest.param(["G93", *ROW], (5, 0), True, id="inverse time"),
        pytest.param([], (5, 0), True, id="no lines"),
        pytest.param(["G1 X5", "X", "", "???", "G1 Xnan"], (5, 0), True, id="no feed, noise"),
    ],
)
def test_what_does_not_fit_is_left_to_the_samples(
    lines: list[str], at: tuple[float, float], on: bool
) -> None:
    assert path(*lines).went(at, 0.5, on) is None


def test_behind_an_arc_the_way_is_found_again() -> None:
    way = path("G90", "M4 S9 F600", "G2 X10 Y0 I5", "G1 X30")
    assert way.went((5, 5), 0.5, True) is None
    assert way.went((15, 0), 0.5, True) is None
    assert way.went((20, 0), 0.5, True) == Went(0.5, 0.5, 5.0)


def test_of_two_places_that_fit_the_time_tells_which() -> None:
    there_and_back = ["G91", "M4 S0 F600", "G1 X10 S9", "X-10 S0"]
    assert path(*there_and_back).went((8, 0), 0.8, None) == Went(0.8, 0.8, 8.0)
    assert path(*there_and_back).went((8, 0), 1.2, None) == Went(1.2, 1.0, 10.0)


def test_what_is_kept_is_bounded() -> None:
    way = path("G91", "M4 S9 F600", *(["G1 X1"] * (MAX_STRETCHES + 10)))
    assert way.went((11, 0), 0.1, True) is None  # it forgot where it was
    assert way.went((12, 0), 0.1, True) == Went(0.1, 0.1, 1.0)


def report(state: str, x: float, power: float, offset: tuple[float, ...] | None = None) -> Report:
    return Report(state, machine=(x, 0.0, 0.0), offset=offset, feed=600.0, speed=power)


def laser_ms(*facts: tuple[object, float], lines: list[str]) -> int:
    tracker = Tracker(lambda: "1")
    tracker.receive(Setting(32, "1"), 0.0)
    events: list[MachineEvent] = []
    events += tracker.receive(report("Idle", 100.0, 0.0, (100.0, 0.0, 0.0)), 0.0)
    tracker.sender_came(lines)
    for fact, at_s in facts:
        assert isinstance(fact, Report | Greeting | Acknowledged)
        events += tracker.receive(fact, at_s, waiting=1)
    return tracker.reading().counters[Quantity.LASER_TIME_MS]


def test_the_tracker_takes_the_way_and_falls_back_to_samples() -> None:
    half = report("Run", 105.0, 100.0), 0.5
    dark = report("Run", 112.0, 0.0), 1.2
    assert laser_ms(half, dark, lines=ROW) == 1_000
    assert laser_ms(half, dark, lines=[]) == 500 // 2 + 700 // 2
    refused = Acknowledged(20), 0.1
    assert laser_ms(refused, half, dark, lines=ROW) == 600
    reset = Greeting("Grbl 1.1h"), 0.1
    assert laser_ms(reset, half, dark, lines=ROW) == 350

"""Counters, busy time and the learner of plugs: pure functions with truths worked out by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from firmware_bridge.counting import BusyTime, Counter
from firmware_bridge.events import ActivityChanged, Noise, ReadingTaken
from firmware_bridge.gauges import Gauge
from firmware_bridge.plugs.facts import Presence, Sample
from firmware_bridge.plugs.learn import main, propose
from firmware_bridge.plugs.tracker import Limits, PlugTracker
from firmware_bridge.shelly.parser import Shelly
from firmware_bridge.tasmota.parser import Tasmota
from firmware_bridge.transports import Told
from floor.meter import Quantity
from floor.words import Activity
from gateway.metering import SessionMeter

KILOWATT = 1_000_000  # mWh in an hour


@pytest.mark.parametrize(
    ("shown", "counted"),
    [
        ([(5_000, 0), (5_001, 5), (7_000, 10)], 2_000),  # the first reading is where it begins
        ([(900_000, 0), (30, 60), (50, 90)], 50),  # restarted: what it shows was used since
        ([(900_000, 0), (890_000, 10), (891_000, 20)], 1_000),  # fell back to what it had saved
        ([(0, 0), (50_000_000, 10), (50_000_100, 20)], 100),  # set by hand
        ([(0, 0), (5_000_000, 5 * 3600)], 5_000_000),  # a gap of five hours at a kilowatt
        ([(40_000_000, 0), (19_000_000, 10)], 0),  # restarted, they say, and 19 kWh in ten seconds
    ],
)
def test_what_a_counter_grows(shown: list[tuple[int, int]], counted: int) -> None:
    counter, totals = Counter(most_per_h=KILOWATT), [0]
    for value, at_s in shown:
        counter.take(value, at_s)
        totals.append(counter.total)
    assert totals == sorted(totals)
    assert counter.total == counted


def busy(samples: list[tuple[float, float]], after_s: float = 4.0) -> tuple[float, bool]:
    work = BusyTime(20, 10, after_s, gap_s=10)
    for at_s, watts in samples:
        work.take(watts, at_s)
    return work.total_s, work.busy


@pytest.mark.parametrize(
    ("samples", "total_s", "now"),
    [
        ([(0, 100), (2, 100), (4, 100), (6, 100)], 6, True),  # from the first, once it is sure
        ([(0, 100), (2, 5), (4, 5)], 0, False),  # an inrush is no work
        ([(0, 100), (5, 100), (6, 5), (8, 100), (10, 100)], 10, True),  # a pause that is short is work
        ([(0, 100), (5, 100), (6, 5), (8, 5), (10, 5)], 6, False),  # a pause that is long is none
        ([(0, 100), (5, 100), (6, 15), (12, 15)], 12, True),  # between the thresholds it goes on
        ([(0, 15), (5, 15), (9, 15)], 0, False),
        ([(0, 100), (5, 100), (100, 100), (105, 100)], 10, True),  # 95 s of which nobody knows
        ([(0, 100), (5, 100), (3, 100)], 5, False),  # a clock that runs backwards proves nothing
    ],
)
def test_busy_time_lies_between_samples_that_prove_it(
    samples: list[tuple[float, float]], total_s: float, now: bool
) -> None:
    assert busy(samples) == (total_s, now)


def tracker() -> PlugTracker:
    made = PlugTracker(Limits(20, 10, 0, 3680, 30))
    made.connected(0)
    return made


def test_silence_and_the_last_will_are_told_once_and_end_the_busy_time() -> None:
    plug = tracker()
    plug.receive(Sample(100, 1_000_000, True), 1)  # type: ignore[arg-type]
    plug.receive(Sample(100, 1_000_500, True), 11)  # type: ignore[arg-type]
    assert plug.gauges == (Gauge("power", 100, None, "W"),)
    assert plug.tick(41) == []
    assert plug.tick(42) == [ActivityChanged(Activity.UNREACHABLE, "it was silent for 30 s")]
    assert plug.gauges == ()
    assert plug.tick(80) == []
    assert plug.receive(Presence(True), 81) == []
    said = plug.receive(Sample(100, 1_002_000, True), 90)  # type: ignore[arg-type]
    assert said == [
        ReadingTaken({Quantity.ENERGY_MWH: 2_000, Quantity.BUSY_TIME_MS: 10_000}),
        ActivityChanged(Activity.BUSY),
    ]
    assert plug.receive(Presence(False, "gone"), 91) == [ActivityChanged(Activity.UNREACHABLE, "gone")]
    assert [type(one) for one in plug.receive(Sample(energy_mwh=1_001_900), 95)] == [Noise]


def test_a_session_takes_the_busy_time_that_the_machine_proves() -> None:
    meter = SessionMeter(0, {Quantity.BUSY_TIME_MS: 5_000}, Activity.BUSY)
    meter.reading({Quantity.BUSY_TIME_MS: 8_000})
    assert meter.counters(60_000)[Quantity.BUSY_TIME_MS] == 3_000
    assert SessionMeter(0, {}, Activity.BUSY).counters(60_000)[Quantity.BUSY_TIME_MS] == 60_000


def test_retained_messages_prove_presence_and_nothing_else() -> None:
    status = b'{"params":{"switch:0":{"output":true,"apower":9.5,"aenergy":{"total":1062.217}}}}'
    shelly = Shelly("p", 0, "s")
    assert shelly.parse(Told("p/events/rpc", status, retained=True)) == []
    (sample,) = shelly.parse(Told("p/events/rpc", status))
    assert sample == Sample(sample.watts, 1_062_217, True)  # type: ignore[union-attr]
    assert shelly.parse(Told("p/online", b"false", retained=True)) == [
        Presence(False, "the broker lost it (last will)")
    ]


def test_the_second_relay_of_a_tasmota_has_its_own_power_and_state() -> None:
    tasmota = Tasmota("t", 2)
    body = b'{"ENERGY":{"Total":[1.5,2.25],"Today":0.1,"Power":[7,80]}}'
    (sample,) = tasmota.parse(Told("tele/t/SENSOR", body))
    assert (int(sample.watts), sample.energy_mwh) == (80, 2_250_000)  # type: ignore
    assert tasmota.parse(Told("stat/t/RESULT", b'{"POWER1":"ON"}')) == []
    assert tasmota.parse(Told("stat/t/RESULT", b'{"POWER2":"OFF"}')) == [Sample(on=False)]


def test_two_clusters_are_learned() -> None:
    chance = random.Random(7)
    idle = [max(0.0, chance.gauss(6, 0.5)) for _ in range(400)]
    work = [chance.gauss(320, 60) for _ in range(150)]
    found = propose([*idle, *work])
    assert found is not None
    assert max(idle) < found.idle_below_w < found.busy_above_w < min(work)


@pytest.mark.parametrize("watts", [[], [5.0] * 100, [5.0] * 10 + [300.0] * 5, [float("nan")] * 50])
def test_one_cluster_or_too_little_teaches_nothing(watts: list[float]) -> None:
    assert propose(watts) is None


def test_one_stray_sample_is_no_state() -> None:
    assert propose([5.0] * 500 + [900.0]) is None


def test_the_learner_reads_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "watts.txt"
    file.write_text("4\n" * 60 + "250\n" * 40)
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == "busy_above_w = 63.0\nidle_below_w = 15.9\n"
    file.write_text("4\n" * 60)
    with pytest.raises(SystemExit):
        main([str(file)])

"""What the technician's commands print: events in units that people read, and hints."""

from __future__ import annotations

import pytest

from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobRefused,
    JobStarted,
    MachineEvent,
    Noise,
    ReadingTaken,
)
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from gateway.tools.lines import Lines, amount
from gateway.tools.machines import Meant, hint


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Identified("OctoPrint", "1.11.8"), "machine    OctoPrint 1.11.8"),
        (ActivityChanged(Activity.UNREACHABLE, "gone"), "unreachable gone"),
        (ActivityChanged(Activity.IDLE), "idle"),
        (JobStarted("7", "part", "ada"), "job begins part of ada [7]"),
        (JobStarted("7", "", None), "job begins without a name [7]"),
        (JobProgressed("7", 0.254, 90), "progress   25.4%, 0:01:30 h left"),
        (JobEnded("7", JobOutcome.DONE, 3_725_000, "well"), "job done   after 1:02:05 h well"),
        (JobRefused("G1 X9"), "refused    G1 X9"),
        (Noise("odd"), "noise      odd"),
        (ReadingTaken({Quantity.JOBS: 0}), ""),
    ],
)
def test_every_event_has_a_line(event: MachineEvent, line: str) -> None:
    assert Lines().line(event) == line


def test_counters_are_shown_as_what_they_grew_by() -> None:
    lines = Lines()
    first = ReadingTaken({Quantity.FILAMENT_UM: 1_500_000, Quantity.JOBS: 1})
    assert lines.line(first) == "reading    filament +1.500 m = 1.500 m, jobs +1 = 1"
    assert lines.line(first) == ""
    assert lines.line(ReadingTaken({Quantity.ENERGY_MWH: 2_500})) == "reading    energy +2.500 Wh = 2.500 Wh"


@pytest.mark.parametrize("quantity", Quantity)
def test_every_quantity_has_a_unit(quantity: Quantity) -> None:
    assert amount(quantity, 12_000_000) != "12000000" or quantity is Quantity.JOBS


@pytest.mark.parametrize(
    ("words", "runs", "hinted"),
    [
        ("[Errno 11] Could not exclusively lock port /dev/x", True, "the running gateway holds this line"),
        ("[Errno 11] Could not exclusively lock port /dev/x", False, "another program holds this line"),
        ("[Errno 98] Address already in use", True, "the running gateway holds this line"),
        ("Connect call failed ('10.0.0.9', 80)", False, "the connection is refused"),
        ("could not open port: [Errno 2] No such file or directory", False, "is it plugged in?"),
        ("could not open port: [Errno 13] Permission denied", False, "dialout"),
        ("it was silent for 30 s", False, ""),
    ],
)
def test_hints(words: str, runs: bool, hinted: str) -> None:
    found = hint(words, Meant("laser", "grbl", {}, "here", runs))
    assert hinted in found
    assert bool(found) == bool(hinted)

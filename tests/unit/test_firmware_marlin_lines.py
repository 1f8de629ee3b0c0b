"""Marlin's lines: what they say, what a host may pass, and what they come to."""

from __future__ import annotations

import pytest

from firmware_bridge.events import (
    ActivityChanged,
    JobEnded,
    JobStarted,
    Noise,
    ReadingTaken,
)
from firmware_bridge.gauges import Gauge
from firmware_bridge.marlin.gate import LOST_S, MAX_KEPT, QUIET_S, TOO_MANY, Gate, Passed
from firmware_bridge.marlin.lines import Line, numbered, read_line
from firmware_bridge.marlin.meter import PrintTimer, Spool
from firmware_bridge.marlin.parser import (
    Action,
    Busy,
    Capability,
    CurrentFile,
    DonePrinting,
    Failed,
    FileOpened,
    Firmware,
    Greeting,
    Heard,
    NotPrinting,
    Ok,
    Printing,
    PrintTime,
    Resend,
    Said,
    Temperatures,
    UnknownCommand,
    parse_line,
)
from firmware_bridge.marlin.tracker import Tracker
from floor.gcode import Filament
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

WARM = Temperatures({"T": (25.45, 0.0), "B": (25.45, 0.0)})


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (b"start\n", Greeting()),
        (b"ok\r\n", Ok()),
        (b"ok N12 P15 B3\n", Ok()),
        (b"ok T:25.45 /0.00 B:25.45 /0.00 @:0 B@:0\n", Ok(WARM)),  # an Ender 3
        (b" T:25.45 /0.00 B:25.45 /0.00 @:0 B@:0\n", WARM),
        (b"T:21.30/ 205.00 T1:9.00/ 0.00 @:64\n", Temperatures({"T": (21.3, 205.0), "T1": (9.0, 0.0)})),
        (b"T:150.2 E:0 W:?\n", Temperatures({})),  # Marlin 1.1 waits for heat
        (b"echo:busy: processing\n", Busy("processing")),
        (b"busy:processing\n", Busy("processing")),
        (b"echo:busy: paused for user\n", Busy("paused for user")),
        (b"Resend: 12\n", Resend(12)),
        (b"rs N12\n", Resend(12)),
        (b"Error:checksum mismatch, Last Line: 11\n", Failed("checksum mismatch, Last Line: 11", False)),
        (
            b"Error:Printer halted. kill() called!\n",
            Failed("Printer halted. kill() called!", True),
        ),
        (b"//action:cancel\n", Action("cancel")),
        (b"// action:pause\n", Action("pause")),
        (b"SD printing byte 123/4567\n", Printing(123, 4567)),
        (b"TF printing byte 0/0\n", Printing(0, 0)),
        (b"Not SD printing\n", NotPrinting()),
        (b"Not TF printing\n", NotPrinting()),
        (b"Done printing file\n", DonePrinting()),
        (b"File opened: BENCHY~1.GCO Size: 2345678\n", FileOpened("BENCHY~1.GCO")),
        (b"Current file: BENCHY~1.GCO A little boat.gcode\n", CurrentFile("A little boat.gcode")),
        (b"Current file: (no file)\n", CurrentFile("")),
        (b"echo:Print time: 1d 2h 3m 4s\n", PrintTime(93_784)),
        (b"echo:Print time: 0s\n", PrintTime(0)),
        (
            b"FIRMWARE_NAME:Marlin 2.0.8 (Aug 3 2021 12:00:00) SOURCE_CODE_URL:g PROTOCOL_VERSION:1.0 "
            b"MACHINE_TYPE:Ender-3 EXTRUDER_COUNT:2 UUID:c\n",
            Firmware("Marlin 2.0.8 (Aug 3 2021 12:00:00)", "Ender-3", 2),
        ),
        (b"Cap:AUTOREPORT_TEMP:1\n", Capability("AUTOREPORT_TEMP", True)),
        (b'echo:Unknown command: "M27"\n', UnknownCommand("M27")),
        (b"echo:TF init fail\n", Said("echo:TF init fail")),
        (b"\n", Said("")),
    ],
)
def test_what_a_line_says(line: bytes, fact: object) -> None:
    assert parse_line(line) == fact


@pytest.mark.parametrize("line", [b"\x80\n", b"o\x00k\n", b"\xff\xfe ok\n"])
def test_what_is_no_text_is_noise(line: bytes) -> None:
    assert isinstance(parse_line(line), Noise)


def of(text: str) -> Line:
    line = read_line(text.encode())
    assert line is not None
    return line


@pytest.mark.parametrize(
    "line",
    [
        "M105",
        "m115",
        "N3 M110 N3*1",
        "M104 S0",
        "M109 R0",
        "M140 T0 S0.0",
        "M106 S0",
        "G90",
        "G92 E0",
        "M25",
        "M112",
    ],
)
def test_questions_stops_modes_and_cold_heaters_pass(line: str) -> None:
    assert of(line).harmless
    assert not of(line).begins


WORK = [
    "G0 X1",
    "G1E5",
    "N7 G28*9",
    "M104 S200",
    "M104",
    "M140 S60",
    "M24",
    "M32 a.g",
    "M23 a.g",
    "M28 a.g",
    "T1",
]
WORK += ["M500", "M303 E0 S200 C8", "M105\bG1 X1", "X1", "G1.5", "M22", "M600", "é", "M106 S255", "M0"]


@pytest.mark.parametrize("line", WORK)
def test_work_needs_somebody(line: str) -> None:
    assert not of(line).harmless
    passed = Gate(authorised=False).from_host(f"{line}\n".encode(), 0.0)
    assert b"M105" in passed.machine
    assert passed.refused


def test_blank_lines_and_comments_are_answered_by_nobody() -> None:
    passed = Gate().from_host(b"\r\n; comment\n  \nG1 X1 ; more\n", 0.0)
    assert bytes(passed.machine) == b"G1 X1 ; more\n"
    assert bytes(passed.host) == b""


def said(gate: Gate, line: bytes, at_s: float = 0.0) -> tuple[bytes, bytes]:
    """Let the machine say a line; returns what the host and what the machine are told."""
    answered, passed = gate.from_machine(Heard(line, parse_line(line)), at_s), Passed()
    gate.pump(passed, at_s)
    return answered.host + bytes(passed.host), bytes(passed.machine)


def test_a_refused_line_keeps_its_number() -> None:
    gate = Gate(authorised=False)
    passed = gate.from_host(numbered(5, "G28") + b"\n", 0.0)
    assert bytes(passed.machine) == numbered(5, "M105") + b"\n"
    assert said(gate, b"ok T:20 /0\n") == (b"ok T:20 /0\n", b"")


def test_a_question_of_ours_waits_for_the_host_and_then_the_host_for_it() -> None:
    gate = Gate()
    gate.from_host(b"G1 X1\n", 0.0)
    assert gate.ask("M27") == 1
    assert said(gate, b"echo:hello\n") == (b"echo:hello\n", b"")
    assert said(gate, b"ok\n") == (b"ok\n", b"M27\n")
    assert bytes(gate.from_host(b"G1 X2\nM112\n", 0.0).machine) == b"M112\n"  # what stops does not wait
    assert said(gate, b"Not SD printing\n") == (b"", b"")
    assert said(gate, b"echo:busy: processing\n") == (b"echo:busy: processing\n", b"")
    assert said(gate, b"ok\n") == (b"", b"G1 X2\n")
    assert gate.answered == 1


def test_a_question_that_is_lost_holds_up_nobody_for_long() -> None:
    gate, passed = Gate(), Passed()
    gate.ask("M27")
    gate.pump(passed, 0.0)
    assert bytes(gate.from_host(b"G1 X1\n", 1.0).machine) == b""
    assert bytes(gate.from_host(b"", LOST_S + 1).machine) == b"G1 X1\n"
    assert gate.answered == 1


def test_what_a_resend_throws_away_is_not_waited_for() -> None:
    gate = Gate()
    gate.from_host(b"".join(numbered(n, f"G1 X{n}") + b"\n" for n in (1, 2, 3)), 0.0)
    said(gate, b"Error:checksum mismatch, Last Line: 1\n")
    assert said(gate, b"Resend: 2\n") == (b"Resend: 2\n", b"")
    assert gate.waiting == 1
    assert said(gate, b"ok\n")[0] == b"ok\n"
    assert said(gate, b"ok\n")[0] == b"ok\n"  # the one of the Resend, where a firmware says one
    assert gate.waiting == 0


def test_an_ok_that_noise_ate_is_made_up_for_by_the_next_temperatures() -> None:
    gate = Gate()
    gate.from_host(b"G1 X1\nG1 X2\nM105\nG1 X3\n", 0.0)
    answered = gate.from_machine(Heard(b"ok T:20 /0\n", parse_line(b"ok T:20 /0\n")), 0.0)
    assert [line.text for line in answered.done] == ["G1 X1", "G1 X2", "M105"]
    assert gate.waiting == 1
    gate.from_host(b"M105\n", 1.0)
    gate.host_left()
    gate.from_host(b"M105\n", 2.0)
    assert said(gate, b"ok T:20 /0\n")[0] == b""  # to one that left
    assert said(gate, b"ok T:20 /0\n")[0] == b"ok T:20 /0\n"
    assert gate.waiting == 0


def test_a_file_cannot_make_the_machine_say_what_would_stop_the_meters() -> None:
    passed = Gate().from_host(numbered(4, "M118 start") + b"\nM118 //action:pause\n", 0.0)
    assert bytes(passed.machine) == numbered(4, "M105") + b"\nM105\n"
    assert passed.refused == []


def test_what_stops_goes_first_and_what_it_overtook_still_counts() -> None:
    gate, spool = Gate(), Spool(Filament())
    gate.held = True
    lines = "M83", "G1 E3", "M108"
    passed = gate.from_host(b"".join(numbered(n, text) + b"\n" for n, text in enumerate(lines)), 0.0)
    assert bytes(passed.machine) == b"M108\n"
    gate.held = False
    gate.pump(passed, 0.0)
    for _ in range(3):
        for line in gate.from_machine(Heard(b"ok\n", Ok()), 0.0).done:
            spool.done(line)
    assert spool.used_um == 3_000


def test_a_host_that_waits_for_no_answer_is_told_what_it_lost() -> None:
    gate = Gate()
    gate.held = True
    passed = gate.from_host(b"G1 X1\n" * (MAX_KEPT + 2), 0.0)
    assert bytes(passed.host) == TOO_MANY * 2
    assert gate.full


def test_after_a_stop_the_rest_of_the_print_does_not_follow() -> None:
    gate = Gate()
    gate.stopped(10.0)
    assert gate.from_host(b"G1 X1\n", 10.1).refused == ["G1 X1"]
    assert gate.from_host(b"G1 X1\n", 10.1 + QUIET_S).refused == []
    gate.stopped(20.0)
    assert gate.from_host(b"M110 N0\nG1 X1\n", 20.1).refused == []


def test_what_is_saved_to_the_card_is_no_work() -> None:
    gate = Gate()
    gate.from_host(b"M28 a.g\n", 0.0)
    said(gate, b"Writing to file: a.g\n")
    passed = gate.from_host(b"G1 X1 E5\nM29\nG1 X2\n", 0.0)
    assert [line.text for line in passed.lines] == ["G1 X2"]
    gate.authorised = False
    assert gate.from_host(b"M28 a.g\nG1 X1\n", 0.0).refused == ["M28 a.g", "G1 X1"]


def test_a_line_that_comes_twice_counts_once_and_a_first_absolute_e_is_only_a_place() -> None:
    spool = Spool(Filament())
    for text in ("N1 G1 E500*0", "N2 G1 E503*0", "N2 G1 E503*0", "N3 M83*0", "N4 G1 E1*0", "N4 G1 E1*0"):
        spool.done(of(text))
    assert spool.used_um == 4_000
    spool.restart(e_known=True)
    spool.done(of("G1 E2"))
    spool.done(of("G91"))
    spool.done(of("G1 E1"))
    assert spool.used_um == 7_000


def test_the_printers_timer_fills_a_gap_and_no_more() -> None:
    timer = PrintTimer()
    assert timer.take(100, 5.0, 10.0) == 0
    timer.gap = True
    assert timer.take(160, 7.0, 70.0) == 58
    timer.gap = True
    assert timer.take(100_000, 67.0, 80.0) == pytest.approx(8.0)
    timer.gap = True
    assert timer.take(3, 70.0, 90.0) == 0  # it began anew


def test_a_host_that_pauses_for_a_person_and_a_printer_that_halts() -> None:
    tracker, events = Tracker(lambda: "a", quiet_s=5.0), []
    events += tracker.passed(of("M109 S200"), 0.0)
    events += tracker.receive(Busy("processing"), 2.0, True)
    events += tracker.done(of("M109 S200"), 4.0)
    events += tracker.receive(Busy("paused for user"), 5.0, True)
    events += tracker.receive(Busy("processing"), 65.0, True)
    events += tracker.receive(Busy("processing"), 67.0, True)
    events += tracker.receive(Failed("Heating failed, system stopped! Heater_ID: 0", True), 70.0, True)
    events += tracker.receive(Failed("Printer halted. kill() called!", True), 70.0, True)
    ended = [event for event in events if isinstance(event, JobEnded)]
    assert [(event.outcome, event.job_time_ms) for event in ended] == [(JobOutcome.FAILED, 6_000)]
    said_last = [event for event in events if isinstance(event, ActivityChanged)][-1]
    assert said_last == ActivityChanged(Activity.FAULTED, "Heating failed, system stopped! Heater_ID: 0")
    assert not [event for event in events if isinstance(event, JobStarted)][1:]


def test_only_what_is_work_is_time_and_filament_where_a_line_is_not_acknowledged() -> None:
    tracker = Tracker(lambda: "a", quiet_s=5.0)
    tracker.passed(of("G1 X1"), 0.0)
    tracker.receive(WARM, 60.0, False)  # the temperatures that it says by itself
    assert tracker.reading().counters[Quantity.JOB_TIME_MS] == 0
    tracker.receive(Failed("Printer stopped due to errors.", True), 61.0)
    tracker.done(of("M83"), 62.0)
    tracker.done(of("G1 E5"), 62.0)
    assert tracker.reading().counters[Quantity.FILAMENT_UM] == 0
    tracker.done(of("M999"), 63.0)
    assert ActivityChanged(Activity.IDLE, "") in tracker.receive(Ok(), 64.0)
    tracker.done(of("M83"), 65.0)
    late = tracker.done(of("G1 E5"), 66.0)  # sent before a cancel, acknowledged after it
    assert [event.counters[Quantity.FILAMENT_UM] for event in late if isinstance(event, ReadingTaken)] == [
        5_000
    ]


def test_another_host_gets_no_job_of_one_that_left_and_a_host_may_go_on_by_itself() -> None:
    ids = iter("abc")
    tracker = Tracker(lambda: next(ids))
    tracker.passed(of("G28"), 0.0)
    tracker.receive(Action("paused"), 1.0, False)
    assert tracker.held
    assert tracker.passed(of("G1 X1"), 31.0)[0] == ActivityChanged(Activity.BUSY, "prints")
    assert tracker.host_prints
    tracker.host_left()
    assert not tracker.host_prints
    events = tracker.passed(of("G1 X2"), 32.0)
    assert JobEnded("a", JobOutcome.UNKNOWN, 0, "the host left before the print ended") in events
    assert JobStarted("b", "print of a host", None) in events


def test_its_gauges_are_what_its_heaters_said_last() -> None:
    tracker = Tracker(lambda: "a")
    assert tracker.gauges == ()
    for line in (b"ok T:25.45 /0.00 B:25.45 /0.00 @:0 B@:0\n", b" T:214.6 /215.0 B:59.98 /60.0 @:64 B@:31\n"):
        tracker.receive(parse_line(line), 0.0)
    assert tracker.gauges == (Gauge("nozzle", 215, 215), Gauge("bed", 60, 60))
    tracker.lost()
    assert tracker.gauges == ()

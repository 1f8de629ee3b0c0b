"""GRBL's lines: what they say, what a sender may pass, and what a driver makes of a late board."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import ActivityChanged, Identified, MachineEvent, Noise
from firmware_bridge.grbl.codes import alarm_words, error_words, family
from firmware_bridge.grbl.driver import GrblDriver, GrblSettings
from firmware_bridge.grbl.gate import Gate, is_query, moves_nothing
from firmware_bridge.grbl.parser import (
    Acknowledged,
    Alarm,
    Build,
    Greeting,
    Heard,
    Message,
    Report,
    Said,
    Setting,
    parse_line,
)
from firmware_bridge.grbl.tracker import Tracker
from firmware_bridge.transports import Stream
from firmware_bridge.transports.scripted import ScriptedTransports
from floor.errors import ConfigError
from floor.words import Activity, JobOutcome


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        # interface.md, "Real-time Status reports"
        (
            b"<Run|MPos:13.972,0.000,0.000|FS:1200,500>\r\n",
            Report("Run", machine=(13.972, 0.0, 0.0), feed=1200.0, speed=500.0),
        ),
        (
            b"<Hold:1|WPos:-2.5,0,11|F:500|Bf:15,128|Ln:99999|Pn:XD|WCO:0,1.551,5.664>\r\n",
            Report(
                "Hold", 1, None, (-2.5, 0, 11), (0, 1.551, 5.664), 500, None, None, "", "XD", (15, 128), 99999
            ),
        ),
        (
            b"<Door:3|MPos:0,0,0|FS:0,0|Ov:100,50,25|A:SFM>\r\n",
            Report("Door", 3, (0, 0, 0), None, None, 0, 0, (100, 50, 25), "SFM"),
        ),
        # grblHAL and FluidNC: a job from their own card
        (
            b"<Run|MPos:1,2|FS:9,8|SD:12.5,/a/b.nc>\n",
            Report("Run", None, (1, 2), feed=9, speed=8, card=(12.5, "/a/b.nc")),
        ),
        (b"Grbl 1.1h ['$' for help]\r\n", Greeting("Grbl 1.1h ['$' for help]")),
        (b"ok\r\n", Acknowledged()),
        (b"error:20\r\n", Acknowledged(20)),
        (b"error: Bad number format\r\n", Acknowledged(0)),
        (b"ALARM:1\r\n", Alarm(1)),
        (b"[MSG:Pgm End]\r\n", Message("Pgm End")),
        (b"$32=1\r\n", Setting(32, "1")),
        (b"$110=6000.000 (x max rate)\r\n", Setting(110, "6000.000")),
        (b"[VER:1.1h.20190830:Some string]\r\n", Build("VER", "1.1h.20190830:Some string")),
        (b"[OPT:V,15,128]\r\n", Build("OPT", "V,15,128")),
        (b"[GC:G0 G54 G17]\r\n", Said("[GC:G0 G54 G17]")),
        (b">G54G20:ok\r\n", Said(">G54G20:ok")),
        (b"\r\n", Said("")),
    ],
)
def test_what_a_line_says(line: bytes, fact: object) -> None:
    assert parse_line(line) == fact


@pytest.mark.parametrize("line", [b"<Run|MPos:1,2", b"<Flying|MPos:0,0,0>", b"hello", b"\xff\xfe", b"ok ok"])
def test_what_no_grbl_says_is_noise(line: bytes) -> None:
    assert isinstance(parse_line(line), Noise)


def test_numbers_have_words_and_families_differ_from_ten_on() -> None:
    assert error_words(9) == "error:9 (G-code is locked out during an alarm or a jog)"
    assert "manual" in error_words(999)
    assert "hard limit" in alarm_words(1, "grbl")
    hal = family("GrblHAL 1.1f ['$' or '$HELP' for help]")
    fluid = family("Grbl 3.7 [FluidNC v3.7.8 (wifi) '$' for help]")
    assert "emergency stop" in alarm_words(10, hal)
    assert "spindle control" in alarm_words(10, fluid)
    assert "manual" in alarm_words(10, family("Grbl 1.1h ['$' for help]"))


@pytest.mark.parametrize(
    "line", ["", " ", "$", "$$", "$#", "$g", "$I", "$N", "$X", "$EA", "; note", "(note)", "[ESP420]"]
)
def test_questions_pass_at_any_time(line: str) -> None:
    assert is_query(line)


@pytest.mark.parametrize("line", ["G21", "g90 G21", "M5", "S0", "G54", "F600", "N10 G17 (xy)"])
def test_modes_without_motion_or_light_pass(line: str) -> None:
    assert not is_query(line)
    assert moves_nothing(line)


WORK = ["G0X1", "X1", "G1", "S500", "M3", "M4S0", "G28", "G38.2Z-1F9", "$H", "$J=X1F9", "$32=0", "$RST=*"]
WORK += ["G10L2P1X0", "M8", "G4P1", "M62P1", "[ESP444]RESTART", "$SD/Run=a", "#1=2", "G"]


@pytest.mark.parametrize(
    "line", [*WORK, "G10L2P1X0", "M8", "G4P1", "M62P1", "[ESP444]RESTART", "$SD/Run=a", "#1=2", "G"]
)
def test_work_needs_somebody(line: str) -> None:
    assert not is_query(line)
    assert not moves_nothing(line)
    gate = Gate(authorised=False)
    passed = gate.from_sender(f"{line}\n".encode(), 0.0)
    assert (bytes(passed.machine), bytes(passed.sender)) == (b"", b"error:9\r\n")


def said(gate: Gate, line: bytes) -> bytes:
    return gate.from_machine(Heard(line, parse_line(line)))[0]


def test_a_refused_line_is_answered_in_its_turn() -> None:
    gate = Gate(authorised=False)
    passed = gate.from_sender(b"$G\nG1X1\n\n", 0.0)
    assert (bytes(passed.machine), bytes(passed.sender)) == (b"$G\n\n", b"")
    assert said(gate, b"[GC:G0]\r\n") == b"[GC:G0]\r\n"
    assert said(gate, b"ok\r\n") == b"ok\r\nerror:9\r\n"
    assert said(gate, b"ok\r\n") == b"ok\r\n"


def test_stops_pass_and_starts_do_not() -> None:
    passed = Gate(authorised=False).from_sender(b"!~\x18\x84\x81", 0.0)
    assert bytes(passed.machine) == b"!\x18\x84"
    assert passed.reset


def test_a_report_goes_to_whoever_asked() -> None:
    gate, report = Gate(), b"<Idle|MPos:0,0,0|FS:0,0>\r\n"
    assert gate.ask(0.0, 0.05) == b"?"
    assert gate.ask(0.5, 0.05) == b""  # one is on its way
    assert said(gate, report) == b""
    assert bytes(gate.from_sender(b"?", 0.6).machine) == b"?"
    assert said(gate, report) == report
    assert gate.ask(1.0, 0.05) == b"?"
    assert bytes(gate.from_sender(b"?", 1.01).machine) == b""  # GRBL would answer both at once
    assert said(gate, report) == report
    assert said(gate, report) == report  # nobody asked: the machine reports by itself
    assert gate.ask(2.0, 0.05) == b"?"
    assert gate.ask(4.0, 0.05) == b"?"  # the answer did not come: it homes


def test_line_ends_of_every_kind_pass_as_one_line() -> None:
    gate = Gate()
    for piece in (b"G21\r", b"\nG90\n", b"G91\r\n\r\n"):
        gate.from_sender(piece, 0.0)
    assert gate.waiting == 3
    long = Gate().from_sender(b"G1 " + b"X" * 600 + b"\n", 0.0)
    assert bytes(long.sender) == b"error:11\r\n"


def test_after_a_stop_the_rest_of_the_job_does_not_follow() -> None:
    gate = Gate()
    gate.stopped(10.0)
    assert gate.from_sender(b"G90\nG1X1\n", 10.1).refused == ["G90", "G1X1"]
    assert gate.from_sender(b"G1X1\n", 12.0).refused == ["G1X1"]
    assert gate.from_sender(b"G1X1\n", 14.5).refused == []
    gate.stopped(20.0)
    assert gate.from_sender(b"\x18G1X1\n", 20.1).refused == []


def test_answers_to_a_sender_that_left_do_not_reach_the_next() -> None:
    gate = Gate()
    gate.from_sender(b"G1X1\n$G\nG1 X", 0.0)
    gate.sender_changed()
    assert gate.waiting == 1
    gate.from_sender(b"G21\n", 0.0)
    assert [said(gate, b"ok\r\n") for _ in range(3)] == [b"", b"", b"ok\r\n"]
    assert gate.waiting == 0


async def first(driver: GrblDriver, kind: type[MachineEvent]) -> list[MachineEvent]:
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, kind):
                break
    return seen


class Board:
    """A board that opening resets: it greets late, and what it was told before is lost. See Bytes, Stream."""

    resets = True

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._says: asyncio.Queue[bytes] = asyncio.Queue()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        for piece in (b"junk\r\nGrbl 1.1h ['$'", b" for help]\r\n"):
            self._says.put_nowait(piece)
        yield self

    async def read(self, deadline_s: float) -> bytes:
        async with asyncio.timeout(deadline_s):
            return await self._says.get()

    async def write(self, data: bytes) -> None:
        self.sent.append(data)
        if data == b"$I\n$$\n":
            self._says.put_nowait(b"[VER:1.1h:]\r\n[OPT:V]\r\nok\r\n$32=1\r\nok\r\n")


async def test_a_board_that_opening_reset_is_not_asked_before_it_greets() -> None:
    board = Board()
    driver = GrblDriver(GrblSettings("serial:///dev/ttyX"), transports=ScriptedTransports(line=board))
    async with asyncio.timeout(30):
        seen = await first(driver, Identified)
    assert seen == [Noise("no line of GRBL: junk"), Identified("Grbl 1.1h", "1.1h")]
    assert set(board.sent) == {b"?", b"$I\n$$\n"}


async def test_a_lost_line_is_said() -> None:
    driver = GrblDriver(
        GrblSettings("tcp://h:1"), transports=ScriptedTransports(), backoff=Backoff(0.01, 0.01)
    )
    (lost,) = await first(driver, ActivityChanged)
    assert isinstance(lost, ActivityChanged)
    assert lost.activity is Activity.UNREACHABLE


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"url": "tcp://host"}, "url"), ({"url": "tcp://h:1", "mode": "proxy", "listen": "x"}, "listen")],
)
def test_settings_that_name_nothing_are_refused(settings: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        GrblDriver(GrblSettings(**settings))
    assert caught.value.key == key


def hear(tracker: Tracker, line: str, at_s: float) -> list[MachineEvent]:
    return tracker.receive(parse_line(line.encode()), at_s)


def test_a_lock_that_only_wants_homing_is_no_fault() -> None:
    tracker = Tracker(lambda: "1")
    hear(tracker, "GrblHAL 1.1f ['$' or '$HELP' for help]", 0)
    (said,) = [*hear(tracker, "ALARM:11", 0.1), *hear(tracker, "<Alarm:11|MPos:0,0,0>", 0.2)]
    assert isinstance(said, ActivityChanged)
    assert (said.activity, said.words) == (Activity.IDLE, "locked: home it ($H) or unlock it ($X)")
    (said,) = hear(tracker, "<Alarm:17|MPos:0,0,0>", 0.3)
    assert isinstance(said, ActivityChanged)
    assert (said.activity, said.words) == (Activity.FAULTED, "ALARM:17 (motor fault)")


def test_a_job_whose_end_nobody_saw_ends_as_unknown() -> None:
    tracker = Tracker(lambda: "1", laser="yes")
    hear(tracker, "<Idle|MPos:0,0,0|FS:0,9>", 0)
    for tick in range(1, 11):
        hear(tracker, "<Run|MPos:0,0,0|FS:60,9>", tick / 10)
    tracker.lost()
    *_, reading, ended, _ = hear(tracker, "<Idle|MPos:0,0,0|FS:0,9>", 61)
    assert ended.outcome is JobOutcome.UNKNOWN  # type: ignore[union-attr]
    assert dict(reading.counters) == {  # type: ignore[union-attr]
        "job_time_ms": 950,
        "jobs": 1,
        "laser_time_ms": 950,
        "travel_um": 950,
    }


def test_inches_are_metered_in_metres_parts() -> None:
    tracker = Tracker(lambda: "1", laser="no")
    hear(tracker, "$13=1", 0)
    for tick in range(11):
        hear(tracker, "<Run|MPos:0,0,0|FS:60,9>", tick / 10)
    assert tracker.reading().counters["travel_um"] == 25_400  # type: ignore[index]

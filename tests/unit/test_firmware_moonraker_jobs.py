"""Jobs of Moonraker over gaps, and what its driver does with states and refusals that a test cannot wait for.

The frames have the shapes that Moonraker 0.11.0 sent to a recording client.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobStarted,
    MachineEvent,
    ReadingTaken,
)
from firmware_bridge.moonraker.driver import MoonrakerDriver, MoonrakerSettings
from firmware_bridge.moonraker.parser import Klippy, KlippyState, Row, Status, parse_frame, parse_rows
from firmware_bridge.moonraker.tracker import ROW_PATIENCE, Tracker
from firmware_bridge.transports import Answer
from firmware_bridge.transports.scripted import ScriptedHttp, ScriptedTransports, ScriptedWebSockets
from floor.errors import MachineFault, MachineUnreachable
from floor.gcode import Filament
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

IDLE = Status(True, Klippy.READY, "Printer is ready", "standby", "", "", 0, 0, 0)


def printing(ms: int, path: str = "a.gcode", fresh: bool = False, state: str = "printing") -> Status:
    klippy = Klippy.READY if fresh else None
    return Status(fresh, klippy, state=state, path=path, print_ms=ms, total_ms=ms, used_um=ms)


def row(uid: str = "000001", status: str = "in_progress", ms: int = 100, user: str | None = "ada") -> Row:
    return Row(uid, 1_000, "a.gcode", user, status, ms, ms, ms)


def of(events: list[MachineEvent], kind: type) -> list[MachineEvent]:
    return [event for event in events if isinstance(event, kind)]


class Machine:
    """A tracker, and all that it said."""

    def __init__(self) -> None:
        self.tracker = Tracker(Filament(), "run")
        self.said: list[MachineEvent] = []

    def take(self, *facts: Status | Row | KlippyState) -> list[MachineEvent]:
        new = [event for fact in facts for event in self.tracker.receive(fact)]
        self.said += new
        return new

    def reconnect(self, status: Status, *rows: Row) -> list[MachineEvent]:
        self.tracker.lost()
        self.tracker.remember(rows)
        return self.take(status)

    def counted(self) -> tuple[int, int, int]:
        counters = self.tracker.reading().counters
        return (
            counters[Quantity.JOB_TIME_MS],
            counters[Quantity.FILAMENT_UM],
            counters[Quantity.JOBS],
        )


def at_work() -> Machine:
    machine = Machine()
    machine.take(IDLE, printing(100), row(), printing(5_000))
    assert machine.counted() == (5_000, 5_000, 0)
    return machine


@pytest.mark.parametrize(
    ("status", "rows", "ended", "counted"),
    [
        (printing(9_000, fresh=True), [row()], None, (9_000, 9_000, 0)),
        (printing(9_000, fresh=True), [row(status="server_exit")], None, (9_000, 9_000, 0)),
        (IDLE, [row(status="completed", ms=7_000)], JobOutcome.DONE, (7_000, 7_000, 1)),
        (IDLE, [row(status="cancelled", ms=7_000)], JobOutcome.CANCELLED, (7_000, 7_000, 1)),
        (IDLE, [row(status="interrupted", ms=100)], JobOutcome.UNKNOWN, (5_000, 5_000, 1)),
        (printing(8_000, fresh=True, state="complete"), [], JobOutcome.DONE, (8_000, 8_000, 1)),
        # nobody says how long it was paused before it was cancelled
        (printing(8_000, fresh=True, state="cancelled"), [], JobOutcome.CANCELLED, (5_000, 8_000, 1)),
        (printing(8_000, "b.gcode", fresh=True, state="complete"), [], JobOutcome.UNKNOWN, (5_000, 5_000, 1)),
    ],
)
def test_over_a_gap_a_job_goes_on_or_ends_as_history_and_klipper_say(
    status: Status, rows: list[Row], ended: JobOutcome | None, counted: tuple[int, int, int]
) -> None:
    machine = at_work()
    events = machine.reconnect(status, *rows)
    assert [event.outcome for event in events if isinstance(event, JobEnded)] == ([ended] if ended else [])
    assert machine.counted() == counted


def test_another_job_after_a_gap_is_another_job_even_of_the_same_file() -> None:
    machine = at_work()
    machine.reconnect(
        printing(9_000, fresh=True), row("000002", user="bob"), row(status="cancelled", ms=6_000)
    )
    assert [(e.job_id, e.user) for e in machine.said if isinstance(e, JobStarted)] == [
        ("000001@1000", "ada"),
        ("000002@1000", "bob"),
    ]
    assert machine.counted() == (15_000, 15_000, 1)


def test_a_klipper_that_only_dropped_its_moonraker_is_not_billed_twice() -> None:
    machine = at_work()
    machine.take(KlippyState(Klippy.DISCONNECTED), row(status="klippy_disconnect", ms=5_000))
    machine.reconnect(printing(6_000, fresh=True), row(status="klippy_disconnect", ms=5_000))
    machine.take(printing(7_000, state="complete"))
    assert [event.outcome for event in machine.said if isinstance(event, JobEnded)] == [JobOutcome.DONE]
    assert len(of(machine.said, JobStarted)) == 1
    assert machine.counted() == (7_000, 7_000, 1)


def test_a_klipper_that_restarted_has_failed_its_job_and_its_next_is_another() -> None:
    machine = at_work()
    machine.take(KlippyState(Klippy.DISCONNECTED), row(status="klippy_disconnect", ms=6_000))
    assert machine.counted() == (5_000, 5_000, 0)
    # the same file again, and for longer already than the job that failed
    machine.reconnect(printing(9_000, fresh=True), row("000002"), row(status="klippy_disconnect", ms=6_000))
    assert [(e.outcome, e.job_time_ms) for e in machine.said if isinstance(e, JobEnded)] == [
        (JobOutcome.FAILED, 6_000)
    ]
    assert machine.counted() == (15_000, 15_000, 1)


def test_what_is_said_before_anything_is_known_bills_nothing() -> None:
    machine = Machine()
    assert machine.take(Status(False, state="standby"), printing(4_000)) == []
    machine.take(printing(5_000, fresh=True), row())
    assert machine.counted() == (0, 0, 0), "it was joined in the middle"


def test_a_job_that_no_history_names_begins_all_the_same() -> None:
    machine = Machine()
    machine.take(IDLE)
    events = machine.take(*(printing(250 * n) for n in range(1, ROW_PATIENCE + 2)))
    assert of(events, JobStarted) == [JobStarted("a.gcode@run-1", "a.gcode", None)]
    assert machine.counted() == (2_250, 2_250, 0)
    machine.take(printing(2_500), printing(100))  # it was started anew between two words
    assert len(of(machine.said, JobStarted)) == 2
    assert machine.counted() == (2_600, 2_600, 1)


def test_a_retraction_takes_nothing_back_and_the_slicers_weight_comes_when_it_comes() -> None:
    machine = at_work()
    slow = {"filament_total": 1000, "filament_weight_total": 4}
    job = {
        "job_id": "000001",
        "start_time": 1,
        "filename": "a.gcode",
        "status": "in_progress",
        "metadata": slow,
    }
    before = machine.tracker.reading().counters[Quantity.FILAMENT_MG]
    machine.take(*parse_rows({"jobs": [job]}))
    machine.take(Status(False, used_um=3_000))
    assert machine.counted()[1] == 5_000
    assert before == 15
    assert machine.tracker.reading().counters[Quantity.FILAMENT_MG] == 20


def test_a_shutdown_is_a_fault_in_klippers_own_words_and_ends_the_job() -> None:
    machine = at_work()
    words = "MCU 'mcu' shutdown: Timer too close\nThis often indicates the host computer is overloaded."
    frame = {"webhooks": {"state": "shutdown", "state_message": words}, "print_stats": {}}
    fact = parse_frame(
        json.dumps({"jsonrpc": "2.0", "method": "notify_status_update", "params": [frame, 1.0]})
    )
    events = machine.tracker.receive(fact)
    assert events[1:] == [
        JobEnded("000001@1000", JobOutcome.FAILED, 5_000, "MCU 'mcu' shutdown: Timer too close"),
        ActivityChanged(Activity.FAULTED, "MCU 'mcu' shutdown: Timer too close"),
    ]
    assert machine.take(KlippyState(Klippy.SHUTDOWN), printing(6_000)) == []
    assert of(machine.take(KlippyState(Klippy.STARTUP)), ActivityChanged) == [
        ActivityChanged(Activity.UNREACHABLE, "Klipper is starting")
    ]


def reply(number: int, result: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "result": result, "id": number})


SERVER = {"klippy_state": "ready", "moonraker_version": "0.11.0"}
PRINTER = {"state": "ready", "state_message": "Printer is ready", "software_version": "v0.12.0-1"}
STANDBY = {"print_stats": {"state": "standby", "filename": ""}, "webhooks": {"state": "ready"}}
TICK = json.dumps({"jsonrpc": "2.0", "method": "notify_proc_stat_update", "params": [{}]})


async def events_of(frames: list[str], step_s: float = 1.0) -> tuple[list[MachineEvent], list[str]]:
    """Read a driver until its script ends; its clock goes on by a step with each look at it."""
    now_s = 0.0

    def clock() -> float:
        nonlocal now_s
        now_s += step_s
        return now_s

    sockets = ScriptedWebSockets([[*frames]])
    transports = ScriptedTransports(sockets=sockets)
    driver = MoonrakerDriver(
        MoonrakerSettings("http://m", "k"), transports=transports, backoff=Backoff(9, 9), clock=clock
    )
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if (isinstance(event, ActivityChanged) and "script" in event.words) or "silent" in repr(event):
                break
    return seen, [json.loads(text)["method"] for text in sockets.sent]


async def test_an_idle_klipper_is_asked_and_one_that_does_not_answer_is_unreachable() -> None:
    begin = [
        reply(1, {"connection_id": 1}),
        reply(2, SERVER),
        reply(3, PRINTER),
        reply(4, {"count": 0, "jobs": []}),
        reply(5, {"eventtime": 1.0, "status": STANDBY}),
    ]
    seen, asked = await events_of([*begin, *[TICK] * 7, reply(6, PRINTER), *[TICK] * 40])
    assert seen[:2] == [
        Identified("Moonraker 0.11.0", "Klipper v0.12.0-1"),
        ActivityChanged(Activity.IDLE, "standby"),
    ]
    assert asked.count("printer.info") == 3
    assert "Klipper behind Moonraker at http://m is silent" in repr(seen[-1])


@pytest.mark.parametrize(
    ("state", "words", "activity"),
    [
        ("error", "Option 'pin' in section 'fan' must be specified\nOnce the", Activity.FAULTED),
        ("startup", "Printer is not ready\nThe klippy host software is attempting", Activity.UNREACHABLE),
    ],
)
async def test_a_klipper_that_does_not_come_up_is_asked_again_until_it_does(
    state: str, words: str, activity: Activity
) -> None:
    down = {"state": state, "state_message": words, "software_version": "v0.12.0-1"}
    refused = json.dumps({"jsonrpc": "2.0", "error": {"code": 400, "message": "not ready"}, "id": 5})
    first = [reply(1, {}), reply(2, {**SERVER, "klippy_state": state}), reply(3, down)]
    ready = json.dumps({"jsonrpc": "2.0", "method": "notify_klippy_ready"})
    asks = [reply(4, {"jobs": []}), refused] if state == "error" else []
    n = 3 + len(asks)
    again = [reply(n + 1, SERVER), reply(n + 2, PRINTER), reply(n + 3, {"jobs": []})]
    seen, _ = await events_of([*first, *asks, ready, *again, reply(n + 4, {"status": STANDBY})], 0.0)
    assert of(seen, ActivityChanged)[:2] == [
        ActivityChanged(activity, words.split("\n")[0]),
        ActivityChanged(Activity.IDLE, "standby"),
    ]
    assert len(of(seen, Identified)) == 1


def http(*states: str, **answers: Answer) -> MoonrakerDriver:
    queries = [{"result": {"status": {"print_stats": {"state": state}}}} for state in states]
    paths = {
        "/printer/objects/query?print_stats=state": [
            Answer(200, json.dumps(query).encode()) for query in queries
        ],
        "/printer/gcode/script": [answers.get("pause", Answer(200, b'{"result": "ok"}'))],
        "/server/files/upload": [answers.get("upload", Answer(201, b'{"print_started": false}'))],
    }
    transports = ScriptedTransports(requests=ScriptedHttp(paths))
    return MoonrakerDriver(MoonrakerSettings("http://m"), transports=transports)


async def test_refusals_are_said_in_moonrakers_words() -> None:
    refused = Answer(400, b'{"error": {"code": 400, "message": "Must home axis first\\nmore"}}')
    with pytest.raises(MachineFault, match=r"Must home axis first$"):
        await http("printing", pause=refused).hold()
    with pytest.raises(MachineFault, match="has no job to pause: it is complete"):
        await http("printing", "complete").hold()
    with pytest.raises(MachineFault, match="has no job to pause: it is standby"):
        await http("standby").hold()
    with pytest.raises(MachineFault, match="has no job to resume: it is printing"):
        await http("printing").resume()
    with pytest.raises(MachineFault, match="has no job to cancel: it is complete"):
        await http("complete").cancel()
    with pytest.raises(MachineFault, match="did not start it"):
        await http("standby").print_file("a.gcode", Path("a.gcode"))
    queued = Answer(201, b'{"print_started": false, "print_queued": true}')
    with pytest.raises(MachineFault, match="queue_gcode_uploads"):
        await http("standby", upload=queued).print_file("a.gcode", Path("a.gcode"))
    loaded = Answer(403, b'{"error": {"code": 403, "message": "File is loaded, upload not permitted"}}')
    with pytest.raises(MachineFault, match="upload not permitted"):
        await http("complete", upload=loaded).print_file("a.gcode", Path("a.gcode"))
    lost = Answer(503, b'{"error": {"code": 503, "message": "Klippy Host not connected"}}')
    with pytest.raises(MachineUnreachable, match="Klippy Host not connected"):
        await http("printing", pause=lost).hold()


async def test_a_members_name_orders_nothing() -> None:
    answers = {
        "/printer/objects/query?print_stats=state": [Answer(200, b"{}")],
        "/printer/gcode/script": [Answer(200, b"{}")],
    }
    asked = ScriptedHttp(answers)
    driver = MoonrakerDriver(MoonrakerSettings("http://m"), transports=ScriptedTransports(requests=asked))
    await driver.message('Ada;\nM112 "{x}"#')
    assert asked.asked[-1][2] == {"script": "M117 Ada  M 112   x"}


def test_readings_are_said_once() -> None:
    machine = at_work()
    assert of(machine.take(printing(5_000)), ReadingTaken) == []

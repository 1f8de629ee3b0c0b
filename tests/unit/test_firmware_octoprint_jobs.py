"""The OctoPrint driver over scripted transports: shapes and moments that a virtual printer does not make."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    Noise,
    ReadingTaken,
)
from firmware_bridge.octoprint.driver import OctoPrintDriver, OctoPrintSettings
from firmware_bridge.octoprint.parser import PrintStage
from firmware_bridge.transports import Answer
from firmware_bridge.transports.scripted import ScriptedHttp, ScriptedTransports, ScriptedWebSockets
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

GCODE = b"M83\n" + b"G1 E1\n" * 10
PRINTED = Answer(200, GCODE)
LOGIN = Answer(200, b'{"name": "root", "session": "abc"}')
END = "the script ended the connection"


def frame(**message: Any) -> str:
    return "a" + json.dumps([message])


def state(
    flag: str = "operational",
    *,
    kind: str = "current",
    path: str | None = "p.gcode",
    time_s: int | None = None,
    filepos: int | None = None,
    completion: float | None = None,
    error: str = "",
    at_s: float = 1.0,
) -> str:
    return frame(
        **{
            kind: {
                "state": {"text": flag.title(), "error": error, "flags": {flag: True}},
                "job": {"file": {"path": path, "origin": "local", "size": len(GCODE)}, "user": "ada"},
                "progress": {"printTime": time_s, "filepos": filepos, "completion": completion},
                "serverTime": at_s,
            }
        }
    )


def event(stage: PrintStage, **payload: Any) -> str:
    body = {"path": "p.gcode", "origin": "local", "size": len(GCODE), "user": "ada"} | payload
    return frame(event={"type": stage, "payload": body})


async def play(*connections: list[str], file: Answer = PRINTED) -> list[MachineEvent]:
    """Return every event up to the first loss for which the script has no new connection."""
    http = ScriptedHttp(
        {
            "/api/version": [Answer(200, b"{}")],
            "/api/login": [LOGIN],
            "/downloads/files/local/p.gcode": [file],
        }
    )
    sockets = ScriptedWebSockets([list(frames) for frames in connections])
    driver = OctoPrintDriver(
        OctoPrintSettings("http://octoprint", "key"),
        transports=ScriptedTransports(requests=http, sockets=sockets),
        backoff=Backoff(0.001, 0.002),
    )
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for one in events:
            if isinstance(one, ActivityChanged) and "no connection left" in one.words:
                break
            seen.append(one)
    await driver.aclose()
    return seen


def asked_over(http: ScriptedHttp) -> OctoPrintDriver:
    return OctoPrintDriver(OctoPrintSettings("http://o", "key"), transports=ScriptedTransports(requests=http))


def of(kind: type, seen: list[MachineEvent]) -> list[Any]:
    return [one for one in seen if isinstance(one, kind)]


def last_counters(seen: list[MachineEvent]) -> dict[Quantity, int]:
    return dict(of(ReadingTaken, seen)[-1].counters)


async def test_a_job_from_start_to_end() -> None:
    seen = await play(
        [
            "o",
            frame(connected={"version": "1.11.8"}),
            state(kind="history"),
            event(PrintStage.STARTED),
            state("printing", time_s=2, filepos=16, completion=25.0),
            "h",
            event(PrintStage.DONE, time=7.9),
            state(),
        ]
    )
    assert seen[0] == Identified("OctoPrint 1.11.8", "")
    assert of(JobStarted, seen) == [JobStarted("p.gcode@1000-1", "p.gcode", "ada")]
    assert of(JobProgressed, seen) == [JobProgressed("p.gcode@1000-1", 0.25, None)]
    assert of(JobEnded, seen) == [JobEnded("p.gcode@1000-1", JobOutcome.DONE, 7_900)]
    assert last_counters(seen) == {
        Quantity.JOB_TIME_MS: 7_900,
        Quantity.FILAMENT_UM: 10_000,
        Quantity.FILAMENT_MG: 30,
        Quantity.JOBS: 1,
    }
    assert [one.activity for one in of(ActivityChanged, seen)][:3] == [
        Activity.IDLE,
        Activity.BUSY,
        Activity.IDLE,
    ]


async def test_a_cancelled_job_ends_once_and_costs_up_to_its_byte() -> None:
    seen = await play(
        [
            event(PrintStage.STARTED),
            event(PrintStage.CANCELLED, time=3.0, fileposition=4 + 3 * 6),
            event(PrintStage.FAILED, time=3.0, fileposition=4 + 3 * 6, reason="cancelled"),
        ]
    )
    assert [one.outcome for one in of(JobEnded, seen)] == [JobOutcome.CANCELLED]
    assert last_counters(seen)[Quantity.FILAMENT_UM] == 3_000


async def test_a_failed_job_without_position_costs_by_its_progress() -> None:
    failed = event(PrintStage.FAILED, time=3.0, progress=34 / 64, reason="error", error="Thermal Runaway")
    seen = await play([event(PrintStage.STARTED), failed])
    assert of(JobEnded, seen)[0].words == "error: Thermal Runaway"
    assert last_counters(seen)[Quantity.FILAMENT_UM] == 5_000


@pytest.mark.parametrize(
    ("back", "outcome", "um"),
    [
        pytest.param(
            state(kind="history", time_s=9, filepos=64, completion=100.0), JobOutcome.DONE, 10_000, id="done"
        ),
        pytest.param(state(kind="history", path=None), JobOutcome.UNKNOWN, 2_000, id="restarted"),
        pytest.param(
            state("printing", kind="history", path="q.gcode"), JobOutcome.UNKNOWN, 2_000, id="another file"
        ),
        pytest.param(
            state("printing", kind="history", time_s=0, filepos=5),
            JobOutcome.UNKNOWN,
            2_000,
            id="started anew",
        ),
    ],
)
async def test_a_job_that_ended_while_the_line_was_down(back: str, outcome: JobOutcome, um: int) -> None:
    seen = await play(
        [event(PrintStage.STARTED), state("printing", time_s=4, filepos=16), state("printing", time_s=4)],
        [back],
    )
    assert of(JobEnded, seen)[0].outcome is outcome
    assert ActivityChanged(Activity.UNREACHABLE, END) in seen
    ended = seen.index(of(JobEnded, seen)[0])
    assert last_counters(seen[:ended])[Quantity.FILAMENT_UM] == um


async def test_a_job_that_goes_on_through_a_lost_line_stays_one_job() -> None:
    seen = await play(
        [event(PrintStage.STARTED), state("printing", time_s=4, filepos=16)],
        [state("printing", kind="history", time_s=8, filepos=40), event(PrintStage.DONE, time=9.0)],
    )
    assert len(of(JobStarted, seen)) == len(of(JobEnded, seen)) == 1
    assert last_counters(seen)[Quantity.JOB_TIME_MS] == 9_000


async def test_a_snapshot_that_was_held_back_starts_no_job() -> None:
    late = state("printing", time_s=4, filepos=16)
    seen = await play([event(PrintStage.STARTED), event(PrintStage.DONE, time=4.5), late, late, state()])
    assert len(of(JobStarted, seen)) == 1


async def test_a_snapshot_that_overtakes_the_start_is_the_same_job() -> None:
    seen = await play([state("printing", time_s=0, filepos=4), event(PrintStage.STARTED)])
    assert len(of(JobStarted, seen)) == 1
    assert not of(JobEnded, seen)


async def test_a_job_whose_end_is_never_told_ends_as_unknown() -> None:
    seen = await play([event(PrintStage.STARTED), *[state()] * 6])
    assert of(JobEnded, seen)[0].outcome is JobOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("file", "payload"),
    [
        pytest.param(Answer(404, b""), {}, id="deleted"),
        pytest.param(Answer(200, GCODE), {"origin": "sdcard"}, id="on the printer's card"),
    ],
)
async def test_a_file_that_cannot_be_read_is_said_once_and_time_still_counts(
    file: Answer, payload: dict[str, str]
) -> None:
    printing = state("printing", time_s=4, filepos=16)
    seen = await play(
        [event(PrintStage.STARTED, **payload), printing, printing, event(PrintStage.DONE, time=5.0)],
        file=file,
    )
    assert len(of(Noise, seen)) == 1
    assert "not metered" in of(Noise, seen)[0].detail
    counters = last_counters(seen)
    assert (counters[Quantity.JOB_TIME_MS], counters[Quantity.FILAMENT_UM]) == (5_000, 0)


async def test_noise_is_counted_and_nothing_stops() -> None:
    seen = await play(
        ["x", "a{", "a[3]", event(PrintStage.DONE, path=7), frame(current=5), "c[1]"], [state()]
    )
    assert len(of(Noise, seen)) == 5
    assert any("closes the socket" in one.words for one in of(ActivityChanged, seen))
    assert of(ActivityChanged, seen)[-2].activity is Activity.IDLE


async def test_a_session_that_ended_is_opened_anew() -> None:
    seen = await play([frame(reauthRequired={"reason": "stale"})], [state()])
    assert ActivityChanged(Activity.UNREACHABLE, "OctoPrint wants a new login: stale") in seen
    assert ActivityChanged(Activity.IDLE, "Operational") in seen


async def test_a_faulted_printer_says_so_in_its_own_words() -> None:
    seen = await play([state("closedOrError", error="MAXTEMP triggered!")])
    assert seen[0] == ActivityChanged(Activity.FAULTED, "Closedorerror - MAXTEMP triggered!")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(403, b""), MachineFault, "refuses the API key"),
        (Answer(502, b""), MachineUnreachable, "not ready"),
        (Answer(409, b'{"error": "not printing"}'), MachineFault, "not printing"),
        (Answer(404, b"<html>"), MachineFault, "it answers 404"),
    ],
)
async def test_refused_orders(answer: Answer, error: type[Exception], words: str) -> None:
    http = ScriptedHttp({"/api/job": [answer]})
    driver = OctoPrintDriver(
        OctoPrintSettings("http://o", "key"), transports=ScriptedTransports(requests=http)
    )
    with pytest.raises(error, match=words):
        await driver.cancel()


def flags(*names: str) -> Answer:
    return Answer(200, json.dumps({"state": {"flags": dict.fromkeys(names, True)}}).encode())


async def test_an_order_that_was_lost_is_given_again_until_it_is_obeyed() -> None:
    states = [flags("pausing"), flags("printing"), flags("pausing"), flags("paused")]
    http = ScriptedHttp({"/api/job": [Answer(204, b"")], "/api/printer?exclude=temperature,sd": states})
    driver = OctoPrintDriver(
        OctoPrintSettings("http://o", "key"), transports=ScriptedTransports(requests=http)
    )
    await driver.hold()
    assert [path for method, path, _ in http.asked if method == "POST"] == ["/api/job"] * 2


async def test_an_order_that_is_never_obeyed_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.octoprint.driver.ORDER_S", 0.0)
    state_path = "/api/printer?exclude=temperature,sd"
    http = ScriptedHttp({"/api/job": [Answer(204, b"")], state_path: [flags("printing")]})
    driver = OctoPrintDriver(
        OctoPrintSettings("http://o", "key"), transports=ScriptedTransports(requests=http)
    )
    with pytest.raises(MachineFault, match="was told to pause"):
        await driver.hold()


async def test_a_message_cannot_become_a_command() -> None:
    http = ScriptedHttp({"/api/printer/command": [Answer(204, b"")]})
    driver = OctoPrintDriver(
        OctoPrintSettings("http://o", "key"), transports=ScriptedTransports(requests=http)
    )
    await driver.message("hello\nM104 S250; " + "x" * 100)
    body = http.asked[0][2]
    assert body is not None
    line = str(body["commands"])[2:-2]
    assert line.startswith("M117 hello M 104 S250  xxx")
    assert len(line) == 5 + 64


def test_the_key_is_in_no_representation() -> None:
    assert "hidden" not in repr(OctoPrintSettings("http://o", "hidden"))

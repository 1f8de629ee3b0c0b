"""The jobs of PrusaLink over scripted answers and a clock of the test's own."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, MachineEvent, Noise, ReadingTaken
from firmware_bridge.prusalink import driver as driver_module
from firmware_bridge.prusalink.driver import PrusaLinkDriver, PrusaLinkSettings
from firmware_bridge.prusalink.filament import BySlicer, GcodeReader
from firmware_bridge.prusalink.parser import JobFile, Status, parse_error, parse_job, parse_status
from firmware_bridge.prusalink.tracker import Tracker
from firmware_bridge.registry import build
from firmware_bridge.transports import Answer
from firmware_bridge.transports.scripted import ScriptedHttp, ScriptedTransports
from floor.errors import ConfigError, MachineError, MachineFault, MachineUnreachable
from floor.gcode import Filament
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

GONE = MachineUnreachable("the script ends here")
FILE = JobFile(7, "part.gcode", "/local", "/raw", None, None)


def body(
    state: str,
    time_s: int | None = None,
    progress: float = 0.0,
    job: int | None = 7,
    message: str = "",
) -> bytes:
    said: dict[str, Any] = {"printer": {"state": state}}
    if message:
        said["printer"]["status_printer"] = {"ok": False, "message": message}
    if job is not None:
        said["job"] = {"id": job, "progress": progress, "time_printing": time_s, "time_remaining": 60}
    return json.dumps(said).encode()


def status(state: str, **said: Any) -> Status:
    found = parse_status(body(state, **said))
    assert isinstance(found, Status)
    return found


class Play:
    """A tracker on a clock: `poll` after `passed_s`; the job is named as soon as it runs."""

    def __init__(self) -> None:
        self.tracker = Tracker("run", 12.0)
        self.now_s = 100.0
        self.seen: list[MachineEvent] = []

    def poll(self, state: str, passed_s: float = 1.0, **said: Any) -> None:
        self.now_s += passed_s
        self.seen += self.tracker.receive(status(state, **said), self.now_s)
        if self.tracker.job:
            self.seen += self.tracker.named(JobFile(self.tracker.job.number, "p", "", "", None, None))

    def idle(self) -> None:
        self.poll("IDLE", job=None)

    def time_ms(self) -> int:
        return self.tracker.reading().counters[Quantity.JOB_TIME_MS]

    def ends(self) -> list[JobEnded]:
        return [event for event in self.seen if isinstance(event, JobEnded)]


def test_time_is_the_machines_and_our_own_until_it_moves() -> None:
    play = Play()
    play.idle()
    for _ in range(10):
        play.poll("PRINTING", time_s=None)
    assert play.time_ms() == 9_000
    play.poll("PRINTING", time_s=11)
    assert play.time_ms() == 11_000
    play.poll("PAUSED", time_s=11)
    play.poll("PAUSED", 300, time_s=11)
    play.poll("PRINTING", time_s=11)
    assert play.time_ms() == 11_000
    for _ in range(5):
        play.poll("PRINTING", time_s=11)
    play.poll("FINISHED", job=None)
    assert play.ends() == [
        JobEnded("7-run-1", JobOutcome.DONE, 16_500, "FINISHED"),
    ]
    assert play.time_ms() == 16_500


@pytest.mark.parametrize("jump_s", [86_400, -86_400, 40])
def test_a_clock_that_is_set_is_not_billed(jump_s: int) -> None:
    play = Play()
    play.idle()
    for second in range(1, 11):
        play.poll("PRINTING", time_s=second)
    for second in range(11, 21):
        play.poll("PRINTING", time_s=second + jump_s)
    assert 19_000 <= play.time_ms() <= 21_000


def test_what_the_job_before_showed_last_is_not_of_this_one() -> None:
    play = Play()
    play.idle()
    for _ in range(3):
        play.poll("PRINTING", time_s=900, progress=100)
    assert play.time_ms() == 2_000
    job = play.tracker.job
    assert job
    assert job.fraction == 0.0
    play.poll("PRINTING", time_s=4, progress=0)
    play.poll("PRINTING", time_s=5, progress=100)
    assert (job.fraction, play.time_ms()) == (1.0, 4_000)


def test_a_job_that_is_joined_counts_from_there_and_ends_with_its_whole_time() -> None:
    play = Play()
    play.poll("PRINTING", time_s=600, progress=50)
    for second in range(601, 611):
        play.poll("PRINTING", time_s=second, progress=51)
    play.poll("STOPPED", job=None)
    assert (play.time_ms(), play.ends()[0].job_time_ms) == (10_500, 610_500)
    assert play.ends()[0].outcome is JobOutcome.CANCELLED


@pytest.mark.parametrize(
    ("broken_at", "first", "um", "jobs"),
    [
        (40, (40, 41), 41_000, 1),
        (40, (0, 40, 42), 42_000, 1),
        (40, (0, 1, 30), 70_000, 2),
        (0, (0, 9), 9_000, 2),
    ],
)
def test_a_job_that_goes_on_after_a_power_panic_counts_from_there(
    broken_at: int, first: tuple[int, ...], um: int, jobs: int
) -> None:
    """A printer that counts its jobs anew after each start is told apart by its progress."""
    play = Play()
    play.idle()
    for percent in (0, broken_at):
        play.poll("PRINTING", time_s=0, progress=percent)
        assert play.tracker.job
        play.tracker.job.used = BySlicer(100_000, 0)
    play.poll("ERROR", job=None)
    play.idle()
    for percent in first:
        play.poll("PRINTING", time_s=900, progress=percent)
        assert play.tracker.job
        play.tracker.job.used = BySlicer(100_000, 0)
    play.poll("STOPPED", job=None)
    counters = play.tracker.reading().counters
    assert (counters[Quantity.FILAMENT_UM], counters[Quantity.JOBS]) == (um, jobs)
    assert play.time_ms() < 10_000


def test_a_job_without_a_number_yet_is_joined_all_the_same() -> None:
    play = Play()
    play.poll("PRINTING", job=None)
    play.poll("PRINTING", time_s=600, progress=50)
    assert play.tracker.job
    assert (play.tracker.job.joined, play.time_ms()) == (True, 0)


def test_a_gap_counts_what_the_machine_shows_and_a_job_in_it_is_one_job() -> None:
    play = Play()
    play.idle()
    play.poll("PRINTING", time_s=1)
    play.tracker.lost()
    play.poll("PRINTING", 600, time_s=580)
    assert play.time_ms() == 580_000
    play.tracker.lost()
    play.poll("PRINTING", 30, time_s=10, job=8)
    play.tracker.lost()
    play.poll("FINISHED", 30, job=None)
    assert [(end.job_id, end.outcome) for end in play.ends()] == [
        ("7-run-1", JobOutcome.UNKNOWN),
        ("8-run-2", JobOutcome.DONE),
    ]
    assert play.ends()[1].words == "FINISHED, while there was no connection"
    assert play.time_ms() == 590_000
    assert len([event for event in play.seen if isinstance(event, JobStarted)]) == 2


def test_a_printer_that_is_off_is_unreachable_and_one_that_halts_is_at_fault() -> None:
    assert status("ERROR", message="Serial device does not exist").activity is Activity.UNREACHABLE
    halted = status("ERROR", message="Firmware detected a hardware issue")
    assert (halted.activity, halted.words) == (
        Activity.FAULTED,
        "ERROR: Firmware detected a hardware issue",
    )
    assert status("ATTENTION").activity is Activity.HELD


def test_a_file_without_marks_counts_by_lines() -> None:
    reader = GcodeReader(Filament())
    reader.receive_data(b"; a comment\nM83\n" + b"G1 E2\n" * 99)
    used = reader.close()
    assert [used.upto_um(part) for part in (0.0, 0.5, 1.0)] == [0, 98_000, 198_000]
    assert used.how == "the G-code, by lines"


def test_a_refusal_in_any_dress() -> None:
    assert parse_error(b'{"title": "Not in state", "text": "to print"}') == "Not in state: to print"
    assert parse_error(b"File Not Found\nFile you want was not found.") == "File Not Found"
    assert parse_error(b"<!DOCTYPE html><html>") == ""


def test_a_download_of_another_machine_is_none() -> None:
    shown = {"id": 1, "file": {"name": "a", "path": "/", "refs": {"download": "@evil/x"}}}
    found = parse_job(json.dumps(shown).encode())
    assert found
    assert found.download == ""


def driver_of(answers: dict[str, list[Answer | MachineError]], **settings: Any) -> PrusaLinkDriver:
    known: dict[str, list[Answer | MachineError]] = {
        "/api/version": [Answer(200, b'{"text": "PrusaLink", "server": "6.0.0"}')],
        "/api/v1/info": [Answer(200, b'{"serial": "SN1"}')],
    }
    return PrusaLinkDriver(
        PrusaLinkSettings("http://p", "key", poll_s=0.02, idle_poll_s=0.02, **settings),
        transports=ScriptedTransports(requests=ScriptedHttp(known | answers)),
        backoff=Backoff(0.001, 0.002),
    )


async def seen_of(polls: list[bytes], job: bytes, raw: Answer | MachineError) -> list[MachineEvent]:
    """Play one connection up to its end."""
    driver = driver_of(
        {
            "/api/v1/status": [*(Answer(200, poll) for poll in polls), GONE],
            "/api/v1/job": [Answer(200, job)],
            "/raw": [raw],
        }
    )
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, ActivityChanged) and event.words == str(GONE):
                break
    await driver.aclose()
    return seen


def named(name: str = "part.gcode", **meta: float) -> bytes:
    file = {"name": name, "path": "/local", "refs": {"download": "/raw"}}
    return json.dumps(
        {"id": 7, "file": file | {"meta": {f"filament used [{k}]": v for k, v in meta.items()}}}
    ).encode()


CANCELLED = [
    body("IDLE", job=None),
    body("PRINTING", progress=0),
    body("PRINTING", progress=40),
    body("STOPPED", job=None),
]
BY_SLICER = "STOPPED; filament from its slicer's figure, by progress"


@pytest.mark.parametrize(
    ("job", "raw", "um", "mg", "words"),
    [
        (named(mm=5.0), Answer(200, b"M83\nM73 P0\nG1 E1\nM73 P40\nG1 E9"), 1_000, 3, "by its M73 marks"),
        (named("part.bgcode", mm=5.0, g=2.0), Answer(404, b""), 2_000, 800, BY_SLICER),
        (named(mm=5.0, g=2.0), Answer(404, b""), 2_000, 800, BY_SLICER),
    ],
)
async def test_a_cancelled_print_costs_its_part(
    job: bytes, raw: Answer, um: int, mg: int, words: str
) -> None:
    seen = await seen_of(CANCELLED, job, raw)
    ended = next(event for event in seen if isinstance(event, JobEnded))
    assert (ended.outcome, words in ended.words) == (JobOutcome.CANCELLED, True)
    counters = [event.counters for event in seen if isinstance(event, ReadingTaken)][-1]
    assert (counters[Quantity.FILAMENT_UM], counters[Quantity.FILAMENT_MG]) == (um, mg)


async def test_filament_that_nobody_knows_is_said_once() -> None:
    seen = await seen_of(CANCELLED, named("part.bgcode"), Answer(200, b"no binary file"))
    noise = [event.detail for event in seen if isinstance(event, Noise)]
    assert noise == ["the filament of part.bgcode is not metered: it is binary, and names no slicer's figure"]


async def test_a_print_without_a_file_has_a_name() -> None:
    seen = await seen_of([CANCELLED[0], *[CANCELLED[1]] * 4], b"", Answer(404, b""))
    assert [event.name for event in seen if isinstance(event, JobStarted)] == ["job 7"]


async def test_noise_that_lasts_is_a_machine_that_is_not_there() -> None:
    driver = driver_of({"/api/v1/status": [Answer(200, b"[]")]})
    noise = 0
    async with aclosing(driver.events()) as events:
        async for event in events:
            noise += isinstance(event, Noise)
            if isinstance(event, ActivityChanged):
                assert event.activity is Activity.UNREACHABLE
                break
    assert noise == driver_module.MAX_NOISE


async def test_a_prusalink_that_has_just_started_is_not_busy() -> None:
    driver = driver_of({"/api/version": [Answer(200, b'{"text": "PrusaLink 0.8.1", "firmware": null}')]})
    async with aclosing(driver.events()) as events:
        first = await anext(events)
    assert isinstance(first, ActivityChanged)
    assert "has not reached its printer yet" in first.words


@pytest.mark.parametrize(
    ("answers", "asked", "idle"),
    [
        ([Answer(201, b"")], ["PUT"], 1),
        ([Answer(409, b""), Answer(409, b""), Answer(204, b"")], ["PUT", "POST", "POST"], 3),
        ([Answer(409, b""), Answer(404, b""), Answer(201, b"")], ["PUT", "POST", "PUT"], 2),
        pytest.param([Answer(201, b""), Answer(204, b"")], ["PUT", "POST"], 3, id="took it, and forgot"),
        pytest.param([Answer(201, b"")], ["PUT"], 2, id="began later than was looked"),
    ],
)
async def test_a_file_is_started_when_the_printer_takes_it(
    answers: list[Answer], asked: list[str], idle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "START_AGAIN_S", 0.0)
    monkeypatch.setattr(driver_module, "SEEN_S", 0.0)
    storage = {"storage_list": [{"path": "/usb", "available": True, "read_only": False}]}
    path = "/api/v1/files/usb/a%20%23b.gcode"
    http = ScriptedHttp(
        {
            "/api/v1/status": [*[Answer(200, body("FINISHED"))] * idle, Answer(200, body("PRINTING"))],
            "/api/v1/storage": [Answer(200, json.dumps(storage).encode())],
            path: answers,
        }
    )
    driver = PrusaLinkDriver(PrusaLinkSettings("http://p", "k"), transports=ScriptedTransports(requests=http))
    await driver.print_file("a #b.gcode", tmp_path / "file")
    assert [method for method, where, _ in http.asked if where == path] == asked


async def test_a_file_that_is_taken_and_never_printed_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("START_S", "START_AGAIN_S", "SEEN_S"):
        monkeypatch.setattr(driver_module, name, 0.0)
    storage = {"storage_list": [{"path": "/usb", "available": True, "read_only": False}]}
    driver = driver_of(
        {
            "/api/v1/status": [Answer(200, body("IDLE", job=None))],
            "/api/v1/storage": [Answer(200, json.dumps(storage).encode())],
            "/api/v1/files/usb/a.gcode": [Answer(201, b"")],
        }
    )
    with pytest.raises(MachineFault, match=r"took a\.gcode, but does not print it"):
        await driver.print_file("a.gcode", tmp_path / "file")


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([body("IDLE", job=None)], MachineFault, "has no job: it is IDLE"),
        ([body("PRINTING"), body("FINISHED", job=None)], MachineFault, "ended its job before it could pause"),
        ([body("PRINTING")], MachineFault, "was told to pause, and did not"),
        ([b"{"], MachineUnreachable, "no status"),
    ],
)
async def test_orders_that_are_not_obeyed(
    answers: list[bytes], error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "ORDER_S", 0.0)
    monkeypatch.setattr(driver_module, "ORDER_CHECK_S", 0.0)
    told: list[Answer | MachineError] = [Answer(204, b"")]
    driver = driver_of({"/api/v1/status": [Answer(200, one) for one in answers], "/api/v1/job/7/pause": told})
    with pytest.raises(error, match=words):
        await driver.hold()


async def test_a_login_is_needed_and_stays_secret() -> None:
    with pytest.raises(ConfigError, match="api_key"):
        build("prusalink", {"url": "http://p"}, "gateway.toml")
    settings = PrusaLinkSettings("http://p", "hidden-key", password="hidden-word")
    assert "hidden" not in repr(settings)

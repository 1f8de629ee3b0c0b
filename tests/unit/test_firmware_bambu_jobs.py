"""What a Bambu Lab printer's reports mean: jobs, time, filament, faults; by a clock that the test moves."""

from __future__ import annotations

import io
import json
from contextlib import aclosing
from typing import Any

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.bambu.driver import BambuDriver, BambuSettings
from firmware_bridge.bambu.parser import Sent, Status, parse
from firmware_bridge.bambu.sliced import read_sliced
from firmware_bridge.bambu.tracker import Tracker
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
from firmware_bridge.gauges import Gauge
from firmware_bridge.transports import Told
from firmware_bridge.transports.scripted import ScriptedFiles, ScriptedMqtt, ScriptedTransports
from floor.errors import MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.kit.sliced_files import gcode_3mf

CANCELLED, JAMMED = 0x0300_400C, 0x0300_801A
WHOLE: dict[str, Any] = {
    "gcode_state": "IDLE", "subtask_name": "", "mc_percent": 0, "mc_remaining_time": 0, "layer_num": 0,
    "task_id": "0", "subtask_id": "0", "print_error": 0, "total_layer_num": 20,
}  # fmt: skip
PRINTING = WHOLE | {"gcode_state": "RUNNING", "subtask_name": "part", "mc_remaining_time": 30}


def report(**said: object) -> bytes:
    return json.dumps({"print": {**said, "command": "push_status"}}).encode()


class Printer:
    """A tracker, a clock in seconds, and every event."""

    def __init__(self) -> None:
        self.tracker = Tracker("run")
        self.tracker.connected()
        self.at_s = 1000.0
        self.seen: list[MachineEvent] = []

    def say(self, after_s: float = 0.0, **said: object) -> list[MachineEvent]:
        self.at_s += after_s
        (fact,) = parse(report(**said))
        assert isinstance(fact, Status)
        news = self.tracker.receive(fact, self.at_s)
        self.seen += news
        return news

    def lose(self, for_s: float, **said: object) -> list[MachineEvent]:
        self.tracker.connected()
        return self.say(for_s, **said)

    def start(self, **said: object) -> None:
        self.say(**WHOLE)
        self.say(1, **PRINTING | said)

    def read_file(self, **more: str) -> None:
        assert self.tracker.job is not None
        self.tracker.job.sliced = read_sliced(io.BytesIO(gcode_3mf(**more)), 1, 20)

    def counter(self, quantity: Quantity) -> int:
        return self.tracker.reading().counters[quantity]

    @property
    def ended(self) -> JobEnded:
        return next(event for event in reversed(self.seen) if isinstance(event, JobEnded))

    @property
    def activity(self) -> ActivityChanged:
        return next(event for event in reversed(self.seen) if isinstance(event, ActivityChanged))


def test_a_printers_first_words_say_nothing_until_they_are_whole() -> None:
    printer = Printer()
    assert printer.say(gcode_state="RUNNING") == []
    assert printer.say(1, mc_percent=5) == []
    events = printer.say(1, subtask_name="part")
    assert [type(event) for event in events] == [JobStarted, ActivityChanged, JobProgressed, ReadingTaken]


def test_what_prepares_is_busy_and_is_no_job_yet() -> None:
    printer = Printer()
    printer.say(**WHOLE)
    assert printer.say(1, gcode_state="PREPARE", subtask_name="part") == [
        ActivityChanged(Activity.BUSY, "PREPARE")
    ]
    assert isinstance(printer.say(60, gcode_state="RUNNING")[0], JobStarted)
    assert printer.counter(Quantity.JOB_TIME_MS) == 0


def test_time_is_that_of_printing_and_not_of_pauses() -> None:
    printer = Printer()
    printer.start()
    printer.say(40, mc_percent=10)
    printer.say(20, gcode_state="PAUSE", print_error=0x0700_8011)
    assert printer.activity == ActivityChanged(Activity.HELD, "PAUSE: print error 0700-8011 (AMS)")
    printer.say(600, wifi_signal="-40dBm")
    printer.say(1, gcode_state="RUNNING", print_error=0)
    printer.say(30, gcode_state="FINISH", mc_percent=100)
    assert (printer.ended.outcome, printer.ended.job_time_ms) == (JobOutcome.DONE, 90_000)
    assert printer.activity == ActivityChanged(Activity.IDLE, "FINISH")


@pytest.mark.parametrize(("left_min", "proven_s"), [(30, 0), (25, 240), (20, 540), (5, 600)])
def test_of_a_gap_counts_what_the_remaining_minutes_prove(left_min: int, proven_s: int) -> None:
    printer = Printer()
    printer.start(mc_percent=10)
    printer.say(60)  # one of the thirty minutes may have passed
    printer.lose(600, **PRINTING | {"mc_percent": 40, "mc_remaining_time": left_min})
    assert printer.counter(Quantity.JOB_TIME_MS) == (60 + proven_s) * 1000
    printer.say(5, gcode_state="FINISH")
    assert printer.ended.job_time_ms == (65 + proven_s) * 1000
    assert printer.counter(Quantity.JOBS) == 1


@pytest.mark.parametrize(
    ("then", "outcome", "words"),
    [
        ({"gcode_state": "FINISH", "mc_percent": 100}, JobOutcome.DONE, "no connection"),
        ({"gcode_state": "FAILED", "print_error": CANCELLED}, JobOutcome.CANCELLED, "0300-400C"),
        ({"gcode_state": "FAILED", "print_error": JAMMED}, JobOutcome.FAILED, "0300-801A (motion)"),
        ({"gcode_state": "FAILED"}, JobOutcome.UNKNOWN, "not seen"),
        ({"gcode_state": "FAILED", "fail_reason": "50348044"}, JobOutcome.CANCELLED, "0300-400C"),
        ({"gcode_state": "IDLE", "subtask_name": ""}, JobOutcome.UNKNOWN, "not seen"),
        ({"gcode_state": "FINISH", "subtask_name": "other"}, JobOutcome.UNKNOWN, "not seen"),
    ],
)
def test_a_job_that_ended_in_a_gap_ended_as_the_printer_says_then(
    then: dict[str, object], outcome: JobOutcome, words: str
) -> None:
    printer = Printer()
    printer.start(mc_percent=10)
    printer.lose(7200, **PRINTING | {"mc_remaining_time": 0} | then)
    assert printer.ended.outcome is outcome
    assert words in printer.ended.words
    most_ms = 30 * 60_000 if outcome is JobOutcome.DONE else 0
    assert printer.ended.job_time_ms == most_ms
    assert printer.tracker.job is None


@pytest.mark.parametrize(
    "other", [{"mc_percent": 3}, {"subtask_name": "x"}, {"task_id": "7"}, {"gcode_start_time": "1700000900"}]
)
def test_another_job_after_a_gap_is_told_from_the_one_before(other: dict[str, object]) -> None:
    printer = Printer()
    printer.start(mc_percent=50, gcode_start_time="1700000000")
    printer.lose(900, **PRINTING | {"mc_percent": 60, "gcode_start_time": "1700000000"} | other)
    starts = [event.job_id for event in printer.seen if isinstance(event, JobStarted)]
    assert len(set(starts)) == 2
    assert printer.ended.outcome is JobOutcome.UNKNOWN


def test_a_cancelled_print_is_told_from_a_failed_one_whenever_its_error_comes() -> None:
    printer = Printer()
    printer.start()
    printer.say(10, print_error=CANCELLED)
    printer.say(1, print_error=0)
    printer.say(1, gcode_state="FAILED")
    assert printer.ended.outcome is JobOutcome.CANCELLED
    printer.say(1, gcode_state="PREPARE")
    printer.say(1, gcode_state="RUNNING")
    printer.say(10, gcode_state="FAILED")
    assert printer.tracker.job is not None
    assert printer.activity.activity is Activity.IDLE
    printer.say(2, print_error=CANCELLED)
    assert (printer.ended.outcome, printer.ended.job_time_ms) == (JobOutcome.CANCELLED, 10_000)
    assert printer.counter(Quantity.JOBS) == 2


def test_a_failed_print_says_why_or_that_it_did_not() -> None:
    printer = Printer()
    printer.start(print_error=JAMMED)  # and somebody helped it on
    printer.say(1, print_error=0)
    printer.say(600, gcode_state="FAILED")
    assert printer.tracker.tick(printer.at_s + 1) == []
    (_, ended) = printer.tracker.tick(printer.at_s + 6)
    assert isinstance(ended, JobEnded)
    assert (ended.outcome, ended.words) == (JobOutcome.FAILED, "it did not say why")
    assert ended.job_time_ms == 601_000
    printer.say(1, gcode_state="RUNNING", subtask_name="next")
    printer.say(1, gcode_state="FAILED", print_error=JAMMED)
    assert printer.activity == ActivityChanged(Activity.FAULTED, "FAILED: print error 0300-801A (motion)")
    assert printer.say(1, print_error=0)[-1] == ActivityChanged(Activity.IDLE, "FAILED")


def test_a_print_that_goes_idle_was_cancelled_and_one_that_another_follows_is_unknown() -> None:
    printer = Printer()
    printer.start(mc_percent=99)
    printer.say(1, gcode_state="IDLE")
    assert printer.ended.outcome is JobOutcome.CANCELLED
    printer.say(1, gcode_state="RUNNING", mc_percent=0)
    printer.say(1, gcode_state="PREPARE", subtask_name="next")
    assert printer.ended.outcome is JobOutcome.UNKNOWN
    printer.say(1, gcode_state="RUNNING")
    printer.say(1, subtask_name="after")
    assert printer.ended.outcome is JobOutcome.UNKNOWN
    assert printer.counter(Quantity.JOBS) == 3


def test_health_messages_are_told_by_the_makers_code_and_are_no_faults() -> None:
    printer = Printer()
    printer.say(**WHOLE | {"hms": [{"attr": 0x0300_0100, "code": 0x0003_0007}, {"attr": 1, "code": "x"}]})
    assert printer.activity == ActivityChanged(Activity.IDLE, "IDLE: HMS_0300-0100-0003-0007 (motion)")


def test_whether_unsigned_commands_are_taken_is_read_wherever_it_is_said() -> None:
    printer = Printer()
    printer.say(**WHOLE)
    assert not printer.tracker.status.signed_only
    for more, signed_only in (({"fun": "41AFFF9CFF"}, True), ({"fun": "418FFF9CFF"}, False)):
        (beside,) = parse(json.dumps({"print": {"command": "push_status"}, **more}).encode())
        assert isinstance(beside, Status)
        printer.tracker.receive(beside, 0)
        assert printer.tracker.status.signed_only is signed_only
    printer.say(hms=[{"attr": 0x0500_0500, "code": 0x0001_0007}])
    assert printer.tracker.status.signed_only


def test_a_job_that_was_sent_is_sought_where_it_was_sent_to() -> None:
    printer = Printer()
    printer.say(**WHOLE)
    for name, folder in (("part", "model"), ("other", "cache"), ("part", "usb")):
        sent = {"command": "project_file", "subtask_name": name, "url": f"ftp:///{folder}/a b.gcode.3mf"}
        (fact,) = parse(json.dumps({"print": {**sent, "param": "Metadata/plate_3.gcode"}}).encode())
        assert isinstance(fact, Sent)
        printer.tracker.sent(fact)
        if folder == "cache":  # it was sent, and never began
            printer.say(**PRINTING)
            job = printer.tracker.job
            assert job is not None
            assert (job.files[0], job.plate) == ("/part.gcode.3mf", None)
    printer.say(gcode_state="PREPARE")
    printer.say(gcode_state="RUNNING")
    job = printer.tracker.job
    assert job is not None
    assert (job.files[0], job.plate) == ("/usb/a b.gcode.3mf", 3)
    assert job.files[1:3] == ("/part.gcode.3mf", "/cache/part.gcode.3mf")


def test_a_driver_that_joins_counts_from_there_and_a_cancelled_print_by_its_layers() -> None:
    printer = Printer()
    printer.tracker.sent(Sent("part", None, 1, (1,)))
    printer.say(**PRINTING | {"mc_percent": 25, "layer_num": 6})
    printer.read_file(used_m="10.00", used_g="30.00")
    printer.say(10, mc_percent=50, layer_num=11)
    assert printer.counter(Quantity.JOB_TIME_MS) == 10_000
    assert abs(printer.counter(Quantity.FILAMENT_MG) - 7_500) < 10
    printer.say(10, layer_num=16)  # the percent lags: the layer proves more
    printer.say(1, gcode_state="FAILED", print_error=CANCELLED)
    assert abs(printer.counter(Quantity.FILAMENT_MG) - 15_000) < 15
    assert abs(printer.counter(Quantity.FILAMENT_UM) - 5_000_000) < 5_000


def test_the_ams_is_merged_value_by_value() -> None:
    printer = Printer()
    uuid = "D99401E841C14828BF2E1B859AF2F770"
    tray = {"id": "1", "tray_type": "PETG", "tray_uuid": uuid, "remain": 47}
    printer.say(**WHOLE | {"ams": {"ams": [{"id": "2", "tray": [tray, {"id": "3"}]}], "tray_now": "9"}})
    printer.say(1, ams={"ams": [{"id": "2", "tray": [{"id": "1", "remain": 46}]}]})
    printer.say(1, vt_tray={"id": "254", "tray_type": "TPU", "tray_uuid": "0" * 32, "remain": 0})
    nine, outside = printer.tracker.status.tray(9), printer.tracker.status.tray(254)
    assert (nine.material, nine.uuid, nine.remain) == ("PETG", uuid, 46)
    assert (outside.material, outside.uuid) == ("TPU", "")
    assert printer.tracker.status.tray_now == 9


def settings(**more: str) -> BambuSettings:
    given = {"url": "mqtts://p", "serial": "01P00A1", "access_code": "1", "fingerprint": "0" * 64} | more
    return BambuSettings(**given)  # type: ignore[arg-type] # texts, all of them


def told(body: bytes) -> Told:
    return Told("device/01P00A1/report", body)


@pytest.mark.parametrize("every", [{}, WHOLE])
async def test_the_whole_state_is_asked_for_at_most_every_five_minutes(every: dict[str, object]) -> None:
    """A P1 tells what changed, an X1 always all: that one is asked once."""
    now_s = 0.0

    def clock() -> float:
        nonlocal now_s
        now_s += 1.0  # about three looks at the clock for each message
        return now_s

    messages = [told(report(**WHOLE)), *[told(report(**every, nozzle_temper=n)) for n in range(500)]]
    script = ScriptedMqtt([[*messages, MachineUnreachable("the end")]])
    driver = BambuDriver(settings(), transports=ScriptedTransports(broker=script), clock=clock)
    async with aclosing(driver.events()) as events:
        async for event in events:
            if isinstance(event, ActivityChanged) and event.activity is Activity.UNREACHABLE:
                break
    asked = [topic for topic, body in script.published if "pushall" in body]
    assert len(asked) == 1 if every else now_s // 330 <= len(asked) <= 1 + now_s // 300
    assert set(asked) == {"device/01P00A1/request"}
    assert len([body for _, body in script.published if "get_version" in body]) == 1


async def test_a_quiet_printer_is_asked_whether_it_is_there_and_is_named_once() -> None:
    now_s = 0.0
    version = json.dumps({"info": {"command": "get_version", "module": [{"name": "ota", "sw_ver": "1"}]}})

    def clock() -> float:
        nonlocal now_s
        now_s += 5.0
        return now_s

    quiet: list[Told | Any] = [told(report(**WHOLE)), *[None] * 3, told(version.encode()), *[None] * 3]
    script = ScriptedMqtt([[*quiet, told(version.encode()), *[None] * 50]])
    driver = BambuDriver(
        settings(), transports=ScriptedTransports(broker=script), backoff=Backoff(60, 60), clock=clock
    )
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, ActivityChanged) and event.activity is Activity.UNREACHABLE:
                break
    assert seen[-1] == ActivityChanged(Activity.UNREACHABLE, "it was silent for 60 s")
    assert [event for event in seen if isinstance(event, Identified)] == [
        Identified("Bambu Lab 01P00A1", "1")
    ]
    assert len([body for _, body in script.published if "get_version" in body]) >= 3


async def test_a_file_that_fits_is_found_among_those_of_its_name() -> None:
    store = ScriptedFiles({"/part.gcode.3mf": gcode_3mf(layers=7), "/cache/part.3mf": gcode_3mf()})
    messages = [report(**WHOLE), report(**PRINTING), report(gcode_state="FINISH", mc_percent=100)]
    script = ScriptedMqtt([[*map(told, messages), MachineUnreachable("the end")]])
    transports = ScriptedTransports(broker=script, store=store)
    driver = BambuDriver(settings(files="ftps://p"), transports=transports)
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, ActivityChanged) and event.activity is Activity.UNREACHABLE:
                break
    readings = [event.counters[Quantity.FILAMENT_MG] for event in seen if isinstance(event, ReadingTaken)]
    assert readings[-1] == 3000
    assert not [event for event in seen if isinstance(event, Noise)]


def test_its_gauges_are_merged_from_what_changed() -> None:
    printer = Printer()
    heat = {"nozzle_temper": 220.25, "nozzle_target_temper": 220, "bed_temper": 24.5, "bed_target_temper": 0}
    printer.say(**WHOLE, **heat, chamber_temper=5)
    warm = Gauge("nozzle", 220, 220)
    assert printer.tracker.gauges == (warm, Gauge("bed", 24))
    printer.say(gcode_state="RUNNING", subtask_name="part", layer_num=3, bed_temper=60.0, chamber_temper=38)
    layer = Gauge("layer", 3, 20, "")
    assert printer.tracker.gauges == (warm, Gauge("bed", 60), Gauge("chamber", 38), layer)
    printer.tracker.connected()
    assert printer.tracker.gauges == ()

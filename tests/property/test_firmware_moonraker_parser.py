"""What Moonraker says may be anything: its parser is total and bounded, and no counter ever falls."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobProgressed, JobStarted, MachineEvent, Noise, ReadingTaken
from firmware_bridge.json_values import load
from firmware_bridge.moonraker.parser import (
    Klippy,
    KlippyState,
    Row,
    Status,
    parse_body,
    parse_error,
    parse_frame,
    parse_klippy,
    parse_printer,
    parse_rows,
    parse_status,
    parse_version,
)
from firmware_bridge.moonraker.tracker import ENDS, UNSEEN, Tracker
from floor.gcode import Filament

numbers = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(), st.none(), st.booleans(), st.text(max_size=9)
)
leaf = st.one_of(numbers, st.text(max_size=40))
anything = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=6,
)


def table(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A table with its fields, or with some of them."""
    part = st.fixed_dictionaries({}, optional=fields)
    return st.one_of(st.fixed_dictionaries(fields), st.fixed_dictionaries(fields), part)


def of(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


seconds = of(0, 0.25, 1, 2.5, 2.5, 7, 20.125, -2)
paths = of("a.gcode", "a.gcode", "dir/b.gcode", "")
stats = table(
    state=of("printing", "printing", "printing", "paused", "complete", "cancelled", "error", "standby"),
    filename=paths,
    message=leaf,
    print_duration=seconds,
    total_duration=seconds,
    filament_used=seconds,
)
webhooks = table(state=of("ready", "ready", "ready", "ready", "ready", *Klippy), state_message=leaf)
statuses = table(print_stats=stats, webhooks=webhooks, display_status=table(progress=seconds))
jobs = table(
    job_id=of("000001", "000002", "000003"),
    filename=paths,
    status=of("in_progress", "in_progress", "completed", "cancelled", "klippy_disconnect", "server_exit"),
    user=leaf,
    start_time=of(1.0, 2.5),
    print_duration=seconds,
    total_duration=seconds,
    filament_used=seconds,
    metadata=table(filament_total=seconds, filament_weight_total=seconds, estimated_time=seconds),
)


def news(status: st.SearchStrategy[Any], job: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """What Moonraker says unasked."""
    return st.one_of(
        status.map(lambda said: {"method": "notify_status_update", "params": [said, 1.0]}),
        job.map(lambda said: {"method": "notify_history_changed", "params": [{"job": said}]}),
        of("ready", "shutdown", "disconnected").map(lambda state: {"method": f"notify_klippy_{state}"}),
    )


answers = st.one_of(
    st.builds(lambda number, said: {"id": number, "result": said}, numbers, anything),
    st.builds(lambda number, said: {"id": number, "error": said}, numbers, anything),
)
usual = news(statuses, jobs)
frames = st.one_of(
    st.one_of(usual, usual, usual, news(anything, anything), answers).map(
        lambda said: json.dumps({"jsonrpc": "2.0", **said})
    ),
    st.text(max_size=99),
)
connections = st.tuples(
    st.fixed_dictionaries({"jobs": st.lists(st.one_of(jobs, anything), max_size=3)}),
    st.fixed_dictionaries({"status": st.one_of(statuses, statuses, anything)}),
    st.lists(frames, max_size=12),
)


class Held:
    """What is true of all events together."""

    def __init__(self, tracker: Tracker) -> None:
        self.counters = tracker.reading().counters
        self.running: str | None = None

    def hold(self, events: list[MachineEvent]) -> None:
        for event in events:
            match event:
                case ReadingTaken(now):
                    assert all(now[name] >= amount for name, amount in self.counters.items())
                    self.counters = now
                case JobStarted(job_id):
                    assert self.running is None
                    self.running = job_id
                case JobProgressed(job_id, fraction, left_s):
                    assert job_id == self.running
                    assert 0 <= fraction <= 1
                    assert left_s is None or left_s >= 0
                case JobEnded(job_id):
                    assert job_id == self.running
                    assert event.job_time_ms >= 0
                    self.running = None
                case Noise(detail):
                    assert len(detail) < 300


@given(st.lists(connections, max_size=4))
def test_moonraker_may_say_anything(said: list[tuple[object, object, list[str]]]) -> None:
    tracker = Tracker(Filament())
    held = Held(tracker)
    for history, result, news in said:
        tracker.lost()
        tracker.remember(parse_rows(load(json.dumps(history))))
        status = parse_status(load(json.dumps(result)))
        held.hold(tracker.receive(status or KlippyState(Klippy.DISCONNECTED)))
        for frame in news:
            held.hold(tracker.receive(parse_frame(frame)))


ms = st.integers(0, 4).map(lambda n: n * 250)
known = st.builds(
    Status,
    fresh=of(False, False, False, True),
    klippy=of(*[None] * 6, *[Klippy.READY] * 4, Klippy.SHUTDOWN, Klippy.STARTUP),
    state=of("printing", "printing", "printing", "paused", "complete", "cancelled", "error", None),
    path=of("a", "a", "a", "b", None),
    print_ms=ms,
    total_ms=ms,
    used_um=ms,
)
status = of(*["in_progress"] * 12, *ENDS, *UNSEEN)
begun = st.builds(Row, of("1", "2"), st.just(1), of("a", "a", "b"), of("ada"), status, ms, of(0, 0, 500), ms)
lost = st.builds(KlippyState, st.sampled_from(Klippy))


@given(st.lists(st.one_of(known, known, known, begun, begun, known, lost), min_size=8, max_size=40))
def test_jobs_begin_and_end_one_after_the_other_whatever_happens(
    facts: list[Status | Row | KlippyState],
) -> None:
    tracker = Tracker(Filament())
    held = Held(tracker)
    held.hold(tracker.receive(Status(True, Klippy.READY, state="standby")))
    for fact in facts:
        held.hold(tracker.receive(fact))


@given(anything)
def test_answers_may_be_anything(said: object) -> None:
    parse_printer(said)
    parse_klippy(said)
    parse_rows(said)
    parse_status(said)
    assert len(parse_version(said)) <= 200


@given(st.binary(max_size=200))
def test_http_bodies_may_be_anything(body: bytes) -> None:
    assert isinstance(parse_error(body), str)
    parse_body(body)


def test_deeply_nested_json_is_noise() -> None:
    assert isinstance(parse_frame("[" * 100_000), Noise)
    assert isinstance(parse_frame('{"jsonrpc": ' * 50_000), Noise)

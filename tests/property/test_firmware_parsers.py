"""Parsers are total, bounded and independent of how their input is cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobStarted, Noise, ReadingTaken
from firmware_bridge.octoprint.parser import parse_error, parse_frame, parse_login
from firmware_bridge.octoprint.tracker import Tracker
from floor.gcode import Filament, FilamentCounter, FilamentUse

numbers = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(), st.none(), st.booleans(), st.text(max_size=9)
)
leaf = st.one_of(numbers, st.text(max_size=40))
anything = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
paths = st.one_of(st.sampled_from(["a.gcode", "b.gcode"]), leaf)


def table(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(anything, st.fixed_dictionaries({}, optional=fields))


flags = table(
    **{
        name: st.one_of(st.booleans(), leaf)
        for name in ("printing", "paused", "operational", "closedOrError")
    }
)
snapshots = table(
    state=table(text=leaf, error=leaf, flags=flags),
    job=table(file=table(path=paths, origin=leaf, size=numbers), user=leaf),
    progress=table(filepos=numbers, printTime=numbers, printTimeLeft=numbers, completion=numbers),
    serverTime=numbers,
)
kinds = st.sampled_from(
    ["PrintStarted", "PrintDone", "PrintFailed", "PrintCancelled", "FirmwareData", "Home"]
)
events = table(
    type=st.one_of(kinds, leaf),
    payload=table(path=paths, user=leaf, time=numbers, fileposition=numbers, progress=numbers, size=numbers),
)
messages = st.lists(
    table(current=snapshots, history=snapshots, event=events, connected=anything, reauthRequired=anything),
    max_size=4,
)
frames = st.one_of(st.text(max_size=200), messages.map(lambda body: "a" + json.dumps(body)))


@given(st.lists(frames, max_size=12))
def test_octoprint_may_say_anything(said: list[str]) -> None:
    tracker, before, running = Tracker(), tracker_counters(Tracker().reading()), None
    for frame in said:
        for fact in parse_frame(frame):
            for event in tracker.receive(fact):
                match event:
                    case ReadingTaken():
                        now = tracker_counters(event)
                        assert all(now[name] >= amount for name, amount in before.items())
                        before = now
                    case JobStarted(job_id):
                        assert running is None
                        running = job_id
                    case JobEnded(job_id):
                        assert job_id == running
                        assert event.job_time_ms >= 0
                        running = None
                    case Noise(detail):
                        assert len(detail) < 300


def tracker_counters(reading: ReadingTaken) -> dict[str, int]:
    return {str(name): amount for name, amount in reading.counters.items()}


@given(st.binary(max_size=200))
def test_rest_bodies_may_be_anything(body: bytes) -> None:
    assert parse_login(body) is None
    assert isinstance(parse_error(body), str)


def test_deeply_nested_json_is_noise() -> None:
    assert [type(fact) for fact in parse_frame("a" + "[" * 100_000)] == [Noise]


commands = st.one_of(
    st.builds("G1 X{} E{}".format, st.integers(0, 200), st.floats(-20, 20).map(lambda e: f"{e:.5f}")),
    st.sampled_from(["M82", "M83", "G92 E0", "G92", "G20", "G21", "T0", "T1", "M200 D1.75", "M200 D0"]),
    st.sampled_from(
        ["; filament used [g] = 2.0", ";Filament used: 1.2m", "; filament used = 4.0mm (1.0cm3)"]
    ),
    st.text(max_size=30),
)
files = st.one_of(st.lists(commands, max_size=40).map("\n".join).map(str.encode), st.binary(max_size=400))


def use_of(*pieces: bytes) -> FilamentUse:
    counter = FilamentCounter(Filament())
    for piece in pieces:
        counter.receive_data(piece)
    return counter.close()


@given(files, st.lists(st.integers(0, 500), max_size=8))
def test_gcode_counts_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    whole, cut = use_of(data), use_of(*pieces)
    assert whole == cut
    amounts = [whole.upto_um(offset) for offset in range(len(data) + 1)]
    assert amounts == sorted(amounts)
    assert amounts[-1] == whole.total_um >= 0


@given(files, st.integers(0, 500))
def test_what_was_extruded_up_to_a_line_is_what_that_much_of_the_file_extrudes(data: bytes, at: int) -> None:
    end = data.rfind(b"\n", 0, at) + 1
    assert use_of(data).upto_um(end) == use_of(data[:end]).total_um

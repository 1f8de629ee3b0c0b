"""PrusaLink may say anything, and its files may hold anything, however they are cut."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobStarted, Noise, ReadingTaken
from firmware_bridge.prusalink.filament import ByFile, GcodeReader, by_slicer, said_in_binary
from firmware_bridge.prusalink.parser import (
    ACTIVITIES,
    Status,
    parse_error,
    parse_info,
    parse_job,
    parse_status,
    parse_storage,
    parse_version,
)
from firmware_bridge.prusalink.tracker import Tracker
from floor.gcode import Filament
from floor.meter import Quantity

numbers = st.one_of(st.integers(0, 120), st.integers(-(10**20), 10**20), st.floats(), st.none())
leaf = st.one_of(numbers, st.text(max_size=30))
anything = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=5,
)


def table(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(anything, st.fixed_dictionaries({}, optional=fields))


ids = st.one_of(st.integers(0, 3), numbers)
progress = {"id": ids, "progress": numbers, "time_printing": numbers, "time_remaining": numbers}
likely = st.fixed_dictionaries(
    {
        "printer": st.fixed_dictionaries({"state": st.sampled_from(sorted(ACTIVITIES))}),
        "job": st.fixed_dictionaries(
            dict.fromkeys(progress, st.integers(0, 100)) | {"id": st.integers(0, 2)}
        ),
    }
)
printer = table(
    state=st.one_of(st.sampled_from(sorted(ACTIVITIES)), leaf), status_printer=table(message=leaf)
)
statuses = st.one_of(likely, likely, table(job=table(**progress), printer=printer))
meta = table(**{"filament used [mm]": leaf, "filament used [g] per tool": st.lists(numbers, max_size=3)})
file = table(name=leaf, path=leaf, display_name=leaf, meta=meta, refs=table(download=leaf))
jobs = table(file=file, **progress)
named_jobs = st.integers(0, 2).map(
    lambda job: {"id": job, "file": {"name": "a", "path": "/a", "meta": {"filament used [mm]": 7.5}}}
)
bodies = st.one_of(st.binary(max_size=80), statuses.map(lambda said: json.dumps(said).encode()))


@given(st.lists(st.tuples(bodies, st.one_of(named_jobs, jobs), st.floats(0, 500)), max_size=10))
def test_prusalink_may_say_anything(polls: list[tuple[bytes, object, float]]) -> None:
    tracker, before, running, now_s = Tracker("run", 12.0), {}, None, 0.0
    for body, named, passed_s in polls:
        now_s += passed_s
        status = parse_status(body)
        if isinstance(status, Noise):
            assert len(status.detail) < 300
            continue
        assert isinstance(status, Status)
        events = tracker.receive(status, now_s)
        what = parse_job(json.dumps(named).encode())
        if what is not None:
            events += tracker.named(what)
            if tracker.job and tracker.job.file is what:
                tracker.job.used = by_slicer(what.said_um, what.said_mg, Filament())
        for event in events:
            match event:
                case ReadingTaken(counters):
                    assert all(counters[name] >= amount for name, amount in before.items())
                    assert counters[Quantity.JOB_TIME_MS] <= now_s * 1000 + len(polls)
                    before = dict(counters)
                case JobStarted(job_id):
                    assert running is None
                    running = job_id
                case JobEnded(job_id):
                    assert job_id == running
                    assert event.job_time_ms >= 0
                    running = None


@given(st.one_of(st.binary(max_size=200), anything.map(lambda said: json.dumps(said).encode())))
def test_every_answer_may_be_anything(body: bytes) -> None:
    version = parse_version(body)
    assert len(version.name) <= 200
    assert len(parse_info(body)) <= 200
    assert len(parse_error(body)) <= 500
    storage = parse_storage(body)
    assert storage is None or storage.startswith("/") or storage == ""
    found = parse_job(body)
    assert found is None or not found.download or found.download.startswith("/")


lines = st.one_of(
    st.builds("G1 X{} E{}".format, st.integers(0, 200), st.integers(-20, 20)),
    st.builds("M73 P{} R1".format, st.integers(0, 120)),
    st.sampled_from(["M82", "M83", "G92 E0", "; filament used [g] = 2.0", "M73 Q3", "M73 S1 P7", "x" * 5000]),
    st.text(max_size=30),
)
files = st.one_of(st.lists(lines, max_size=30).map("\n".join).map(str.encode), st.binary(max_size=400))


def read(*pieces: bytes) -> ByFile:
    reader = GcodeReader(Filament())
    for piece in pieces:
        reader.receive_data(piece)
    return reader.close()


@given(files, st.lists(st.integers(0, 6000), max_size=8))
def test_a_file_counts_the_same_however_it_is_cut_and_never_falls(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole = read(data)
    assert read(*[data[start:end] for start, end in pairwise(edges)]) == whole
    amounts = [whole.upto_um(step / 100) for step in range(101)]
    assert amounts == sorted(amounts)
    assert amounts[-1] == whole.use.total_um


def block(kind: int, text: bytes, compression: int, parameters: bytes = b"\0\0") -> bytes:
    """One block of a binary file, by libbgcode's doc/specifications.md."""
    data = zlib.compress(text) if compression else text
    head = struct.pack("<HHI", kind, compression, len(text))
    return head + (struct.pack("<I", len(data)) if compression else b"") + parameters + data + b"\1\2\3\4"


@given(st.sampled_from([0, 1]), st.integers(1, 10**6), st.integers(0, 90))
def test_a_binary_file_says_its_filament_in_its_head(compression: int, um: int, image: int) -> None:
    said = f"printer_model=MK4\nfilament used [mm]={um / 1000:.3f}\nfilament used [g]=1.50\n".encode()
    head = b"GCDE" + struct.pack("<IH", 1, 1) + block(0, b"Producer=PrusaSlicer 2.8\n", 0)
    whole = head + block(5, b"\x89" * image, 0, b"\0" * 6) + block(3, said, compression)
    assert said_in_binary(whole) == (um, 1_500)
    assert said_in_binary(whole[:-6]) is None


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: b"GCDE" + data)))
def test_a_binary_file_may_hold_anything(data: bytes) -> None:
    found = said_in_binary(data)
    assert found is None or found[0] > 0

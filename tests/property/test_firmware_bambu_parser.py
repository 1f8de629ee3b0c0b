"""A Bambu Lab printer may report anything: no error, no counter that falls, no time that did not pass."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.bambu.parser import MAX_TRAYS, STATES, Sent, Status, parse
from firmware_bridge.bambu.sliced import read_sliced
from firmware_bridge.bambu.tracker import Tracker
from firmware_bridge.events import JobEnded, JobStarted, Noise, ReadingTaken
from floor.errors import PeerError
from floor.meter import Quantity
from tests.kit.sliced_files import gcode_3mf

FILE = gcode_3mf()
SLICED = read_sliced(io.BytesIO(FILE), 1, None)
KEYS = [
    "command", "gcode_state", "subtask_name", "gcode_file", "task_id", "subtask_id", "mc_percent", "param",
    "mc_remaining_time", "layer_num", "total_layer_num", "print_error", "hms", "attr", "code", "fun", "ams",
    "tray", "id", "remain", "tray_uuid", "tray_now", "vt_tray", "ams_mapping", "module", "name", "sw_ver",
    "sequence_id", "result", "err_code", "plate_idx", "gcode_start_time", "print_type",
]  # fmt: skip
scalar = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(), st.none(), st.booleans(), st.text(max_size=9),
    st.sampled_from(["push_status", "project_file", "get_version", "pause", "0", "254", *sorted(STATES)]),
)  # fmt: skip
leaf = st.one_of(scalar, st.lists(scalar, max_size=3))
anything = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=6), st.lists(inner, max_size=4)
    ),
    max_leaves=14,
)
sane = st.fixed_dictionaries(
    {"command": st.just("push_status")},
    optional={
        "gcode_state": st.sampled_from(sorted(STATES)),
        "subtask_name": st.sampled_from(["", "a", "b"]),
        "task_id": st.sampled_from(["0", "1"]),
        "mc_percent": st.integers(0, 100),
        "mc_remaining_time": st.integers(0, 90),
        "layer_num": st.integers(0, 21),
        "print_error": st.sampled_from([0, 0x0300_400C, 0x0300_8008]),
    },
)
bodies: st.SearchStrategy[Any] = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"[" * 9000, b"9" * 5000, b'{"print":{"command":"push_status","mc_percent":1e999}}']),
    st.dictionaries(st.sampled_from(["print", "info", "system"]), anything, max_size=2),
    sane.map(lambda said: {"print": said}),
    sane.map(lambda said: {"print": said}),
)


@given(st.lists(st.tuples(bodies, st.floats(0, 500), st.sampled_from(["", "", "", "gap", "file"]))))
def test_a_printer_may_say_anything(said: list[tuple[Any, float, str]]) -> None:
    tracker, at_s, before, running = Tracker("r"), 0.0, dict[Quantity, int](), None
    tracker.connected()
    for body, passed_s, happens in said:
        at_s += passed_s
        if happens == "gap":
            tracker.connected()
        if happens == "file" and tracker.job and tracker.job.sliced is None:
            tracker.job.sliced = SLICED
        events = []
        for fact in parse(body if isinstance(body, bytes) else json.dumps(body).encode()):
            if isinstance(fact, Status):
                events += tracker.receive(fact, at_s)
            elif isinstance(fact, Sent):
                tracker.sent(fact)
            elif isinstance(fact, Noise):
                assert len(fact.detail) < 300
        for event in [*events, *tracker.tick(at_s)]:
            if isinstance(event, ReadingTaken):
                assert all(event.counters[name] >= amount for name, amount in before.items())
                before |= event.counters
            elif isinstance(event, JobStarted):
                assert running is None
                running = event.job_id
            elif isinstance(event, JobEnded):
                assert event.job_id == running
                assert len(event.words) <= 200
                running = None
        assert len(tracker.status.trays or ()) <= MAX_TRAYS
    assert before.get(Quantity.JOB_TIME_MS, 0) <= at_s * 1000 + len(said)
    assert before.get(Quantity.FILAMENT_MG, 0) <= 3000 * (before.get(Quantity.JOBS, 0) + 1)


@given(st.integers(0, len(FILE) - 1), st.binary(min_size=1, max_size=40), st.booleans())
def test_a_broken_file_is_refused_or_read(at: int, noise: bytes, cut: bool) -> None:
    broken = FILE[:at] + noise + (b"" if cut else FILE[at + len(noise) :])
    try:
        found = read_sliced(io.BytesIO(broken), 1, 20)
    except PeerError:
        return
    assert 0 <= found.share(50, 3) <= 1

"""Whatever lies in the file of a signal gives a number or MachineUnreachable; time is never invented."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import ReadingTaken
from firmware_bridge.pulse.sampler import FileSampler
from firmware_bridge.pulse.tracker import Limits, PulseTracker
from floor.errors import MachineUnreachable
from floor.meter import Quantity


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "value"
        file.write_bytes(data)
        try:
            value = FileSampler(file).sample()
        except MachineUnreachable:
            return
        assert math.isfinite(value)


@given(
    st.lists(st.tuples(st.floats(-10, 10), st.floats(0, 3))),
    st.floats(0, 1),
)
def test_busy_time_never_passes_the_time_and_never_falls(
    samples: list[tuple[float, float]], steady_s: float
) -> None:
    tracker = PulseTracker(Limits(1.0, -1.0, steady_s, 1.0, counts_jobs=True))
    at_s, before = 0.0, {Quantity.BUSY_TIME_MS: 0, Quantity.JOBS: 0}
    for value, passed_s in samples:
        at_s += passed_s
        for event in tracker.sample(value, at_s):
            if isinstance(event, ReadingTaken):
                assert all(event.counters[name] >= before[name] for name in before)
                before = dict(event.counters)
    assert before[Quantity.BUSY_TIME_MS] <= at_s * 1000
    assert before[Quantity.JOBS] <= sum(value > 1.0 for value, _ in samples)

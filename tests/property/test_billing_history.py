"""Prices that depend on what came before: however journals come, the bill is that of the order of use."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_api import doctor
from floor.wire.journal import JournalEntry
from tests.kit.histories import LISTS, NAMES, Use, bills, copied, journals
from tests.kit.server import NOW_MS, Floor, Writer, batch_of

USES = st.builds(
    Use,
    account=st.integers(0, 1),
    list=st.integers(0, len(NAMES) - 1),
    gateway=st.integers(0, 1),
    start_min=st.integers(0, 6 * 1440) | st.integers(0, 300),
    minutes=st.integers(1, 150),
    faulted=st.booleans(),
)
DELIVERIES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12), st.integers(1, 6)), max_size=14)


def in_order(floor: Floor, made: Sequence[Writer]) -> None:
    """Deliver every entry of both journals by itself, in the order in which it was written."""
    entries = [(entry.recorded_ms, n, entry) for n, one in enumerate(made) for entry in one.entries]
    for _, n, entry in sorted(entries, key=lambda one: one[:2]):
        floor.apply(batch_of(made[n], [entry]), NOW_MS)


def anyhow(floor: Floor, made: Sequence[Writer], deliveries: Sequence[tuple[int, int, int]]) -> None:
    """Deliver parts of the journals as they fall, some twice, some too early, then what is missing."""
    for which, first, count in deliveries:
        entries = made[which].entries
        some: list[JournalEntry] = entries[first % len(entries) :][:count] if entries else []
        if some:
            floor.apply(batch_of(made[which], some), NOW_MS)
    for writer in reversed(made):
        for batch in writer.batches(5):
            floor.apply(batch, NOW_MS)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(uses=st.lists(USES, min_size=1, max_size=10), deliveries=DELIVERIES)
def test_the_bill_does_not_depend_on_how_two_journals_came(
    uses: list[Use], deliveries: list[tuple[int, int, int]]
) -> None:
    with copied() as one, copied() as other:
        in_order(one, journals(one, uses))
        anyhow(other, journals(other, uses), deliveries)
        assert bills(other) == bills(one)
        for floor in (one, other):
            assert doctor.examine(floor.db) == []


def test_a_list_of_each_kind_is_used() -> None:
    assert len(LISTS) == len(NAMES)

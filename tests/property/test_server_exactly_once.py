"""Whatever a network does to a journal (lose, repeat, reorder, cut anew), the books come out the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_api import doctor
from booking_api.sessions.models import SessionState
from tests.kit.engine import url_in
from tests.kit.server import Floor, Writer, batch_of, make_floor


def journal_for(floor: Floor, minutes: list[int]) -> Writer:
    """Sessions of two members on a priced and a free machine, some of strangers."""
    journal = Writer()
    for number, length in enumerate(minutes):
        member = (floor.ada, floor.ben, "stranger")[number % 3]
        journal.session(member, length, ("laser-1", "door")[number % 2], checkpoints=number % 3)
    return journal


def outcome(floor: Floor) -> object:
    rows = floor.sessions().values()
    people = {floor.ada: "ada", floor.ben: "ben"}
    bills = sorted(
        (
            row.id,
            people.get(row.member, row.member),
            row.state,
            row.total_micro,
            row.exception,
            row.elapsed_ms,
        )
        for row in rows
    )
    accounts = {floor.ada: "ada", floor.ben: "ben"}
    sums = {
        (accounts.get(account.rpartition(":")[2], account), unit): amount
        for (account, unit), amount in floor.balances().items()
    }
    return bills, sums


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    minutes=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    deliveries=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=12),
    size=st.integers(1, 9),
)
def test_the_books_do_not_depend_on_how_the_journal_came(
    minutes: list[int], deliveries: list[tuple[int, int]], size: int
) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        expected = _delivered(Path(one), minutes, [], 200)
        assert _delivered(Path(other), minutes, deliveries, size) == expected


def _delivered(folder: Path, minutes: list[int], deliveries: list[tuple[int, int]], size: int) -> object:
    floor = make_floor(url_in(folder), folder)
    journal = journal_for(floor, minutes)
    for first, count in deliveries:
        part = journal.entries[first % len(journal.entries) :][:count]
        assert not floor.apply(batch_of(journal, part)).ack.quarantined
    for batch in journal.batches(size):
        floor.apply(batch)
    last = floor.apply(journal.batches(size)[-1])
    assert last.ack.seq == len(journal.entries), "all arrived in the end"
    assert doctor.examine(floor.db) == []
    assert SessionState.OPEN not in {row.state for row in floor.sessions().values()}
    result = outcome(floor)
    floor.db.close()
    return result

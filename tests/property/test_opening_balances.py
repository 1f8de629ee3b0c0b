"""Files of opening balances: every line is good or named with a remedy, whatever stands in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.payments import opening
from floor.errors import PeerError
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor

CELL = st.text(max_size=12) | st.sampled_from(
    ["1", "2", "EUR", "5.00", "-1", "2026-08-31", "0001-01-01", '"']
)


@pytest.fixture(scope="module")
def floor() -> Iterator[Floor]:
    with tempfile.TemporaryDirectory() as folder:
        made = make_floor(url_in(Path(folder)), Path(folder))
        yield made
        made.db.close()


@given(st.binary(max_size=400) | st.lists(st.lists(CELL, max_size=6), max_size=6))
def test_a_file_is_read_or_refused(floor: Floor, data: bytes | list[list[str]]) -> None:
    lines = [] if isinstance(data, bytes) else [",".join(cells) for cells in data]
    text = "\n".join([",".join(opening.COLUMNS), *lines]).encode("utf-8", "replace")
    with floor.db.read() as session:
        try:
            rows = opening.read(session, data if isinstance(data, bytes) else text, NOW_MS)
        except PeerError:
            return
    assert all(bool(row.problem) == bool(row.remedy) for row in rows)
    assert all(row.problem or row.account for row in rows)

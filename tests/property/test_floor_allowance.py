"""Allowances are drawn in order and to the last unit; what does not depend on history leaves none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.tariffs.quote import open_tariffs, quote_files
from floor.allowance import Lot, draw, held
from floor.tariff import History, depends_on_history, price_visit
from floor.tariff.standing import concerned, held_key, pruned

CASES = Path(__file__).parent.parent / "cases"
LOTS = st.lists(
    st.builds(
        Lot,
        id=st.uuids().map(str),
        name=st.just("hours"),
        left_micro=st.integers(0, 10**9),
        granted_ms=st.integers(0, 10),
        expires_ms=st.none() | st.integers(11, 20),
    ),
    max_size=6,
)


@given(lots=LOTS, part=st.fractions(0, 1))
def test_what_expires_first_is_drawn_first(lots: list[Lot], part: Fraction) -> None:
    wanted = held(lots) * part
    drawn = draw(lots, wanted)
    taken = {one.lot: one.amount_micro for one in drawn}
    assert abs(Fraction(sum(taken.values()), 10**6) - wanted) <= Fraction(1, 2 * 10**6)
    order = sorted(lots, key=lambda lot: (lot.expires_ms is None, lot.expires_ms or 0))
    ends = [lot.expires_ms for lot in order]
    for lot in lots:
        assert taken.get(lot.id, 0) <= lot.left_micro
        for later in lots:
            before = (lot.expires_ms or 10**9) < (later.expires_ms or 10**9)
            if before and taken.get(later.id):
                assert taken.get(lot.id, 0) == lot.left_micro, (ends, drawn)


def test_more_than_there_is_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="more are wanted"):
        draw([Lot("a", "hours", 5, 0)], Fraction(1))


@pytest.mark.parametrize("case", [folder.name for folder in sorted(CASES.glob("P[0-9][0-9]"))])
def test_a_list_that_does_not_depend_on_history_leaves_none(case: str) -> None:
    tariffs = open_tariffs(CASES / case / "tariff")
    depends = {id: any(map(depends_on_history, versions)) for id, versions in tariffs.items()}
    histories: dict[str, History] = {}
    quoted = quote_files(CASES / case / "tariff", CASES / case / "usage.toml")
    for use, bill in quoted.bills:
        id = use.versions[0].id
        alone, after = price_visit(use.visit, use.versions, zone=quoted.usage.zone)
        if not depends[id]:
            assert (alone.charges, after.positions) == (bill.charges, {})
        _, histories[id] = price_visit(use.visit, use.versions, histories.get(id, History()))
    for id, history in histories.items():
        assert concerned(history.positions, tariffs[id]) == history.positions
        others = [version for other, some in tariffs.items() if other != id for version in some]
        assert not set(concerned(history.positions, others)) - set(concerned(history.positions, tariffs[id]))


def test_lists_that_depend_on_history_are_known() -> None:
    found = {
        folder.name
        for folder in CASES.glob("P[0-9][0-9]")
        if any(depends_on_history(v) for some in open_tariffs(folder / "tariff").values() for v in some)
    }
    assert {"P07", "P09", "P13", "P14", "P15"} <= found
    assert not {"P01", "P02", "P04", "P10", "P11", "P12", "P16", "P19", "P20", "P21"} & found


@given(day=st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_what_is_pruned_is_over(day: date) -> None:
    year, week, _ = day.isocalendar()
    keys = {
        f"free|a||{day.isoformat()}",
        f"free|a||{year}-W{week:02}",
        f"free|a||{day:%Y-%m}",
        f"free|a||{day:%Y}",
        f"free|a||from {day.isoformat()}",
        held_key("a"),
    }
    positions = dict.fromkeys(keys, Fraction(1))
    assert pruned(positions, day) == positions
    later = datetime(day.year + 2, 2, 1, tzinfo=UTC).date()
    assert pruned(positions, later) == {held_key("a"): Fraction(1)}

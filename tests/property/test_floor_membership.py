"""What parts of a period cost adds up to its price, and days are neither lost nor counted twice."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.membership import (
    Cycle,
    Plan,
    Proration,
    Span,
    Term,
    add_months,
    cost_of,
    due,
    last_day,
    next_period,
    periods,
)
from floor.money import MICRO, Commodity

EUR = Commodity("EUR")
NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))
PRICES = st.integers(0, 10**6).map(lambda cents: cents * 10_000)


def day(number: int) -> date:
    return date(2026, 11, 1) + timedelta(days=number - 1)


@given(price=PRICES, cuts=st.sets(st.integers(2, 30)))
def test_parts_of_a_month_add_up_to_it_to_the_last_cent(price: int, cuts: set[int]) -> None:
    edges = [1, *sorted(cuts), 31]
    parts = [Span(day(a), day(b)) for a, b in itertools.pairwise(edges)]
    each = [due(price, 10_000, NOVEMBER, [part], Proration.DAY) for part in parts]
    assert sum(each) == price == due(price, 10_000, NOVEMBER, parts, Proration.DAY)
    assert all(amount % 10_000 == 0 for amount in each)


@given(price=PRICES, first=st.integers(1, 30), days=st.integers(0, 30))
def test_a_part_is_within_a_cent_of_its_days_part(price: int, first: int, days: int) -> None:
    end = min(31, first + days)
    paid = due(price, 10_000, NOVEMBER, [Span(day(first), day(end))], Proration.DAY)
    exact = Decimal(price) * (end - first) / 30
    assert abs(paid - exact) <= 10_000


@pytest.mark.parametrize(
    ("cents", "first", "end", "expected"),
    [
        (15000, 16, 31, 7500),
        (10000, 1, 11, 3333),
        (10000, 11, 21, 3334),
        (10000, 21, 31, 3333),
        (100, 30, 31, 3),
    ],
)
def test_parts_by_hand(cents: int, first: int, end: int, expected: int) -> None:
    paid = due(cents * 10_000, 10_000, NOVEMBER, [Span(day(first), day(end))], Proration.DAY)
    assert paid == expected * 10_000


@given(price=PRICES, begin=st.integers(1, 30), stop=st.integers(1, 31))
def test_what_a_pause_leaves_and_what_it_saves_are_the_price(price: int, begin: int, stop: int) -> None:
    paused = Term(day(1), None, ((day(begin), day(stop)),))
    kept = due(price, 10_000, NOVEMBER, paused.stretches(NOVEMBER), Proration.DAY)
    saved = due(price, 10_000, NOVEMBER, [Span(day(begin), max(day(begin), day(stop)))], Proration.DAY)
    assert kept + saved == price


@given(
    first=DAYS, length=st.integers(1, 400), pauses=st.lists(st.tuples(DAYS, st.integers(1, 60)), max_size=3)
)
def test_stretches_are_the_days_on_which_it_holds(
    first: date, length: int, pauses: list[tuple[date, int]]
) -> None:
    term = Term(
        first, first + timedelta(days=length), tuple((at, at + timedelta(days=n)) for at, n in pauses)
    )
    span = Span(first - timedelta(days=5), first + timedelta(days=length + 5))
    days = [span.first + timedelta(days=n) for n in range(span.days)]
    held = {one for part in term.stretches(span) for one in days if part.first <= one < part.end}
    oracle = {
        one
        for one in days
        if first <= one < first + timedelta(days=length)
        and not any(at <= one < at + timedelta(days=n) for at, n in pauses)
    }
    assert held == oracle == {one for one in days if term.holds(one)}


@given(first=DAYS, cycle=st.sampled_from([Cycle.MONTH, Cycle.QUARTER, Cycle.YEAR]))
def test_periods_follow_each_other_without_a_gap(first: date, cycle: Cycle) -> None:
    found = list(periods(cycle, Term(first), add_months(first, 40)))
    assert found[0].first <= first < found[0].end
    assert all(one.end == two.first for one, two in itertools.pairwise(found))
    assert next_period(cycle, Term(first), first) == found[0].end


def test_a_plan_without_proration_asks_for_the_whole() -> None:
    plan = Plan("p", {"en": "P"}, EUR, price_micro=30 * MICRO, proration=Proration.NONE)
    assert cost_of(plan, Term(day(20)), NOVEMBER, plan.price_micro) == 30 * MICRO
    assert cost_of(plan, Term(day(20), day(20)), NOVEMBER, plan.price_micro) == 0


def test_a_pass_is_paid_by_the_day() -> None:
    plan = Plan("pass", {"en": "Pass"}, EUR, cycle=Cycle.DAY, price_micro=12 * MICRO)
    term = Term(day(28), day(28) + timedelta(days=4))
    (whole,) = periods(Cycle.DAY, term, day(30))
    assert cost_of(plan, term, whole, plan.price_micro) == 48 * MICRO


@pytest.mark.parametrize(
    ("cycle", "notice", "least", "first", "today", "expected"),
    [
        (Cycle.MONTH, 0, 0, date(2026, 1, 10), date(2026, 11, 21), date(2026, 12, 1)),
        (Cycle.MONTH, 30, 0, date(2026, 1, 10), date(2026, 11, 21), date(2027, 1, 1)),
        (Cycle.MONTH, 0, 6, date(2026, 9, 1), date(2026, 11, 21), date(2027, 3, 1)),
        (Cycle.MONTH, 0, 6, date(2026, 9, 15), date(2026, 11, 21), date(2027, 4, 1)),
        (Cycle.YEAR, 14, 0, date(2026, 3, 3), date(2026, 11, 21), date(2027, 3, 1)),
        (Cycle.QUARTER, 0, 0, date(2026, 11, 2), date(2026, 11, 21), date(2027, 2, 1)),
        (Cycle.MONTH, 0, 0, date(2026, 1, 10), date(2026, 12, 1), date(2026, 12, 1)),
    ],
)
def test_a_cancelled_membership_ends_with_a_period_after_notice(
    cycle: Cycle, notice: int, least: int, first: date, today: date, expected: date
) -> None:
    plan = Plan("p", {"en": "P"}, EUR, cycle=cycle, notice_days=notice, least_months=least)
    assert last_day(plan, Term(first), today) == expected


@given(price=PRICES, first=DAYS)
def test_a_year_by_days_against_decimals(price: int, first: date) -> None:
    plan = Plan("p", {"en": "P"}, EUR, cycle=Cycle.YEAR, price_micro=price)
    (year,) = periods(Cycle.YEAR, Term(first), first)
    missed = Decimal((first - year.first).days) * (price // 10_000) / year.days
    expected = price // 10_000 - int(missed.quantize(Decimal(1), ROUND_HALF_UP))
    assert cost_of(plan, Term(first), year, price) == expected * 10_000

"""Whatever a tariff says: minute by minute comes to the same, parts add up, more never costs less."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floor.meter import Quantity, Reading
from floor.money import MICRO
from floor.tariff import History, Tariff, Visit, bill, load, price_visit
from floor.tariff.calendar import cuts, in_window, instant, local, period_key
from floor.tariff.model import Period, Window

MIN_MS = 60_000
ZONES = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("America/Sao_Paulo")]
START = datetime(2018, 1, 25, 7, 30, tzinfo=UTC)
PERIODS = ["session", "day", "week", "month", "year", "anniversary", "billing_month"]
SINCE = date(2016, 2, 29)


def table(**more: Any) -> dict[str, Any]:
    component = {"per": "machine_time", "unit": "min", "price": Decimal("0.60"), **more.pop("component", {})}
    top = {"id": "t", "name": "T", "commodity": "EUR", "valid_from": "2016-01-01", "bill_at": "end"}
    return {**top, "components": [component], "rounding": {"where": "statement"}, **more}


COUNTED = st.fixed_dictionaries(
    {"free": st.integers(0, 90), "above": st.integers(1, 200), "price": st.integers(0, 3)},
    optional={"free_per": st.sampled_from(PERIODS), "brackets_per": st.sampled_from(PERIODS)},
)
USES = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 240)), min_size=1, max_size=6)


def counted(shape: dict[str, Any]) -> Tariff:
    free, above, price = shape["free"], shape["above"], shape["price"]
    rest = {key: shape[key] for key in ("free_per", "brackets_per") if key in shape}
    brackets = [{"above": f"{above} min", "price": price}]
    return load(table(component={"free": f"{free} min", "brackets": brackets, **rest}), "t")


def visits(uses: list[tuple[int, int]], zone: Any = UTC) -> list[Visit]:
    """Make uses one after another: a gap in minutes, then a length in minutes."""
    found, at_ms = [], instant(START.astimezone(zone))
    for n, (gap, minutes) in enumerate(uses):
        at_ms += gap * MIN_MS
        end_ms = at_ms + minutes * MIN_MS
        readings = Reading(at_ms, {}), Reading(end_ms, {Quantity.MACHINE_TIME_MS: minutes * MIN_MS})
        found.append(Visit(f"{n:03}", readings, account="a", since=SINCE))
        at_ms = end_ms
    return found


def by_minutes(shape: dict[str, Any], made: list[Visit], zone: Any) -> Decimal:
    """Reckon minute by minute, each by how many stood before it in its periods."""
    seen: dict[tuple[str, str], int] = {}
    total = Decimal(0)
    for visit in made:
        day = datetime.fromtimestamp((visit.ended_ms - 1) // 1000, zone).date()
        free_in = "free", named(shape.get("free_per", "session"), day, visit.id)
        above_in = "above", named(shape.get("brackets_per", "session"), day, visit.id)
        for _ in range((visit.ended_ms - visit.started_ms) // MIN_MS):
            seen[free_in] = seen.get(free_in, 0) + 1
            if seen[free_in] <= shape["free"]:
                continue
            seen[above_in] = seen.get(above_in, 0) + 1
            total += Decimal("0.60") if seen[above_in] <= shape["above"] else shape["price"]
    return total


def named(period: str, day: date, id: str) -> str:
    """Name a period in another way than the product: by the day on which it begins."""
    first = day
    while period not in ("session", "day") and not begins(period, first):
        first -= timedelta(days=1)
    return id if period == "session" else f"{period} {first}"


def begins(period: str, day: date) -> bool:
    leap = day.year % 4 == 0
    last_of_february = day.month == 2 and day.day == (29 if leap else 28)
    match period:
        case "week":
            return day.weekday() == 0
        case "month":
            return day.day == 1
        case "year":
            return (day.month, day.day) == (1, 1)
        case "anniversary":
            return last_of_february
        case _:
            return day.day == 29 or (last_of_february and not leap)


@settings(max_examples=150, deadline=None)
@given(shape=COUNTED, uses=USES, zone=st.sampled_from(ZONES))
def test_minute_by_minute_comes_to_the_same(shape: dict[str, Any], uses: list[Any], zone: Any) -> None:
    made = visits(uses, zone)
    bills, _ = bill([(one, [counted(shape)]) for one in made], zone=zone)
    assert Decimal(sum(one.total_micro for one in bills)) / MICRO == by_minutes(shape, made, zone)


@settings(max_examples=100, deadline=None)
@given(shape=COUNTED, minutes=st.integers(2, 500), cut=st.integers(1, 499), block=st.booleans())
def test_a_version_that_changes_nothing_changes_nothing(
    shape: dict[str, Any], minutes: int, cut: int, block: bool
) -> None:
    tariff = counted(shape)
    if block:
        parts = {"block": Fraction(20), "brackets": ()}
        tariff = replace(tariff, components=(replace(tariff.components[0], **parts),))
    one = visits([(0, minutes)])[0]
    later = replace(tariff, valid_from_ms=one.started_ms + min(cut, minutes) * MIN_MS)
    whole, history = price_visit(one, [tariff])
    parted, also = price_visit(one, [tariff, later])
    assert whole.total_micro == parted.total_micro
    assert history == also


@settings(max_examples=100, deadline=None)
@given(shape=COUNTED, minutes=st.integers(1, 500), more=st.integers(0, 100))
def test_more_never_costs_less(shape: dict[str, Any], minutes: int, more: int) -> None:
    less, _ = price_visit(visits([(0, minutes)])[0], [counted(shape)])
    much, _ = price_visit(visits([(0, minutes + more)])[0], [counted(shape)])
    assert less.total_micro <= much.total_micro


@settings(max_examples=60, deadline=None)
@given(shape=COUNTED, uses=USES, part=st.integers(0, 100))
def test_a_tier_and_its_fund_pay_the_full_price(shape: dict[str, Any], uses: list[Any], part: int) -> None:
    tariff = counted(shape)
    tiers = load(table(tiers={"m": {"multiplier": str(Decimal(part) / 100), "fund": "city"}}), "t").tiers
    tariff = replace(tariff, tiers=tiers)
    full, _ = bill([(one, [tariff]) for one in visits(uses)])
    paid, _ = bill([(replace(one, tier="m"), [tariff]) for one in visits(uses)])
    for whole, mine in zip(full, paid, strict=True):
        shares = sum(share.total_micro for charge in mine.charges for share in charge.shares)
        assert mine.total_micro + shares == whole.total_micro


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.integers(0, 400 * 1440),
    minutes=st.integers(1, 3000),
    edges=st.tuples(st.integers(0, 1439), st.integers(0, 1440)),
)
def test_cuts_are_where_the_clock_shows_the_edge(
    zone: Any, start: int, minutes: int, edges: tuple[int, int]
) -> None:
    window = Window("w", frozenset(range(5)), frozenset(), *edges)
    first = instant(datetime(2018, 1, 1, tzinfo=UTC)) + start * MIN_MS

    def label(at_ms: int) -> str:
        return in_window([window], local(at_ms, zone))

    found = cuts(first, first + minutes * MIN_MS, zone, {0, *edges}, label)
    walked = [at for n in range(1, minutes) if label(at := first + n * MIN_MS) != label(at - MIN_MS)]
    assert found == walked


def test_a_skipped_edge_is_where_the_clock_jumps() -> None:
    window = Window("w", frozenset(range(7)), frozenset(), 150, 240)
    zone = ZoneInfo("America/New_York")
    start = instant(datetime(2022, 3, 13, 1, tzinfo=zone))

    def label(at_ms: int) -> str:
        return in_window([window], local(at_ms, zone))

    assert cuts(start, start + 5 * 60 * MIN_MS, zone, {150, 240}, label) == [
        start + 60 * MIN_MS,
        start + 120 * MIN_MS,
    ]


@pytest.mark.parametrize(
    ("period", "key"),
    [
        (Period.ANNIVERSARY, "from 2025-02-28"),
        (Period.BILLING_MONTH, "from 2026-01-29"),
        (Period.WEEK, "2026-W08"),
    ],
)
def test_a_membership_of_29_february(period: Period, key: str) -> None:
    assert period_key(period, date(2026, 2, 20), SINCE) == key


def test_a_shared_allowance_is_one_and_counts_for_who_it_says() -> None:
    shared = {"free": "60 min", "free_per": "month", "shared": "minutes", "counts_for": "member"}
    one, two = (replace(load(table(component=shared), "t"), id=id) for id in ("laser", "mill"))
    first, second, third = visits([(0, 40), (0, 40), (0, 40)])
    uses = [(first, [one]), (second, [two]), (replace(third, member="bo"), [two])]
    assert [made.total_micro for made in bill(uses)[0]] == [0, 20 * 600_000, 0]


def test_a_history_goes_on_from_where_it_was_kept() -> None:
    tariff = load(table(component={"free": "60 min", "free_per": "month"}), "t")
    first, second = visits([(0, 40), (0, 40)])
    _, history = price_visit(first, [tariff])
    kept = {key: str(position) for key, position in history.positions.items()}
    again = History({key: Fraction(position) for key, position in kept.items()})
    assert price_visit(second, [tariff], again)[0].total_micro == 20 * 600_000


@settings(max_examples=60, deadline=None)
@given(uses=USES, rate=st.integers(0, 100), above=st.integers(0, 200))
def test_a_cap_comes_to_the_same_however_use_is_parted(uses: list[Any], rate: int, above: int) -> None:
    caps = [{"per": "year", "above": above, "rate": Decimal(rate) / 100, "fund": "city"}]
    tariff = load(table(caps=caps), "t")
    made = [replace(one, since=None) for one in visits([(0, minutes) for _, minutes in uses])]
    parted, _ = bill([(one, [tariff]) for one in made])
    whole, _ = price_visit(visits([(0, sum(minutes for _, minutes in uses))])[0], [tariff])
    assert sum(one.total_micro for one in parted) == whole.total_micro
    shares = [s.total_micro for one in (*parted, whole) for c in one.charges for s in c.shares]
    gross = sum(minutes for _, minutes in uses) * 600_000
    assert sum(shares) == 2 * (gross - whole.total_micro)


def test_what_a_bracket_gives_back_goes_back_through_the_cap() -> None:
    component = {
        "brackets": [{"above": "100 min", "price": 0}],
        "brackets_per": "month",
        "brackets_mode": "whole",
    }
    tariff = load(table(component=component, caps=[{"per": "month", "above": 30}]), "t")
    bills, _ = bill([(one, [tariff]) for one in visits([(0, 100), (0, 1)])])
    assert [one.total_micro for one in bills] == [30 * MICRO, -30 * MICRO]

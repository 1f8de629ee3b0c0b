"""Booking by rules: never two at one time, never more than a limit says, right on days of 23 and 25 hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floor.reservation import calendar, limits, slots, walk_in
from floor.reservation.decide import decide
from floor.reservation.load import read_policies
from floor.reservation.model import Policies, Span
from floor.reservation.recurring import Recurring, Unit, expand
from floor.reservation.terms import Allowed, Known, Reservation, Slot, Standing, Turned, Use, Wanted

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS, HALF_MS = 3_600_000, 1_800_000
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
DAYS = {SPRING: 23, AUTUMN: 25, date(2026, 6, 3): 24}

LIMITS = """
[policy.lasers]
machines = "laser-*"
buffer = "30 min"
gap = "1 h"
one_at_a_time = true
[[policy.lasers.limits]]
per = "day"
most = "3 h"
[[policy.lasers.limits]]
per = "week"
most = 4
over = "policy"
[[policy.lasers.limits]]
per = "rolling"
window = "48 h"
most = "5 h"
over = "all"
[policy.saws]
machines = "saw-*"
[[policy.saws.limits]]
per = "open"
most = 3
over = "all"
"""
POLICIES = read_policies(LIMITS, "reservations.toml", BERLIN)
MONDAY_MS = calendar.at(date(2026, 3, 23), 0, BERLIN)

any_minute = st.integers(0, 480_000).map(lambda n: MONDAY_MS + n * 60_000)
wishes = st.lists(
    st.tuples(
        st.sampled_from(["laser-1", "laser-2", "saw-1"]),
        st.sampled_from(["ada", "grace"]),
        st.integers(0, 2 * 24 * 9),
        st.integers(1, 8),
    ),
    max_size=30,
)


def book(policies: Policies, asked: list[tuple[str, str, int, int]]) -> list[Reservation]:
    """Ask for each in turn; decide sees only what `window_of` and `reach` say that it needs."""
    made: list[Reservation] = []
    for n, (machine, member, begin, halves) in enumerate(asked):
        begins = MONDAY_MS + begin * HALF_MS
        wanted = Wanted(Slot(machine, begins, begins + halves * HALF_MS), member, "", MONDAY_MS - 1)
        own, there = limits.window_of(policies, wanted, BERLIN), slots.reach(policies, wanted)
        known = [
            one
            for one in made
            if (one.member == member and one.slot.overlaps(*own))
            or (one.slot.machine == machine and one.slot.overlaps(*there))
        ]
        decision = decide(policies, wanted, Known(tuple(known)), BERLIN)
        whole = decide(policies, wanted, Known(tuple(made)), BERLIN)
        assert isinstance(decision, Allowed) == isinstance(whole, Allowed)
        if isinstance(decision, Allowed):
            made.append(Reservation(str(n), wanted.slot, member, wanted.now_ms))
    return made


def hours_on(day: date, made: list[Reservation]) -> int:
    first = round(datetime(day.year, day.month, day.day, tzinfo=BERLIN).timestamp() * 1000)
    after = day + timedelta(days=1)
    last = round(datetime(after.year, after.month, after.day, tzinfo=BERLIN).timestamp() * 1000)
    return sum(max(0, min(one.slot.ends_ms, last) - max(one.slot.begins_ms, first)) for one in made)


@settings(max_examples=60, deadline=None)
@given(wishes)
def test_what_is_granted_keeps_every_rule(asked: list[tuple[str, str, int, int]]) -> None:
    made = book(POLICIES, asked)
    for one, other in combinations(made, 2):
        if one.slot.machine == other.slot.machine:
            apart = HALF_MS if one.slot.machine != "saw-1" else 0
            assert not one.slot.overlaps(other.slot.begins_ms - apart, other.slot.ends_ms + apart)
    for member in ("ada", "grace"):
        mine = [one for one in made if one.member == member]
        lasers = [one for one in mine if one.slot.machine != "saw-1"]
        for machine in ("laser-1", "laser-2"):
            here = [one for one in lasers if one.slot.machine == machine]
            assert all(
                hours_on(date(2026, 3, 20) + timedelta(days=n), here) <= 3 * HOUR_MS for n in range(20)
            )
        weeks = [
            datetime.fromtimestamp(one.slot.begins_ms / 1000, BERLIN).isocalendar()[:2] for one in lasers
        ]
        assert all(weeks.count(week) <= 4 for week in weeks)
        for last in (one for one in lasers if lasers):
            earlier = mine[: mine.index(last) + 1]
            for first in range(MONDAY_MS - 2 * 48 * HALF_MS, MONDAY_MS + 12 * 48 * HALF_MS, HALF_MS):
                if last.slot.overlaps(first, first + 96 * HALF_MS):
                    inside = [
                        max(0, min(one.slot.ends_ms, first + 96 * HALF_MS) - max(one.slot.begins_ms, first))
                        for one in earlier
                    ]
                    assert sum(inside) <= 5 * HOUR_MS


@settings(max_examples=40, deadline=None)
@given(wishes, st.integers(0, 5))
def test_a_wider_limit_turns_down_nothing_that_a_narrow_one_grants(
    asked: list[tuple[str, str, int, int]], more: int
) -> None:
    lasers = POLICIES.policies[0]
    wider = tuple(
        replace(
            one,
            number=None if one.number is None else one.number + more,
            ms=None if one.ms is None else one.ms + more * HALF_MS,
        )
        for one in lasers.rules.limits
    )
    policy = replace(lasers, rules=replace(lasers.rules, limits=wider))
    wide = replace(POLICIES, policies=(policy, *POLICIES.policies[1:]))
    made = book(POLICIES, asked)
    for n, one in enumerate(made):
        known = Known(tuple(made[:n]))
        wanted = Wanted(one.slot, one.member, "", one.made_ms)
        assert isinstance(decide(wide, wanted, known, BERLIN), Allowed)


@pytest.mark.parametrize(("day", "hours"), DAYS.items())
def test_three_hours_a_day_are_real_hours_of_a_calendar_day(day: date, hours: int) -> None:
    text = '[policy.all]\n[[policy.all.limits]]\nper = "day"\nmost = "3 h"'
    policies = read_policies(text, "reservations.toml", BERLIN)
    first, after = calendar.midnights(day, day + timedelta(days=1), BERLIN)
    assert after - first == hours * HOUR_MS
    for begins in (first, after - 3 * HOUR_MS):
        held = Reservation("1", Slot("saw", begins, begins + 3 * HOUR_MS), "ada", 0)
        for begin in range(first, after, HALF_MS):
            if held.slot.overlaps(begin, begin + HALF_MS):
                continue
            wanted = Wanted(Slot("saw", begin, begin + HALF_MS), "ada", "", first - HOUR_MS)
            assert isinstance(decide(policies, wanted, Known((held,)), BERLIN), Turned)
        for begin in (first - HALF_MS, after):
            wanted = Wanted(Slot("saw", begin, begin + HALF_MS), "ada", "", first - HOUR_MS)
            assert isinstance(decide(policies, wanted, Known((held,)), BERLIN), Allowed)


@given(any_minute, st.integers(0, 60))
def test_days_are_counted_on_the_clock(at_ms: int, days: int) -> None:
    at = datetime.fromtimestamp(at_ms / 1000, BERLIN)
    later = datetime.fromtimestamp(calendar.shift(at_ms, Span(days=days), BERLIN) / 1000, BERLIN)
    meant = at.replace(tzinfo=None) + timedelta(days=days)
    assert abs(later.replace(tzinfo=None) - meant) <= timedelta(hours=1)
    if later.hour not in (2, 3):
        assert later.replace(tzinfo=None) == meant


@given(
    any_minute,
    st.integers(1, 20),
    st.integers(1, 4),
    st.sampled_from(Unit),
)
def test_what_comes_again_comes_at_the_same_time_of_day(
    begins: int, halves: int, every: int, unit: Unit
) -> None:
    first = Slot("saw", begins, begins + halves * HALF_MS)
    made = expand(first, Recurring(unit, every, times=20), BERLIN)
    assert made[0] == first
    assert 18 <= len(made) <= 20
    at = datetime.fromtimestamp(begins / 1000, BERLIN)
    for one in made:
        local = datetime.fromtimestamp(one.begins_ms / 1000, BERLIN)
        if local.hour not in (2, 3):
            assert (local.hour, local.minute) == (at.hour, at.minute)
    assert all(one.ends_ms > one.begins_ms for one in made)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 10)), max_size=6),
    st.integers(0, 80),
    st.integers(1, 12),
)
def test_a_walk_in_ends_when_the_limit_is_reached(past: list[tuple[int, int]], begin: int, most: int) -> None:
    text = f'[policy.all]\n[[policy.all.limits]]\nper = "week"\nmost = "{most * 30} min"\ncounts = ["use"]'
    policies = read_policies(text, "reservations.toml", UTC)
    monday = round(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000)
    now_ms = monday + (begin + 70) * HALF_MS
    uses = [Use("saw", monday + at * HALF_MS, monday + (at + long) * HALF_MS, True) for at, long in past]
    used = {half for at, long in past for half in range(at, at + long)}
    decision = walk_in.decide(policies, "saw", "ada", "", Known(uses=tuple(uses)), now_ms, UTC)
    left = most - len(used)
    if left <= 0:
        assert isinstance(decision, Turned)
        assert decision.rule == "limits"
    else:
        assert isinstance(decision, Allowed)
        until = now_ms + left * HALF_MS
        week = monday + 7 * 48 * HALF_MS
        assert decision.until_ms == (until if until <= week else week + most * HALF_MS)


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 120), st.integers(0, 60))
def test_a_no_show_is_released_by_reading_it(begin: int, long: int, now: int, begun: int) -> None:
    policies = read_policies('[policy.all]\nno_show = "15 min"', "reservations.toml", UTC)
    minute = 60_000
    slot = Slot("saw", begin * minute, (begin + long) * minute)
    held = Reservation("1", slot, "ada", 0, begun_ms=begun * minute)
    standing = slots.standing_at(held, policies.of("saw"), now * minute)
    released = min(begin + 15, begin + long)
    assert slots.released_ms(held, policies.of("saw")) == released * minute
    if begun:
        assert standing is (Standing.ENDED if now >= begin + long else Standing.BEGUN)
    else:
        assert standing is (Standing.RELEASED if now >= released else Standing.BOOKED)


@settings(max_examples=60, deadline=None)
@given(wishes)
def test_what_is_free_can_be_had(asked: list[tuple[str, str, int, int]]) -> None:
    made = book(POLICIES, asked)
    from_ms, to_ms = MONDAY_MS, MONDAY_MS + 10 * 24 * HOUR_MS
    for machine in ("laser-1", "saw-1"):
        for slot in slots.free(POLICIES, machine, made, from_ms, to_ms, BERLIN):
            ends = min(slot.ends_ms, slot.begins_ms + HALF_MS)
            wanted = Wanted(Slot(machine, slot.begins_ms, ends), "mary", "", MONDAY_MS)
            assert isinstance(decide(POLICIES, wanted, Known(tuple(made)), BERLIN), Allowed)

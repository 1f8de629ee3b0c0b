"""When a machine could next be reserved by a reader: the rules of reservations decide, time by time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from booking_api.auth.who import Who
from booking_api.reservations import booking
from booking_api.reservations.booking import BookingDetails
from booking_api.reservations.diary import Diary
from booking_api.reservations.endpoints import free_of
from floor.reservation import calendar
from floor.reservation.calendar import DAY_MIN, DAY_MS, MINUTE_MS
from floor.reservation.model import Rules
from floor.reservation.terms import Slot, Turned

LOOK_MS = 7 * DAY_MS
TRIES = 8
"""So many times are asked for at most: each costs the database some questions."""
USUAL_MS, GRID_MIN = 60 * MINUTE_MS, 15
NEVER = frozenset(
    {"certified", "suspended", "membership", "waiver", "only_tiers", "except_tiers", "policy", "reserve"}
)
"""Rules that say no whatever the time is."""


@dataclass(frozen=True, slots=True)
class NextSlot:
    """The next time that is free, in UTC milliseconds; `turned` is the rule that does not let the reader
    have it, None where they may.
    """

    begins_ms: int
    ends_ms: int
    turned: Turned | None = None


def next_slot(diary: Diary, who: Who, machine: str) -> NextSlot | None:
    """Return the next time that the reader could reserve within a week; else the next that is free."""
    rules = diary.policies.of(machine).rules_for(who.member.tier)
    first: NextSlot | None = None
    if not rules.reserve:
        return None
    for tried, slot in enumerate(_candidates(diary, rules, machine)):
        decision = booking.check(
            diary, BookingDetails(machine=machine, begins_ms=slot.begins_ms, ends_ms=slot.ends_ms)
        )
        if not isinstance(decision, Turned):
            return NextSlot(slot.begins_ms, slot.ends_ms)
        first = first or NextSlot(slot.begins_ms, slot.ends_ms, decision)
        if decision.rule in NEVER or tried + 1 >= TRIES:
            break
    return first


def _candidates(diary: Diary, rules: Rules, machine: str) -> Iterator[Slot]:
    """Yield times that may do: of each day the first of every stretch that is free."""
    length_ms = _length(rules)
    for free in free_of(diary, machine, diary.now_ms, diary.now_ms + LOOK_MS):
        for starts in _begins(diary, rules, free):
            fit = (at_ms for at_ms in starts if at_ms + length_ms <= free.ends_ms)
            if (begins_ms := next(fit, None)) is not None:
                yield Slot(machine, begins_ms, begins_ms + length_ms)


def _length(rules: Rules) -> int:
    """Return how long a reservation is suggested to be: an hour, or what the rules have nearest to it."""
    if rules.lengths_ms:
        return min(rules.lengths_ms, key=lambda one: abs(one - USUAL_MS))
    length_ms = max(USUAL_MS, rules.length_min_ms)
    if rules.step_ms:
        length_ms = -(-length_ms // rules.step_ms) * rules.step_ms
    return min(length_ms, rules.length_max_ms) if rules.length_max_ms else length_ms


def _begins(diary: Diary, rules: Rules, free: Slot) -> Iterator[list[int]]:
    """Yield day by day when in a free stretch a reservation may begin: by the rules, or each quarter."""
    from_ms = max(free.begins_ms, diary.now_ms)
    if rules.lead is not None:
        from_ms = max(from_ms, calendar.shift(diary.now_ms, rules.lead, diary.zone))
    minutes = rules.starts_at_min or range(0, DAY_MIN, rules.starts_every_min or GRID_MIN)
    day = calendar.day_of(from_ms, diary.zone)
    while (midnight := calendar.at(day, 0, diary.zone)) < free.ends_ms:
        starts = (calendar.at(day, minute, diary.zone) for minute in minutes)
        yield [at_ms for at_ms in starts if max(from_ms, midnight) <= at_ms < free.ends_ms]
        day += timedelta(days=1)

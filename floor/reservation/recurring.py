"""Reservations that come again, at the same time of day whatever the clock is set to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from enum import StrEnum

from floor.reservation import calendar
from floor.reservation.model import Policies
from floor.reservation.terms import Allowed, Decision, Slot, Turned
from floor.tariff.calendar import local

TIMES_MAX = 400


class Unit(StrEnum):
    """By what a reservation comes again; in a month without that day, on its last."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Recurring:
    """Every so many days, weeks or months, in a week on `days` (0 is Monday; none: the first one's), until
    the day `until`, at most `times`, the first counted.
    """

    unit: Unit = Unit.WEEK
    every: int = 1
    days: frozenset[int] = frozenset()
    until: date | None = None
    times: int = TIMES_MAX


def expand(first: Slot, rule: Recurring, zone: tzinfo) -> list[Slot]:
    """Return the slots, at the first one's local time and as long by the clock; at most 400."""
    made: list[Slot] = []
    begin, end = local(first.begins_ms, zone), local(first.ends_ms, zone)
    minutes = begin.hour * 60 + begin.minute
    beyond = first.begins_ms % calendar.MINUTE_MS
    length = end.replace(tzinfo=None) - begin.replace(tzinfo=None)
    is_odd = length <= timedelta(0) or begin.utcoffset() != end.utcoffset()
    for day in _days(begin.date(), rule):
        begins = calendar.at(day, minutes, zone) + beyond
        if is_odd:
            ends = begins + first.length_ms
        else:
            shown = local(begins, zone).replace(tzinfo=None) + length
            ends = calendar.at(shown.date(), shown.hour * 60 + shown.minute, zone)
            ends += first.ends_ms % calendar.MINUTE_MS
        made.append(Slot(first.machine, begins, ends) if day > begin.date() else first)
    return [one for one in made if one.length_ms > 0]


def _days(first: date, rule: Recurring) -> list[date]:
    most = min(rule.times, TIMES_MAX)
    found: list[date] = []
    n = 0
    while len(found) < most and n <= TIMES_MAX:
        for day in _round(first, rule, n):
            if rule.until is not None and day > rule.until:
                return found
            if day >= first and len(found) < most:
                found.append(day)
        n += 1
    return found


def _round(first: date, rule: Recurring, n: int) -> list[date]:
    """Return the days of the n-th time around, in order."""
    if rule.unit is Unit.DAY:
        return [first + timedelta(days=n * rule.every)]
    if rule.unit is Unit.MONTH:
        months = first.year * 12 + first.month - 1 + n * rule.every
        year, month = months // 12, months % 12 + 1
        after = date(year + month // 12, month % 12 + 1, 1)
        return [date(year, month, min(first.day, (after - timedelta(days=1)).day))]
    monday = first - timedelta(days=first.weekday()) + timedelta(weeks=n * rule.every)
    return [monday + timedelta(days=day) for day in sorted(rule.days or {first.weekday()})]


def may_recur(policies: Policies, machine: str, tier: str, slots: Sequence[Slot], zone: tzinfo) -> Decision:
    """Say whether a member of a tier may have a reservation come again at these slots, in order of time."""
    times = len(slots)
    rules = policies.of(machine).rules_for(tier)
    if not rules.recurring:
        sentence = f"Reservations of {machine} do not come again by themselves."
        return Turned("recurring", sentence, {"key": rules.place("recurring")})
    if times > rules.recurring_most:
        most = rules.recurring_most
        sentence = f"It may come at most {most} times: these are {times}."
        return Turned("recurring_most", sentence, {"key": rules.place("recurring_most"), "most": str(most)})
    if slots and rules.recurring_for is not None:
        last = calendar.shift(slots[0].begins_ms, rules.recurring_for, zone)
        if slots[-1].begins_ms > last:
            words = rules.recurring_for.words
            sentence = f"It may come again for {words}: the last of these begins after that."
            return Turned("recurring_for", sentence, {"key": rules.place("recurring_for"), "most": words})
    return Allowed()

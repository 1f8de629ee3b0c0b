"""The space's calendar: days, weeks and months by the clock on its wall, whatever that clock is set to.

A time that the clock skips in spring is the instant as much later; of one that it shows twice in autumn, the
first is meant where something begins, and the last where something ends.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from floor.reservation.model import Per, Policies, Span, Times
from floor.tariff.calendar import YEAR_9999_MS, instant, local

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
DAY_MIN = 1440
WEEK_DAYS = 7
FIRST_MS, LAST_MS = 0, YEAR_9999_MS - 1
LENGTH_MAX_MS = 366 * DAY_MS
"""No reservation, and no length that a rule names, is longer."""
Times_ms = tuple[int, int]
"""A time from the first instant to before the second."""


def day_of(at_ms: int, zone: tzinfo) -> date:
    """Return the day on which an instant lies."""
    return local(at_ms, zone).date()


def minute_of(at_ms: int, zone: tzinfo) -> int:
    """Return the minute of the day that the clock shows."""
    shown = local(at_ms, zone)
    return shown.hour * 60 + shown.minute


@lru_cache(maxsize=4_096)
def at(day: date, minute: int, zone: tzinfo, *, is_end: bool = False) -> int:
    """Return the instant of a minute of a day; 1440 and more are the next day's."""
    shown = datetime.combine(
        day + timedelta(days=minute // DAY_MIN), time(minute % DAY_MIN // 60, minute % 60), zone
    )
    first = instant(shown)
    return max(first, instant(shown.replace(fold=1))) if is_end else first


def shift(at_ms: int, span: Span, zone: tzinfo, sign: int = 1) -> int:
    """Return the instant that lies a span later (sign 1) or earlier (-1), to the same time of day."""
    moved = at_ms
    if span.months or span.days:
        shown = local(at_ms, zone)
        months = shown.year * 12 + shown.month - 1 + sign * span.months
        year, month = min(max(months // 12, 1970), 9998), months % 12 + 1
        number = min(shown.day, calendar.monthrange(year, month)[1])
        day = date(year, month, number) + timedelta(days=sign * span.days)
        moved = instant(datetime.combine(day, shown.time(), zone).replace(fold=shown.fold))
    return min(max(moved + sign * span.ms, FIRST_MS), LAST_MS)


def period(policies: Policies, per: Per, day: date) -> tuple[date, date] | None:
    """Return the first day of the calendar period that a day lies in, and the first day after it."""
    match per:
        case Per.DAY:
            return day, day + timedelta(days=1)
        case Per.WEEK:
            first = day - timedelta(days=(day.weekday() - policies.week_begins) % WEEK_DAYS)
            return first, first + timedelta(days=WEEK_DAYS)
        case Per.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)
        case Per.YEAR:
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
        case Per.TERM:
            term = next((one for one in policies.terms if one.first <= day <= one.last), None)
            return (term.first, term.last + timedelta(days=1)) if term else None
    return None


def midnights(first: date, after: date, zone: tzinfo) -> Times_ms:
    """Return the instants of the begin of two days."""
    return at(first, 0, zone), at(after, 0, zone)


def stretches(times: Iterable[Times], from_ms: int, to_ms: int, zone: tzinfo) -> list[Times_ms]:
    """Return when some times of days are, inside of a time, joined where they touch."""
    found: list[Times_ms] = []
    if to_ms <= from_ms:
        return found
    wanted = list(times)
    day, last = day_of(from_ms, zone) - timedelta(days=1), day_of(to_ms, zone)
    while day <= last:
        for one in wanted:
            if one.on(day):
                end = one.to_min if one.to_min > one.from_min else one.to_min + DAY_MIN
                found.append((at(day, one.from_min, zone), at(day, end, zone, is_end=True)))
        day += timedelta(days=1)
    return clipped(joined(found), from_ms, to_ms)


def joined(times: Iterable[Times_ms]) -> list[Times_ms]:
    """Return times in order, one for those that touch."""
    made: list[Times_ms] = []
    for begins, ends in sorted(times):
        if ends <= begins:
            continue
        if made and begins <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], ends)
        else:
            made.append((begins, ends))
    return made


def clipped(times: Iterable[Times_ms], from_ms: int, to_ms: int) -> list[Times_ms]:
    """Return what of some times lies inside of another."""
    cut = ((max(begins, from_ms), min(ends, to_ms)) for begins, ends in times)
    return [(begins, ends) for begins, ends in cut if begins < ends]


def without(times: Iterable[Times_ms], taken: Iterable[Times_ms]) -> list[Times_ms]:
    """Return what of some times is left outside of others."""
    left = joined(times)
    for begins, ends in taken:
        left = [
            piece
            for one in left
            for piece in ((one[0], min(one[1], begins)), (max(one[0], ends), one[1]))
            if piece[0] < piece[1]
        ]
    return left


def windows_at(policies: Policies, begins_ms: int, ends_ms: int, zone: tzinfo) -> frozenset[str]:
    """Return the names of the windows that a time touches."""
    ends_ms = max(ends_ms, begins_ms + 1)
    return frozenset(
        name for name, times in policies.windows.items() if stretches(times, begins_ms, ends_ms, zone)
    )


def shown(at_ms: int, zone: tzinfo) -> str:
    """Write an instant as the clock on the wall shows it."""
    return f"{local(at_ms, zone):%a %Y-%m-%d %H:%M}"


def time_of_day(minute: int) -> str:
    """Write a minute of the day as a time."""
    return f"{minute // 60:02}:{minute % 60:02}"


def said(length_ms: int) -> str:
    """Write a length in words, such as "1 h 30 min"."""
    left, words = length_ms, []
    for unit, size in (("day", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", SECOND_MS)):
        if unit == "day" and (left < 2 * DAY_MS or left % DAY_MS):
            continue
        number, left = divmod(left, size)
        if number:
            words.append(f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''}")
    return " ".join(words) or ("0 min" if not length_ms else f"{length_ms} ms")

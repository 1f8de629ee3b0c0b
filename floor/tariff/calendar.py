"""Where a stretch of time is cut, on the clock on the wall: days, months, years, and time windows.

An instant belongs to a day or a window when that clock shows a time in it. So an hour that the clock skips in
spring belongs to nothing, and one that it shows twice in autumn belongs to its window twice; how long a
stretch lasts is always real time. The caller brings the zone: this module reads no database of zones.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from floor.tariff.model import Period, Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
STEP_MS = 6 * 3_600_000
DAY_MIN = 1440
YEAR_9999_MS = 253_370_764_800_000


def local(at_ms: int, zone: tzinfo) -> datetime:
    """Return what the clock on the wall shows at an instant (UTC milliseconds, years 1970 to 9998).

    Raises ValueError for an instant that no clock of a gateway should have shown.
    """
    if not 0 <= at_ms < YEAR_9999_MS:
        raise ValueError(f"{at_ms} ms lies outside of the years 1970 to 9998")
    return (EPOCH + at_ms * MS).astimezone(zone)


def instant(shown: datetime) -> int:
    """Return the instant (UTC milliseconds) of an aware time."""
    return (shown - EPOCH) // MS


def period_key(period: Period, day: date, since: date | None) -> str:
    """Name the period that a day lies in; a membership that began on no known day began on 1 January."""
    match period:
        case Period.SESSION:
            return "session"
        case Period.DAY:
            return day.isoformat()
        case Period.WEEK:
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case Period.MONTH:
            return f"{day.year:04}-{day.month:02}"
        case Period.YEAR:
            return f"{day.year:04}"
        case Period.ANNIVERSARY:
            return "from " + _anniversary(day, since).isoformat()
        case Period.BILLING_MONTH:
            return "from " + _billing_month(day, since).isoformat()


def _anniversary(day: date, since: date | None) -> date:
    month, number = (since.month, since.day) if since else (1, 1)
    this = _on(day.year, month, number)
    return this if this <= day else _on(day.year - 1, month, number)


def _billing_month(day: date, since: date | None) -> date:
    number = since.day if since else 1
    this = _on(day.year, day.month, number)
    if this <= day:
        return this
    last = day.replace(day=1) - timedelta(days=1)
    return _on(last.year, last.month, number)


def _on(year: int, month: int, number: int) -> date:
    """Return a day of a month, or the month's last where it is shorter."""
    return date(year, month, min(number, calendar.monthrange(year, month)[1]))


def in_window(windows: Sequence[Window], shown: datetime) -> str:
    """Return the first window that a local time lies in, or ""."""
    return next((window.id for window in windows if _holds(window, shown)), "")


def _holds(window: Window, shown: datetime) -> bool:
    minute, day = shown.hour * 60 + shown.minute, shown.date()
    if window.from_min < window.to_min:
        return window.from_min <= minute < window.to_min and _meant(window, day)
    if minute >= window.from_min and _meant(window, day):
        return True
    return minute < window.to_min and _meant(window, day - timedelta(days=1))


def _meant(window: Window, day: date) -> bool:
    return day.weekday() in window.days or day in window.dates


def cuts(
    start_ms: int, end_ms: int, zone: tzinfo, minutes: Iterable[int], label: Callable[[int], object]
) -> list[int]:
    """Return the instants inside (start, end) at which `label` changes.

    It may change only when the clock shows one of `minutes` of a day, or is set to another offset.
    """
    found: list[int] = []
    last = label(start_ms)
    for at_ms in sorted(_candidates(start_ms, end_ms, zone, {minute % DAY_MIN for minute in minutes})):
        if start_ms < at_ms < end_ms and (now := label(at_ms)) != last:
            found.append(at_ms)
            last = now
    return found


def _candidates(start_ms: int, end_ms: int, zone: tzinfo, minutes: set[int]) -> set[int]:
    found = set(_offset_changes(start_ms, end_ms, zone))
    day, last = local(start_ms, zone).date(), local(end_ms, zone).date()
    while day <= last:
        for minute in minutes:
            shown = datetime.combine(day, time(minute // 60, minute % 60), zone)
            found |= {instant(shown.replace(fold=fold)) for fold in (0, 1)}
        day += timedelta(days=1)
    return found


def _offset_changes(start_ms: int, end_ms: int, zone: tzinfo) -> Iterable[int]:
    """Yield the instants at which the zone's offset changes, to the millisecond."""
    if isinstance(zone, timezone):
        return
    before = start_ms
    while before < end_ms:
        after = min(before + STEP_MS, end_ms)
        offset = local(before, zone).utcoffset()
        if local(after, zone).utcoffset() != offset:
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if local(middle, zone).utcoffset() == offset else (low, middle)
            yield high
        before = after

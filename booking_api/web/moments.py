"""Days and times as the fields of forms send them, on the space's clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from booking_api.memberships.days import begin_ms, malformed, may_be, read_day
from booking_api.web.formats import Formats


def day_begins(text: str, f: Formats) -> int | None:
    """Return when a day like 2026-12-31 begins (UTC milliseconds), None for nothing; raises Refused."""
    day = read_day(text)
    return None if day is None else begin_ms(day, f.zone)


def day_ends(text: str, f: Formats) -> int | None:
    """Return the first instant after a day (UTC milliseconds), None for nothing; raises Refused."""
    day = read_day(text)
    return None if day is None else begin_ms(day + timedelta(days=1), f.zone)


def instant(text: str, f: Formats) -> int:
    """Return the instant of a day and time like 2026-12-31T18:00 (UTC milliseconds); raises Refused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise malformed() from None
    if not may_be(moment.date()):
        raise malformed()
    return round(moment.replace(tzinfo=f.zone).timestamp() * 1000)

"""Months on the space's clock, and where the open ones begin."""

import re
from datetime import UTC, datetime, tzinfo

from sqlalchemy import func
from sqlmodel import Session, select

from booking_api.periods.models import Period
from floor.errors import Refused

MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


def month_at(at_ms: int, zone: tzinfo) -> str:
    """Return the month of an instant (UTC milliseconds), such as "2026-10"."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone):%Y-%m}"


def bounds(month: str, zone: tzinfo) -> tuple[int, int]:
    """Return a month's begin and end in UTC milliseconds; raises Refused for what is no month."""
    named = MONTH.fullmatch(month)
    if named is None:
        raise Refused("month_malformed", f"{month[:20]!r} is not a month. Write it like 2026-10.")
    year, number = int(named[1]), int(named[2])
    following = (year + number // 12, number % 12 + 1)
    return _first(year, number, zone), _first(*following, zone)


def open_from_ms(session: Session) -> int:
    """Return the first instant (UTC milliseconds) at which something may still occur; 0 before any close."""
    return session.exec(select(func.max(Period.to_ms))).one() or 0


def _first(year: int, month: int, zone: tzinfo) -> int:
    return round(datetime(year, month, 1, tzinfo=zone).timestamp() * 1000)

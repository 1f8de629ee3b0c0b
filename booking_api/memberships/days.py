"""Days on the space's clock: memberships begin and end with them."""

from datetime import UTC, date, datetime, tzinfo

from floor.errors import Refused


def day_of(at_ms: int, zone: tzinfo) -> date:
    """Return the day of an instant (UTC milliseconds)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def begin_ms(day: date, zone: tzinfo) -> int:
    """Return the instant at which a day begins, UTC milliseconds."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def read_day(text: str) -> date | None:
    """Read a day that somebody typed, None for nothing; raises Refused."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise malformed() from None
    if not may_be(day):
        raise malformed()
    return day


def may_be(day: date) -> bool:
    """Whether a day is none that only a slip writes: beyond these years the calendar itself ends."""
    return 1900 <= day.year < 3000


def malformed() -> Refused:
    """Return the refusal of what is no day."""
    return Refused("date_malformed", "Write a date, like 2026-12-31.")

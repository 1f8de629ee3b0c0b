"""The time of a report: whole months of the space's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo

from booking_api.periods.calendar import MONTH, bounds, month_at
from floor.errors import Refused

LONGEST = 36
"""A report has at most so many months."""
_NAMED = re.compile(r"(20[0-9]{2})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
_REMEDY = "Write a year (2026), a quarter (2026-Q2), a month (2026-05), or a time (2026-03..2026-08)."


@dataclass(frozen=True, slots=True)
class Span:
    """The months from `first` to `last`, both with it, and their bounds in UTC milliseconds."""

    first: str
    last: str
    from_ms: int
    to_ms: int

    @property
    def months(self) -> tuple[str, ...]:
        """Its months in order."""
        return tuple(_name(number) for number in range(_number(self.first), _number(self.last) + 1))

    @property
    def name(self) -> str:
        """How it is written: the shortest way."""
        year, count = self.first[:4], len(self.months)
        if count == 1:
            return self.first
        if count == 12 and self.first.endswith("-01"):
            return year
        begin = int(self.first[5:]) - 1
        if count == 3 and begin % 3 == 0:
            return f"{year}-Q{begin // 3 + 1}"
        return f"{self.first}..{self.last}"

    def shifted(self, months: int, zone: tzinfo) -> Span:
        """Return the same months so much later."""
        return between(_name(_number(self.first) + months), _name(_number(self.last) + months), zone)


class Months:
    """Tells months of instants that mostly are of the same one."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._month, self._from_ms, self._to_ms = "", 0, 0

    def of(self, at_ms: int) -> str:
        """Return the month of an instant (UTC milliseconds)."""
        if not self._from_ms <= at_ms < self._to_ms:
            self._month = month_at(at_ms, self._zone)
            self._from_ms, self._to_ms = bounds(self._month, self._zone)
        return self._month


def read_span(text: str, zone: tzinfo) -> Span:
    """Read a year, a quarter, a month, or months such as 2026-03..2026-08; raises Refused."""
    first, dots, last = text.strip().partition("..")
    begin = _named(first)[0]
    return between(begin, _named(last if dots else first)[1], zone)


def between(first: str, last: str, zone: tzinfo) -> Span:
    """Return the months between two, both with them; raises Refused."""
    count = _number(last) - _number(first) + 1
    if not 1 <= count <= LONGEST:
        raise Refused("span_malformed", f"A report has from 1 to {LONGEST} months. {_REMEDY}")
    return Span(first, last, bounds(first, zone)[0], bounds(last, zone)[1])


def later(month: str, by: int) -> str:
    """Return the month so many after one."""
    return _name(_number(month) + by)


def _named(text: str) -> tuple[str, str]:
    named = _NAMED.fullmatch(text)
    if named is None:
        raise Refused("span_malformed", f"{text[:20]!r} is no time. {_REMEDY}")
    year, quarter, month = named.groups()
    if month:
        return text, text
    if quarter:
        return f"{year}-{int(quarter) * 3 - 2:02}", f"{year}-{int(quarter) * 3:02}"
    return f"{year}-01", f"{year}-12"


def _number(month: str) -> int:
    if MONTH.fullmatch(month) is None:
        raise Refused("span_malformed", f"{month[:20]!r} is no month. {_REMEDY}")
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _name(number: int) -> str:
    return f"{number // 12}-{number % 12 + 1:02}"

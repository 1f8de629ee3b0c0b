"""Memberships: what a plan says, which days a member has, and what a period of them costs. Pure, by days.

Days are those of the space's clock. A span runs from its first day to before its end. What a part of a period
costs is the difference of a sum at two days, so the parts of a period add up to its price, to the last cent.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from floor.money import Commodity, round_fraction

PERIODS_MAX = 1_200
DAY = timedelta(days=1)


class Cycle(StrEnum):
    """What a plan's price is for. With DAY it is for each day of a pass, which is paid at once."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


MONTHS = {Cycle.MONTH: 1, Cycle.QUARTER: 3, Cycle.YEAR: 12}


class Proration(StrEnum):
    """What a part of a period costs: its days' part of the price, or the whole price."""

    DAY = "day"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to before `end`."""

    first: date
    end: date

    @property
    def days(self) -> int:
        """How many days it has; 0 or more."""
        return max(0, (self.end - self.first).days)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Units that a plan grants in each month, for use instead of money.

    `commodity` is the shared name that tariffs give them, `amount` is in `unit`. They expire when `months`
    calendar months are over, the first of them that of the grant; None is never.
    """

    commodity: str
    amount: Fraction
    unit: str
    months: int | None = 1
    transferable: bool = False


@dataclass(frozen=True, slots=True)
class Reduced:
    """A price for a named group (students, soldiers); `fund` pays the rest where one is named.

    `tier` is the group's in tariffs, "" for the plan's own.
    """

    price_micro: int
    tier: str = ""
    fund: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A version of a membership plan, in force from `valid_from` until a later one is.

    The price of a `cycle` is `price_micro`, or what `tariff` asks for a membership, of whose counts `count`
    is how many are taken ("": none). Members choose their own
    price where there is a `minimum_micro`; `price_micro` is then what is suggested. `names` are by language.
    `notice_days` is how long before its end a membership is cancelled; it lasts `least_months` at least and
    ends by itself after `most_months`. `people` is how many a team's membership covers. Anybody may take an
    `is_open` plan by themselves; otherwise staff accept them.
    """

    id: str
    names: dict[str, str]
    commodity: Commodity
    cycle: Cycle = Cycle.MONTH
    price_micro: int = 0
    tariff: str = ""
    count: str = ""
    tier: str = "member"
    tax: Fraction | None = None
    proration: Proration = Proration.DAY
    minimum_micro: int | None = None
    reduced: dict[str, Reduced] = field(default_factory=dict)
    allowances: tuple[Allowance, ...] = ()
    joining_micro: int = 0
    deposit_micro: int = 0
    notice_days: int = 0
    least_months: int = 0
    most_months: int | None = None
    people: int = 1
    is_open: bool = False
    opens_in_pause: bool = False
    valid_from: date = date(1970, 1, 1)

    @property
    def version(self) -> str:
        """What names this version: `PLAN@2026-01-31`."""
        return f"{self.id}@{self.valid_from.isoformat()}"

    @property
    def price_list(self) -> str:
        """The tariff by which it is charged: one that is named, or one made of the plan itself."""
        return self.tariff or f"plan.{self.id}"

    def name(self, language: str) -> str:
        """Return what people call it."""
        return self.names.get(language) or next(iter(self.names.values()))

    def price(self, chosen_micro: int | None, group: str) -> int:
        """Return the price of a whole cycle for a member of a group ("": none) who chose a price, or not."""
        if group in self.reduced:
            return self.reduced[group].price_micro
        if self.minimum_micro is not None and chosen_micro is not None:
            return max(chosen_micro, self.minimum_micro)
        return self.price_micro

    def tier_of(self, group: str) -> str:
        """Return the tier that tariffs know its members by."""
        reduced = self.reduced.get(group)
        return reduced.tier if reduced and reduced.tier else self.tier

    def fund_of(self, group: str) -> str:
        """Return the fund that pays a group's difference to the full price, "" for none."""
        return self.reduced[group].fund if group in self.reduced else ""


@dataclass(frozen=True, slots=True)
class Term:
    """The days of a membership: from `first` to before `until` (None: no end is known), less its pauses.

    A pause runs from one day to before another; None: until it is ended.
    """

    first: date
    until: date | None = None
    pauses: tuple[tuple[date, date | None], ...] = ()

    def stretches(self, span: Span) -> list[Span]:
        """Return the parts of a span in which it holds and is not paused, in order."""
        end = span.end if self.until is None else min(span.end, self.until)
        found = [Span(max(span.first, self.first), end)]
        for begin, stop in self.pauses:
            left = [Span(one.first, min(one.end, begin)) for one in found]
            right = [Span(max(one.first, begin, stop), one.end) for one in found] if stop else []
            found = [one for one in left + right if one.days]
        return sorted((one for one in found if one.days), key=lambda one: one.first)

    def holds(self, day: date) -> bool:
        """Whether it is in force on a day, and not paused."""
        return bool(self.stretches(Span(day, day + DAY)))

    def covers(self, day: date) -> bool:
        """Whether it is in force on a day, paused or not."""
        return self.first <= day and (self.until is None or day < self.until)

    def next_break(self, day: date) -> date | None:
        """Return the first day after one that it holds on which it no longer does; None for no such day."""
        ends = [begin for begin, stop in self.pauses if begin > day and (stop is None or stop > begin)]
        if self.until is not None:
            ends.append(self.until)
        return min(ends, default=None)


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def month_of(day: date) -> str:
    """Name a day's month, such as "2026-11"."""
    return f"{day.year:04}-{day.month:02}"


def periods(cycle: Cycle, term: Term, to: date) -> Iterator[Span]:
    """Yield the periods of a membership that begin by a day.

    They are whole calendar months; quarters and years begin with the month in which the membership does. A
    pass by the day has one period: all its days.
    """
    if cycle is Cycle.DAY:
        if term.first <= to:
            yield Span(term.first, term.until or term.first + DAY)
        return
    begin = term.first.replace(day=1)
    for n in range(PERIODS_MAX):
        span = Span(add_months(begin, n * MONTHS[cycle]), add_months(begin, (n + 1) * MONTHS[cycle]))
        if span.first > to or (term.until is not None and span.first >= term.until):
            return
        yield span


def next_period(cycle: Cycle, term: Term, day: date) -> date:
    """Return the first day of the period after the one that a day lies in."""
    found = [span for span in periods(cycle, Term(term.first), day) if span.end > day]
    return found[0].end if found else term.first


def due(
    price_micro: int, minor_micro: int, period: Span, stretches: Sequence[Span], proration: Proration
) -> int:
    """Return what stretches of a period cost: micro-units that `minor_micro` divides."""
    if proration is Proration.NONE:
        return price_micro if stretches else 0
    return sum(
        _by(price_micro, minor_micro, period, one.end) - _by(price_micro, minor_micro, period, one.first)
        for one in stretches
    )


def _by(price_micro: int, minor_micro: int, period: Span, day: date) -> int:
    """Return what a period costs from its begin to before a day."""
    part = Fraction((day - period.first).days, period.days)
    return round_fraction(part * price_micro / minor_micro) * minor_micro


def cost_of(plan: Plan, term: Term, period: Span, price_micro: int) -> int:
    """Return what a period of a membership costs whose whole is `price_micro` (of a day, with Cycle.DAY)."""
    stretches, price = term.stretches(period), price_micro
    if plan.cycle is Cycle.DAY:
        return price * sum(one.days for one in stretches)
    return due(price, plan.commodity.minor_micro, period, stretches, plan.proration)


def last_day(plan: Plan, term: Term, today: date) -> date:
    """Return the day before which a membership ends that is cancelled today: a period's end, after notice."""
    earliest = today + timedelta(days=plan.notice_days)
    if plan.least_months:
        earliest = max(earliest, add_months(term.first, plan.least_months))
    if plan.cycle is Cycle.DAY:
        return term.until or earliest
    end = next_period(plan.cycle, term, max(earliest - DAY, term.first))
    return end if term.until is None else min(end, term.until)


def expiry(allowance: Allowance, day: date) -> date | None:
    """Return the first day on which an allowance that is granted on a day has expired; None for never."""
    return None if allowance.months is None else add_months(day.replace(day=1), allowance.months)

"""What a month of a pool really cost, and what funds pay for it whatever was used.

Twelfths of a year are cut so that twelve of them are the year to the last minor unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from floor.costing.model import USERS, Actual, CostItem, CostKind, CostPool, to_minor, written
from floor.costing.study import Purpose
from floor.money import MICRO

MONTHS = 12


@dataclass(frozen=True, slots=True)
class Used:
    """What a pool's machines did in a month: units of the pool, and kWh (None: nothing metered them)."""

    units: Fraction = Fraction(0)
    kwh: Fraction | None = None


@dataclass(frozen=True, slots=True)
class ActualLine:
    """One cost of a month: where it comes from, how it was worked out, and micro-units."""

    kind: CostKind
    name: str
    actual: Actual
    how: str
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a fund pays for a month whatever is used, in micro-units."""

    fund: str
    purpose: Purpose
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Month:
    """A pool's month; `number` is 1 for January. `booked` are invoices by kind, in micro-units."""

    number: int
    used: Used = Used()
    booked: Mapping[CostKind, int] = field(default_factory=dict)


def costs_of(pool: CostPool, month: Month, minor_micro: int) -> tuple[ActualLine, ...]:
    """Return what a month cost, in the order of kinds; invoices of a kind stand in one line.

    Management is a part of all the rest. Amounts are in whole minor units, but for invoices, which are exact.
    """
    lines = [_line(pool, item, month, minor_micro) for item in pool.items if item.actual is not Actual.BOOKED]
    lines += [
        ActualLine(kind, "", Actual.BOOKED, "", amount) for kind, amount in month.booked.items() if amount
    ]
    order = list(CostKind)
    lines.sort(key=lambda line: (order.index(line.kind), line.actual is Actual.BOOKED))
    if pool.management:
        direct = sum(line.amount_micro for line in lines)
        how = f"{written(pool.management * 100)} % × {written(Fraction(direct, MICRO))}"
        amount = to_minor(pool.management * direct, minor_micro)
        lines.append(ActualLine(CostKind.MANAGEMENT, "", Actual.PLAN, how, amount))
    return tuple(lines)


def standing_of(
    pool: CostPool, month: Month, lines: tuple[ActualLine, ...], minor_micro: int
) -> Iterator[Standing]:
    """Yield what funds pay for a month whatever is used: subsidies, and capacity that stood idle."""
    if pool.idle_payer != USERS and pool.rated is not None:
        rated = Fraction(pool.rated) / MONTHS
        idle = max(Fraction(0), rated - month.used.units)
        capital = sum(line.amount_micro for line in lines if line.kind is CostKind.CAPITAL)
        yield Standing(pool.idle_payer, Purpose.IDLE, to_minor(Fraction(capital * idle) / rated, minor_micro))
    for subsidy in pool.subsidies:
        amount = twelfth(Fraction(subsidy.amount_micro), month.number, minor_micro)
        yield Standing(subsidy.fund, Purpose.SUBSIDY, amount)


def year_of(pool: CostPool, minor_micro: int) -> int:
    """Return what the file plans for a year, in micro-units; a ceiling is a part of it."""
    direct = sum(to_minor(item.yearly + item.each * pool.units, minor_micro) for item in pool.items)
    return direct + to_minor(pool.management * direct, minor_micro)


def twelfth(year: Fraction, number: int, minor_micro: int) -> int:
    """Return a month's part of a year (micro-units): the year until its end less that until its begin."""
    until = to_minor(Fraction(year * number) / MONTHS, minor_micro)
    return until - to_minor(Fraction(year * (number - 1)) / MONTHS, minor_micro)


def _line(pool: CostPool, item: CostItem, month: Month, minor_micro: int) -> ActualLine:
    amount, how = _worked_out(pool, item, month, minor_micro)
    return ActualLine(item.kind, item.name, item.actual, how, amount)


def _worked_out(pool: CostPool, item: CostItem, month: Month, minor_micro: int) -> tuple[int, str]:
    used = month.used
    if item.actual is Actual.PLAN:
        year = item.yearly + item.each * pool.units
        formula = item.formula(pool.units)
        how = f"({formula}) / 12" if " " in formula else f"{formula} / 12"
        return twelfth(year, month.number, minor_micro), how
    if item.kind is CostKind.ENERGY and used.kwh is not None:
        price = written(Fraction(item.kwh_micro, MICRO))
        return to_minor(used.kwh * item.kwh_micro, minor_micro), f"{written(used.kwh)} kWh × {price}"
    amount = twelfth(item.yearly, month.number, minor_micro) + to_minor(item.each * used.units, minor_micro)
    return amount, item.formula(used.units)

"""Usage × tariff version → charge lines: the price at the machine (gateway) and the bill (server).

Amounts are computed exactly and each line is brought to a whole micro-unit; the sum of a session is rounded
once, where the tariff says so, and the difference is `rounding_micro`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from floor.meter import Usage
from floor.money import round_fraction, round_to
from floor.tariff.model import Component, RoundWhere, Tariff, units_of


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a charge.

    `metered` is what was used and `billed` what of it is priced, in `unit` (blocks where the component has
    blocks); `price_micro` is the price of one after the tier. A bound that applied is named in `bound`:
    `minimum`, `maximum` or "".
    """

    component: str
    unit: str
    metered: Fraction
    billed: Fraction
    price_micro: Fraction
    amount_micro: int
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a session costs: lines, then the bounds and the rounding of the whole."""

    tariff: str
    commodity: str
    tier: str
    lines: tuple[Line, ...]
    rounding_micro: int

    @property
    def accrued_micro(self) -> int:
        """The sum before rounding."""
        return sum(line.amount_micro for line in self.lines)

    @property
    def total_micro(self) -> int:
        """What is owed."""
        return self.accrued_micro + self.rounding_micro


def price(used: Usage, tariff: Tariff, tier: str) -> Charge:
    """Price one session's usage. A tier that the tariff does not name pays the full price."""
    lines = [line for component in tariff.components if (line := _line(component, used, tariff, tier))]
    bounded = _bound_whole(lines, tariff, tier)
    accrued = sum(line.amount_micro for line in bounded)
    rounded = accrued
    if tariff.rounding.where is RoundWhere.SESSION:
        rounded = round_to(accrued, tariff.rounding.unit_micro, tariff.rounding.mode)
    return Charge(tariff.version, tariff.commodity.code, tier, tuple(bounded), rounded - accrued)


def _multiplier(tariff: Tariff, tier: str) -> Fraction:
    return tariff.tiers[tier].multiplier if tier in tariff.tiers else Fraction(1)


def _line(component: Component, used: Usage, tariff: Tariff, tier: str) -> Line | None:
    each = Fraction(component.price_micro) * _multiplier(tariff, tier)
    if tier in component.prices:
        each = Fraction(component.prices[tier])
    metered, billed = _amounts(component, used)
    if metered == 0:
        return None
    exact = billed * each
    pays = each > 0 or component.price_micro == 0
    minimum = component.minimum_micro if pays else None
    amount, bound = _bound(round_fraction(exact), minimum, component.maximum_micro)
    return Line(component.id, component.unit, metered, billed, each, amount, bound)


def _amounts(component: Component, used: Usage) -> tuple[Fraction, Fraction]:
    """Return what was metered and what of it is billed, in the component's unit or in blocks."""
    if component.quantity is None:
        return Fraction(1), Fraction(1)
    metered = Fraction(used.of(component.quantity)) / units_of(component.quantity)[component.unit]
    billed = max(Fraction(0), metered - component.free)
    if component.block is not None:
        billed = Fraction(-(-billed // component.block))
    return metered, billed


def _bound(amount: int, minimum: int | None, maximum: int | None) -> tuple[int, str]:
    if minimum is not None and amount < minimum:
        return minimum, "minimum"
    if maximum is not None and amount > maximum:
        return maximum, "maximum"
    return amount, ""


def _bound_whole(lines: list[Line], tariff: Tariff, tier: str) -> list[Line]:
    """Add the line that brings the whole to its minimum or maximum; nothing used costs no minimum."""
    accrued = sum(line.amount_micro for line in lines)
    if not lines or (_multiplier(tariff, tier) == 0 and accrued == 0):
        return lines
    bounded, bound = _bound(accrued, tariff.minimum_micro, tariff.maximum_micro)
    if not bound:
        return lines
    one = Fraction(1)
    return [*lines, Line(bound, "", one, one, Fraction(bounded - accrued), bounded - accrued, bound)]

"""What a session costs: its readings, the versions in force while it ran, the member's tier. Pure.

A rate that changes while a session runs prices what was used before and after it apart. What belongs to the
whole session is taken from the version at its start: flat prices, the least and the most, the rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from floor.meter import Reading, usage
from floor.money import round_to
from floor.tariff import Line, RoundWhere, Tariff, in_force, price


@dataclass(frozen=True, slots=True)
class Priced:
    """Lines, each with the version that made it, and what rounding the whole gave or took (micro-units)."""

    version: str
    commodity: str
    lines: tuple[tuple[str, Line], ...]
    rounding_micro: int

    @property
    def accrued_micro(self) -> int:
        """The sum before rounding."""
        return sum(line.amount_micro for _, line in self.lines)

    @property
    def total_micro(self) -> int:
        """What is owed."""
        return self.accrued_micro + self.rounding_micro


def price_session(readings: Sequence[Reading], versions: Sequence[Tariff], tier: str) -> Priced:
    """Price a session from its readings in order (at least two).

    Raises LookupError when no version was in force at its start, ValueError when the commodity changes
    while it runs.
    """
    first = in_force(versions, readings[0].at_ms)
    stretches = usage(readings, [version.valid_from_ms for version in versions])
    if len(stretches) == 1:
        charge = price(stretches[0], first, tier)
        lines = tuple((charge.tariff, line) for line in charge.lines)
        return Priced(charge.tariff, charge.commodity, lines, charge.rounding_micro)
    parts: list[tuple[str, Line]] = []
    for number, stretch in enumerate(stretches):
        tariff = in_force(versions, stretch.started_ms)
        if tariff.commodity != first.commodity:
            raise ValueError("its tariff changed to another commodity while it ran")
        charge = price(stretch, _part(tariff, is_first=number == 0), tier)
        parts += [(charge.tariff, line) for line in charge.lines]
    return _whole(parts, first, tier)


def _part(tariff: Tariff, *, is_first: bool) -> Tariff:
    components = tariff.components if is_first else tuple(c for c in tariff.components if c.quantity)
    return replace(tariff, components=components, minimum_micro=None, maximum_micro=None)


def _whole(lines: list[tuple[str, Line]], first: Tariff, tier: str) -> Priced:
    """Bound and round the parts' sum as floor.tariff.price does a charge."""
    accrued = sum(line.amount_micro for _, line in lines)
    free = accrued == 0 and tier in first.tiers and first.tiers[tier].multiplier == 0
    bounded, bound = accrued, ""
    if first.minimum_micro is not None and accrued < first.minimum_micro and lines and not free:
        bounded, bound = first.minimum_micro, "minimum"
    elif first.maximum_micro is not None and accrued > first.maximum_micro:
        bounded, bound = first.maximum_micro, "maximum"
    if bound:
        one, more = Fraction(1), bounded - accrued
        lines = [*lines, (first.version, Line(bound, "", one, one, Fraction(more), more, bound))]
    rounded = bounded
    if first.rounding.where is RoundWhere.SESSION:
        rounded = round_to(bounded, first.rounding.unit_micro, first.rounding.mode)
    return Priced(first.version, first.commodity.code, tuple(lines), rounded - bounded)

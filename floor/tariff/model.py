"""What a tariff says: components over metered quantities, tiers, bounds of the whole, and how to round."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from floor.meter import Quantity
from floor.money import MICRO, Commodity, RoundingMode

UNITS: dict[str, dict[str, Fraction]] = {
    base: {unit: Fraction(size) for unit, size in sizes.items()}
    for base, sizes in {
        "ms": {"s": "1000", "min": "60000", "h": "3600000", "day": "86400000"},
        "um": {"mm": "1000", "m": "1000000"},
        "mg": {"g": "1000", "kg": "1000000"},
        "ul": {"ml": "1000", "l": "1000000"},
        "mm3": {"cm3": "1000", "in3": "16387.064"},
        "mwh": {"wh": "1000", "kwh": "1000000"},
        "jobs": {"job": "1"},
    }.items()
}
"""Units that people write, for each base unit: how many base units one of them is, exactly."""


def units_of(quantity: Quantity) -> dict[str, Fraction]:
    """Return the units in which a quantity may be priced, with how many base units each is."""
    return UNITS[quantity.rpartition("_")[2]]


class RoundWhere(StrEnum):
    """The group whose sum is rounded."""

    SESSION = "session"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Rounding:
    """Round sums of a group to a multiple of `unit_micro`."""

    unit_micro: int = MICRO // 100
    mode: RoundingMode = RoundingMode.HALF_UP
    where: RoundWhere = RoundWhere.SESSION


@dataclass(frozen=True, slots=True)
class Component:
    """One price: `price_micro` for each `unit` of a quantity, or for each started block of `block` units.

    `quantity` None is a flat price for a session. `free` units come off before anything is priced. `prices`
    gives a tier its own price. `minimum_micro` and `maximum_micro` bound this component's amount.
    """

    id: str
    quantity: Quantity | None
    price_micro: int
    unit: str = ""
    block: Fraction | None = None
    free: Fraction = Fraction(0)
    prices: dict[str, int] = field(default_factory=dict)
    minimum_micro: int | None = None
    maximum_micro: int | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """Who pays which part of the prices: `multiplier` 0 to 10, exactly; 1/2 is half price."""

    id: str
    multiplier: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Tariff:
    """A version of a price list, in force from `valid_from_ms` (UTC milliseconds) until a later one is."""

    id: str
    name: str
    commodity: Commodity
    components: tuple[Component, ...]
    tiers: dict[str, Tier] = field(default_factory=dict)
    valid_from_ms: int = 0
    minimum_micro: int | None = None
    maximum_micro: int | None = None
    rounding: Rounding = field(default_factory=Rounding)

    @property
    def version(self) -> str:
        """What names this version in charges and statements."""
        return f"{self.id}@{self.valid_from_ms}"

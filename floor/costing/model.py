"""What a cost file says: pools of costs, who is expected to use them, which funds help to pay.

Amounts are micro-units of the file's commodity and of one year; exact ones are fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction

from floor.meter import Quantity
from floor.money import Commodity, RoundingMode, round_fraction

USERS = "users"
"""Who pays for idle capacity where no fund is named: those who use the machine."""


class CostKind(StrEnum):
    """The kinds of cost in a pool, in the order in which people read them."""

    CAPITAL = "capital"
    UPKEEP = "upkeep"
    CONSUMABLES = "consumables"
    ENERGY = "energy"
    ROOM = "room"
    STAFF = "staff"
    OTHER = "other"
    MANAGEMENT = "management"


class Actual(StrEnum):
    """Where a month's real cost comes from: a twelfth of the plan, meters, or suppliers' invoices."""

    PLAN = "plan"
    METERED = "metered"
    BOOKED = "booked"


class Goes(StrEnum):
    """Where a surplus goes: into a lower rate; what is above the ceiling back to who paid; all of it back."""

    RATE = "rate"
    EXCESS_REFUNDED = "excess_refunded"
    REFUNDED = "refunded"


class Settled(StrEnum):
    """When a surplus goes back: with each month's close, or with December's, by what was paid in the year."""

    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class SurplusRule:
    """What is done with a surplus. `ceiling` is the part of a year's cost that it may reach, None for any."""

    goes: Goes = Goes.RATE
    ceiling: Fraction | None = None
    settled: Settled = Settled.MONTH

    def above(self, surplus_micro: int, cost_micro: int, minor_micro: int) -> int:
        """Return the part of a surplus above the ceiling, 0 where there is none (micro-units)."""
        if self.ceiling is None:
            return 0
        return max(0, surplus_micro - to_minor(self.ceiling * cost_micro, minor_micro))

    def refund(self, surplus_micro: int, cost_micro: int, minor_micro: int) -> int:
        """Return what of a surplus is paid back, in whole minor units; a deficit is never collected."""
        if self.goes is Goes.RATE:
            return 0
        part = surplus_micro
        if self.goes is Goes.EXCESS_REFUNDED:
            part = self.above(surplus_micro, cost_micro, minor_micro)
        return max(0, part) // minor_micro * minor_micro


@dataclass(frozen=True, slots=True)
class CostItem:
    """A cost that grows in a straight line: `yearly` whatever is used, `each` for every unit (micro-units).

    `how` is the calculation as it was written, without the number of units. `actual` says where its real cost
    comes from; `kwh_micro` is the price of a kWh (micro-units), for energy.
    """

    kind: CostKind
    name: str
    yearly: Fraction
    each: Fraction
    how: str
    actual: Actual = Actual.PLAN
    kwh_micro: int = 0

    def formula(self, units: Fraction) -> str:
        """Write the calculation of a year of so many units."""
        return f"{self.how} × {written(units)}" if self.each else self.how


@dataclass(frozen=True, slots=True)
class UserTier:
    """Who uses a pool: the `units` expected in a year, and which part of the rate they pay.

    `rate_micro` replaces the multiplier where the tier has a rate of its own. `fund` pays what is missing to
    the full rate, and receives what is above it; it is "" only for a tier that pays the full rate.
    """

    id: str
    units: Fraction
    multiplier: Fraction = Fraction(1)
    rate_micro: int | None = None
    fund: str = ""


@dataclass(frozen=True, slots=True)
class Subsidy:
    """An amount that a fund pays towards a pool, whatever is used; it lowers everybody's rate."""

    fund: str
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Fund:
    """Who pays what users do not; `budget_micro` is the most that it pays in the year, over all pools."""

    id: str
    name: str
    budget_micro: int


@dataclass(frozen=True, slots=True)
class CostPool:
    """What a machine, or several alike, cost in a year, and the use that they are shared over.

    `rated` is how many units they could give; None where nobody counts idle capacity. `idle_payer` is a fund
    or USERS. `management` is a part of all other costs. `carried_micro` is what the year before left: a
    deficit is positive, a surplus negative. `machines` are those whose charges pay for the pool.
    """

    id: str
    name: str
    quantity: Quantity
    unit: str
    items: tuple[CostItem, ...]
    tiers: tuple[UserTier, ...]
    rated: Fraction | None = None
    idle_payer: str = USERS
    management: Fraction = Fraction(0)
    carried_micro: int = 0
    subsidies: tuple[Subsidy, ...] = ()
    machines: tuple[str, ...] = ()

    @property
    def units(self) -> Fraction:
        """The units expected in a year, free and reduced ones with them."""
        return sum((tier.units for tier in self.tiers), Fraction(0))


@dataclass(frozen=True, slots=True)
class Costs:
    """A cost file. Published rates are multiples of `unit_micro`; `valid_from` is a month such as "2027-01".

    A file that is studied only may leave it out (""), as it may the machines of its pools.
    """

    name: str
    period: str
    commodity: Commodity
    funds: tuple[Fund, ...]
    pools: tuple[CostPool, ...]
    unit_micro: int
    mode: RoundingMode = RoundingMode.HALF_UP
    surplus: SurplusRule = SurplusRule()
    valid_from: str = ""


def to_minor(amount: Fraction, minor_micro: int) -> int:
    """Bring exact micro-units to the smallest amount that people write, half up, so that columns add up."""
    return round_fraction(Fraction(amount) / minor_micro) * minor_micro


def written(value: Fraction) -> str:
    """Write a number as a person would: 0.4, 600; one without end has six decimals."""
    with localcontext(prec=60):
        number = Decimal(value.numerator) / Decimal(value.denominator)
    exact = Fraction(number) == value
    text = f"{number:f}" if exact else f"{number:.6f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

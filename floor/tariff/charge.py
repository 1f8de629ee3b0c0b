"""What a price list asks for one visit: lines, what rounding did, the tax in it, and who pays the rest."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a charge.

    `metered` is what was used and `billed` what of it is priced, in `unit` (blocks where the component has
    blocks); `price_micro` is the price of one after the tier. What changed the sum is named in `bound`:
    `minimum`, `maximum`, `cap`, `repriced`, `discount`, `coupon`, `credit`, `surcharge`, `tax`, or "".
    `window` names the time window of the price, `tariff` the version that made the line.
    """

    component: str
    unit: str
    metered: Fraction
    billed: Fraction
    price_micro: Fraction
    amount_micro: int
    bound: str = ""
    window: str = ""
    tariff: str = ""


@dataclass(frozen=True, slots=True)
class TaxPart:
    """What a charge holds at one tax rate: the two amounts of all parts are the charge's total."""

    rate: Fraction
    net_micro: int
    tax_micro: int


@dataclass(frozen=True, slots=True)
class Share:
    """What a fund pays of a charge."""

    fund: str
    accrued_micro: int
    rounding_micro: int

    @property
    def total_micro(self) -> int:
        """What the fund owes."""
        return self.accrued_micro + self.rounding_micro


@dataclass(frozen=True, slots=True)
class Charge:
    """What a visit costs in one month: lines, then the rounding of the whole.

    `gross_micro` is the sum before caps, adjustments and tax; `taxes` the total by tax rate, empty where the
    tariff has no tax; `shares` is what funds pay beside it.
    """

    tariff: str
    commodity: str
    tier: str
    lines: tuple[Line, ...]
    rounding_micro: int
    period: str = ""
    gross_micro: int = 0
    taxes: tuple[TaxPart, ...] = ()
    shares: tuple[Share, ...] = ()

    @property
    def tax_micro(self) -> int:
        """The tax in the total."""
        return sum(part.tax_micro for part in self.taxes)

    @property
    def accrued_micro(self) -> int:
        """The sum before rounding."""
        return sum(line.amount_micro for line in self.lines)

    @property
    def total_micro(self) -> int:
        """What is owed by the account."""
        return self.accrued_micro + self.rounding_micro

"""What a close states of a month. It is kept as JSON with the closed month, and never worked out again."""

from __future__ import annotations

from fractions import Fraction

from pydantic import BaseModel, ConfigDict, Field

from floor.costing import Actual, CostKind
from floor.costing.study import Purpose
from floor.money import Commodity


class _Stated(BaseModel):
    model_config = ConfigDict(frozen=True)


class CostStated(_Stated):
    """One cost of the month in micro-units, where its amount comes from, and how it was worked out."""

    kind: CostKind
    name: str
    actual: Actual
    how: str
    amount_micro: int


class StandingStated(_Stated):
    """What a fund was asked for whatever was used, and what its budget and term let it pay (micro-units)."""

    fund: str
    purpose: Purpose
    asked_micro: int
    pays_micro: int


class Payer(_Stated):
    """Who paid for use: a ledger account. `paid_micro` is of this month, tax in it, less what came back.

    `rebate_micro` is what the close gives back.
    """

    account: str
    paid_micro: int
    rebate_micro: int = 0


class PoolStated(_Stated):
    """A pool's month, in micro-units. What is carried is a deficit when positive, a surplus when negative.

    `units` and `expected` (a twelfth of the plan) are exact, such as "3/2" of `unit`; `kwh` is None where
    nothing metered them. `machines` is what each machine's charges brought in without tax, `others` the
    postings of the same entries beside payers: tax and rounding. `year_cost_micro` is what a ceiling is a
    part of.
    """

    id: str
    name: str
    unit: str
    units: str
    expected: str
    kwh: str | None
    costs: tuple[CostStated, ...]
    cost_micro: int
    carried_in_micro: int
    machines: dict[str, int]
    payers: tuple[Payer, ...]
    others: dict[str, int]
    standing: tuple[StandingStated, ...]
    recovered_micro: int
    balance_micro: int
    year_cost_micro: int
    ceiling_micro: int | None
    above_ceiling_micro: int
    refunds_now: bool
    rebated_micro: int
    carried_out_micro: int

    @property
    def units_exact(self) -> Fraction:
        """The units used."""
        return Fraction(self.units)

    @property
    def expected_exact(self) -> Fraction:
        """The units that a twelfth of the plan expects."""
        return Fraction(self.expected)

    @property
    def members_micro(self) -> int:
        """What members, teams and guests paid for use."""
        return sum(one.paid_micro for one in self.payers if one.account.startswith("assets:member:"))

    @property
    def funds(self) -> dict[str, int]:
        """What each fund paid for use, by its account; what no fund could pay any more with them."""
        kept = [one for one in self.payers if not one.account.startswith("assets:member:")]
        return {one.account: one.paid_micro for one in kept}

    @property
    def rebates(self) -> tuple[Payer, ...]:
        """Who gets something back."""
        return tuple(one for one in self.payers if one.rebate_micro)

    @property
    def month_micro(self) -> int:
        """Over-recovery (+) or under-recovery (−) of this month alone."""
        return self.recovered_micro - self.cost_micro


class CloseStated(_Stated):
    """A month as it was closed, or as it would be. `costs` is the number of the cost file's version, or None.

    `outside` is what machines of no pool brought in; `accepted` counts sessions that wait for an operator.
    """

    month: str
    costs: int | None
    commodity: str
    exponent: int = Field(ge=0, le=6)
    accepted: int
    sessions: int
    pools: tuple[PoolStated, ...]
    outside: dict[str, int]

    @property
    def unit(self) -> Commodity:
        """The commodity of the amounts."""
        return Commodity(self.commodity, self.exponent)

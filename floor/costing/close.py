"""What a period leaves over in a pool: carried into the next one, or paid back to those who paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from floor.costing.model import SurplusRule
from floor.money import share


@dataclass(frozen=True, slots=True)
class Closed:
    """A pool's period in micro-units. What is carried is positive for a deficit, negative for a surplus."""

    pool: str
    cost_micro: int
    carried_in_micro: int
    recovered_micro: int
    rebates: Mapping[str, int] = field(default_factory=dict)

    @property
    def balance_micro(self) -> int:
        """Over-recovery (+) or under-recovery (−), what the period before left counted in."""
        return self.recovered_micro - self.cost_micro - self.carried_in_micro

    @property
    def carried_out_micro(self) -> int:
        """What the next period begins with."""
        return sum(self.rebates.values()) - self.balance_micro


def close(
    pool: str,
    *,
    cost_micro: int,
    carried_in_micro: int,
    recovered_micro: int,
    paid: Mapping[str, int],
    rule: SurplusRule,
    minor_micro: int,
    year_cost_micro: int | None = None,
) -> Closed:
    """Close a pool's period.

    `paid` is what each account, a member's or a fund's, paid for use, in micro-units ≥ 0. As every unit is
    paid at the full rate by its user and a fund together, a rebate in proportion to it is in proportion to
    use, and what a fund paid for comes back to the fund. It is shared to the last minor unit. A surplus that
    nobody paid for, and a deficit, are carried. A ceiling is a part of `year_cost_micro`, where the period is
    shorter than a year. Raises ValueError when somebody paid less than nothing.
    """
    closed = Closed(pool, cost_micro, carried_in_micro, recovered_micro)
    accounts = sorted(paid)
    year_micro = cost_micro if year_cost_micro is None else year_cost_micro
    refund = rule.refund(closed.balance_micro, year_micro, minor_micro)
    if refund == 0 or not any(paid.values()):
        return closed
    parts = share(refund // minor_micro, [paid[account] for account in accounts])
    rebates = {account: part * minor_micro for account, part in zip(accounts, parts, strict=True) if part}
    return Closed(pool, cost_micro, carried_in_micro, recovered_micro, rebates)

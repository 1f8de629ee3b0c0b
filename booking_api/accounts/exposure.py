"""What gateways could spend while nobody hears of them, beside what is left: see docs/accounts.md."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, select

from booking_api.accounts import limits
from booking_api.gateways.models import CreditSlice


@dataclass(frozen=True, slots=True)
class Exposure:
    """One budget, in micro-units of the space's currency.

    `left_micro` is what may still be spent of it, `out_micro` what all gateways together may still believe
    that they may let people spend.
    """

    budget: limits.Budget
    left_micro: int
    out_micro: int

    @property
    def beyond_micro(self) -> int:
        """By how much the limit may be passed, although every session stops where it must.

        It is 0 unless something else than sessions took from what had been given out: a lower limit, or a
        fee charged by hand.
        """
        return max(0, self.out_micro - max(0, self.left_micro))


def read(session: Session, commodity: str, month: str) -> list[Exposure]:
    """Return every budget of which gateways hold a part, those that may be passed by most first."""
    budgets = limits.read(session, None).budgets
    held = select(CreditSlice.account, func.sum(CreditSlice.held_micro)).group_by(CreditSlice.account)
    out = {key: int(micro) for key, micro in session.exec(held.where(CreditSlice.held_micro > 0))}
    left = limits.available(session, [budgets[key] for key in out if key in budgets], commodity, month)
    found = [Exposure(budgets[key], left[key], out[key]) for key in left]
    return sorted(found, key=lambda one: (-one.beyond_micro, -one.out_micro, one.budget.key))

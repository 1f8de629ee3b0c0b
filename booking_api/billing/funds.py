"""What funds pay: as far as they are for this machine, this tier and this time, and as their budgets last."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from booking_api.accounts.funds import used
from booking_api.accounts.models import AfterBudget, Fund


@dataclass(frozen=True, slots=True)
class Paid:
    """Who pays a reduction: the fund, the space in its place, or the account after all (micro-units)."""

    fund: str
    fund_micro: int
    space_micro: int = 0
    account_micro: int = 0


class Funds:
    """The funds and what they have paid, as a batch of charges uses them up in the order of posting."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._used: dict[tuple[str, str], int] = {}

    def pay(self, id: str, amount_micro: int, commodity: str, at_ms: int, machine: str, tier: str) -> Paid:
        """Say who pays a reduction; one that gives something back (< 0) goes to the fund."""
        fund = self.session.get(Fund, id)
        if fund is None or not _is_for(fund, at_ms, machine, tier):
            return Paid(id, 0, amount_micro)
        pays = amount_micro
        if fund.budget_micro is not None:
            before = self._at(fund, commodity)
            pays = min(amount_micro, max(0, fund.budget_micro - before))
            self._used[id, commodity] = before + pays
        rest = amount_micro - pays
        if fund.after_budget is AfterBudget.ACCOUNT:
            return Paid(id, pays, 0, rest)
        return Paid(id, pays, rest)

    def give_back(self, id: str, amount_micro: int, commodity: str) -> None:
        """Count that a fund does not pay after all."""
        fund = self.session.get(Fund, id)
        if fund is not None and fund.budget_micro is not None:
            self._used[id, commodity] = self._at(fund, commodity) - amount_micro

    def _at(self, fund: Fund, commodity: str) -> int:
        key = fund.id, commodity
        if key not in self._used:
            self._used[key] = used(self.session, fund, commodity)
        return self._used[key]


def _is_for(fund: Fund, at_ms: int, machine: str, tier: str) -> bool:
    in_term = fund.from_ms <= at_ms and (fund.until_ms is None or at_ms < fund.until_ms)
    return in_term and machine in (fund.machines or [machine]) and tier in (fund.tiers or [tier])

"""May accounts bear their parts of a session? None that is overdue, none beyond what it may still spend."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlmodel import Session, col, select

from booking_api.accounts import limits
from booking_api.accounts.limits import Budget
from booking_api.accounts.models import Account
from booking_api.billing.models import Charge
from booking_api.payments import overdue
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from floor.errors import Refused
from floor.money import Commodity, RoundingMode, plain


class Bearing:
    """What accounts bear and may still spend, before a session is charged anew; `check` compares after it."""

    def __init__(
        self,
        session: Session,
        used: MachineSession,
        accounts: Collection[str],
        charges: Sequence[Charge],
        now_ms: int,
    ) -> None:
        self.session, self.used = session, used
        self.late = overdue.blocked(session, accounts, now_ms)
        self.versions = {charge.commodity: charge.tariff_version for charge in charges}
        known = limits.read(session, accounts)
        keys = {key for account in accounts for key in known.keys(account, used.member)}
        self.budgets = {key: known.budgets[key] for key in sorted(keys)}
        self.units = sorted({(charge.commodity, charge.month) for charge in charges})
        self.left, self.paid = self._left(), _paid(charges)

    def check(self, charges: Sequence[Charge]) -> None:
        """Raise Refused where an account bears more than before and is overdue, or a limit is passed by it.

        The account by which the session is priced may be overdue: what it has is its own.
        """
        paid = _paid(charges)
        more = {one for one, amount in paid.items() if amount > self.paid.get(one, 0)} - {self.used.account}
        for account in sorted(self.late & more):
            raise Refused("split_overdue", f"{self._name(account)} cannot bear its part: it is overdue.")
        for at, left in self._left().items():
            unit, _, key = at
            missing = min(0, self.left.get(at, 0)) - left
            if missing > 0:
                raise self._short(self.budgets[key], missing, unit)

    def _short(self, budget: Budget, missing_micro: int, unit: str) -> Refused:
        name = self._name(budget.account)
        amount = plain(missing_micro, self._commodity(unit), RoundingMode.UP)
        if budget.member:
            return Refused(
                "split_limit",
                f"{name} cannot bear its part: it is {amount} more than its member may charge to it.",
            )
        return Refused("split_limit", f"{name} cannot bear its part: it is {amount} more than its limit.")

    def _left(self) -> Mapping[tuple[str, str, str], int]:
        return {
            (unit, month, key): left
            for unit, month in self.units
            for key, left in limits.available(self.session, self.budgets.values(), unit, month).items()
        }

    def _commodity(self, unit: str) -> Commodity:
        version = self.session.get_one(TariffVersion, self.versions[unit])
        return tariffs.parsed(version.text, version.id).commodity

    def _name(self, account: str) -> str:
        return self.session.exec(select(Account.name).where(col(Account.id) == account)).one()


def _paid(charges: Sequence[Charge]) -> dict[str, int]:
    found: dict[str, int] = {}
    for charge in charges:
        found[charge.account] = found.get(charge.account, 0) + charge.total_micro
    return found

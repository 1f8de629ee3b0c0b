"""What was charged to an account in a month: by whom, and on which cost centre."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from booking_api.accounts import limits, service, teams
from booking_api.accounts.models import Account
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account


@dataclass(frozen=True, slots=True)
class Use:
    """A month of an account with its cost centres, in micro-units of one commodity.

    `charged` is by (account, member), the member "" for all together, and the account's own row counts its
    cost centres too. `owed_micro` is what they owe now; `left_micro` what may still be spent of each budget
    by its key (accounts.limits), less what running sessions hold.
    """

    account: Account
    centres: tuple[Account, ...]
    month: str
    commodity: str
    charged: dict[tuple[str, str], int]
    owed_micro: int
    left_micro: dict[str, int]

    def of(self, account: str, member: str = "") -> int:
        """Return what was charged to an account or cost centre, by one member or all."""
        return self.charged.get((account, member), 0)

    def direct_micro(self, member: str = "") -> int:
        """Return what was charged to the account itself, and to no cost centre."""
        return self.of(self.account.id, member) - sum(self.of(one.id, member) for one in self.centres)


def read_use(session: Session, id: str, month: str, commodity: str) -> Use:
    """Read an account's month; raises Refused when there is no such account."""
    account = service.get(session, id)
    centres = tuple(teams.centres(session, id))
    family = [account.id, *(centre.id for centre in centres)]
    known = limits.read(session, family)
    return Use(
        account=account,
        centres=centres,
        month=month,
        commodity=commodity,
        charged=service.charged_in(session, family, month, commodity),
        owed_micro=sum(ledger.balance(session, member_account(one), commodity) for one in family),
        left_micro=limits.available(session, known.budgets.values(), commodity, month),
    )

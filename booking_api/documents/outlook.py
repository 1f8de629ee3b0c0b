"""What a run of invoices would ask for, account by account, by sums alone: no invoice is made to know it."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import is_currency
from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind
from booking_api.documents.models import InvoiceWaiting


@dataclass(frozen=True, slots=True)
class Expected:
    """What waits on an account and its cost centres in one currency: entries, and micro-units together."""

    account: str
    name: str
    commodity: str
    entries: int
    total_micro: int


def expected(session: Session, month: str, currency: str) -> list[Expected]:
    """Return what stands on no invoice until the end of a month (YYYY-MM), the largest amounts first.

    Accounts whose entries cancel each other are left out. A run divides what is given back on earlier
    invoices from the rest: an account may get an invoice and a credit note that add up to its sum.
    """
    root = func.coalesce(Account.parent, Account.id)
    total = func.sum(InvoiceWaiting.amount_micro)
    sums = (
        select(root, InvoiceWaiting.commodity, func.sum(InvoiceWaiting.entries), total)
        .join(Account, col(Account.id) == col(InvoiceWaiting.account))
        .where(col(InvoiceWaiting.month) <= month, Account.kind != AccountKind.VISITOR)
        .group_by(root, col(InvoiceWaiting.commodity))
        .having(total != 0)
    )
    rows = [row for row in session.exec(sums) if row[1] == currency or is_currency(row[1])]
    names = dict(session.exec(select(Account.id, Account.name)).all())
    found = [Expected(id, names[id], code, int(count), int(micro)) for id, code, count, micro in rows]
    return sorted(found, key=lambda one: (-abs(one.total_micro), one.name, one.account))

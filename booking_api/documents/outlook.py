"""What a run of invoices would ask for, account by account, by sums alone: no invoice is made to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from babel.numbers import is_currency
from sqlalchemy import ColumnElement, Select, func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col

from booking_api.accounts.models import Account, AccountKind
from booking_api.documents.models import InvoiceWaiting


@dataclass(frozen=True, slots=True)
class Expected:
    """What waits on an account and its cost centres in one currency: entries, and micro-units together."""

    account: str
    name: str
    kind: AccountKind
    commodity: str
    entries: int
    total_micro: int


def expected(session: Session, month: str, currency: str) -> list[Expected]:
    """Return what stands on no invoice until the end of a month (YYYY-MM), the largest amounts first.

    Accounts whose entries cancel each other are left out. A run divides what is given back on earlier
    invoices from the rest: an account may get an invoice and a credit note that add up to its sum.
    """
    total = func.sum(InvoiceWaiting.amount_micro)
    sums = (
        waiting_by_account(month, func.sum(InvoiceWaiting.entries).label("entries"), total.label("total"))
        .having(total != 0)
        .subquery()
    )
    query = sql_select(
        sums.c.account, col(Account.name), col(Account.kind), sums.c.commodity, sums.c.entries, sums.c.total
    ).join(Account, col(Account.id) == sums.c.account)
    found = [
        Expected(id, name, AccountKind(kind), code, int(count), int(micro))
        for id, name, kind, code, count, micro in session.execute(query)
        if code == currency or is_currency(code)
    ]
    return sorted(found, key=lambda one: (-abs(one.total_micro), one.name, one.account))


def waiting_by_account(month: str, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return a query of `account`, `commodity` and sums of what waits until the end of a month (YYYY-MM).

    A cost centre's stands with the account that pays for it.
    """
    root = func.coalesce(Account.parent, Account.id).label("account")
    return (
        sql_select(root, col(InvoiceWaiting.commodity), *columns)
        .join_from(InvoiceWaiting, Account, col(Account.id) == col(InvoiceWaiting.account))
        .where(col(InvoiceWaiting.month) <= month, col(Account.kind) != AccountKind.VISITOR)
        .group_by(root, col(InvoiceWaiting.commodity))
    )

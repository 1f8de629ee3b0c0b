"""What a run of invoices would ask for, account by account, by sums alone: no invoice is made to know it."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import is_currency
from sqlalchemy import and_, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.db import zone_of
from booking_api.documents.gather import KINDS
from booking_api.documents.models import InvoiceItem
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.periods.calendar import bounds
from floor.ledger import EntryKind


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
    prefix, before_ms = member_account(""), bounds(month, zone_of(session))[1]
    account = func.substr(LedgerPosting.account, len(prefix) + 1)
    root = func.coalesce(Account.parent, Account.id)
    reversed_ = aliased(LedgerEntry)
    on_invoice = and_(
        col(InvoiceItem.entry) == col(LedgerEntry.id),
        col(InvoiceItem.account) == account,
        col(InvoiceItem.commodity) == col(LedgerPosting.commodity),
    )
    total = func.sum(LedgerPosting.amount_micro)
    sums = (
        select(root, LedgerPosting.commodity, func.count(func.distinct(LedgerEntry.id)), total)
        .join(LedgerEntry, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .join(Account, col(Account.id) == account)
        .outerjoin(InvoiceItem, on_invoice)
        .outerjoin(reversed_, col(reversed_.id) == col(LedgerEntry.reverses))
        .where(col(LedgerPosting.account).startswith(prefix), col(LedgerEntry.occurred_ms) < before_ms)
        .where(col(InvoiceItem.entry).is_(None))
        .where(
            or_(
                col(LedgerEntry.kind).in_(KINDS),
                and_(col(LedgerEntry.kind) == EntryKind.REVERSAL, col(reversed_.kind).in_(KINDS)),
            )
        )
        .group_by(root, col(LedgerPosting.commodity))
        .having(total != 0)
    )
    rows = [row for row in session.exec(sums) if row[1] == currency or is_currency(row[1])]
    names = dict(session.exec(select(Account.id, Account.name)).all())
    found = [Expected(id, names[id], code, count, int(micro)) for id, code, count, micro in rows]
    return sorted(found, key=lambda one: (-abs(one.total_micro), one.name, one.account))

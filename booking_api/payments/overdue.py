"""What is overdue, and which accounts are blocked until it is paid.

Payments settle what fell due first, so what is unpaid is what fell due last. What stands on an invoice is due
when the invoice says so. Where an account gets no invoices, a charge is due 30 days after it. A block is kept
as a row, so that a roster asks no history; the payment that settles the debt takes it away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from booking_api.disputes.held import disputed_entries
from booking_api.documents.models import Invoice, InvoiceItem
from booking_api.gateways.changes import Subject, changed, who_charge
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance, LedgerEntry, LedgerPosting
from booking_api.payments.models import PaymentBlock
from floor.ledger import EntryKind

TERM_MS = 30 * 86_400_000
"""Until when a charge is paid that stands on no invoice, in milliseconds after it."""
NEVER_MS = 1 << 53
_NOT_OWED_ANEW = (EntryKind.REVERSAL, EntryKind.REFUND)


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A charge, or the part of it that is not paid. `due_ms` NEVER_MS: it waits for its invoice."""

    entry: str
    due_ms: int
    amount_micro: int
    invoice: str = ""


def unpaid(session: Session, account: str, commodity: str) -> list[Unpaid]:
    """Return what of an account's charges is unpaid, what fell due first before the rest.

    What is disputed stays owed, and is left out: nobody is asked for it meanwhile.
    """
    kept = session.get(AccountBalance, (member_account(account), commodity), populate_existing=True)
    left = kept.amount_micro if kept else 0
    found: list[Unpaid] = []
    disputed = disputed_entries(session, account, commodity) if left > 0 else set()
    for one in sorted(_charges(session, account, commodity), key=lambda one: -one.due_ms):
        if left <= 0:
            break
        part = min(left, one.amount_micro)
        if one.entry not in disputed:
            found.append(Unpaid(one.entry, one.due_ms, part, one.invoice))
        left -= part
    return found[::-1]


def overdue_micro(session: Session, account: str, commodity: str, at_ms: int) -> int:
    """Return how much of what an account owes fell due at `at_ms` (UTC milliseconds) or before."""
    return sum(one.amount_micro for one in unpaid(session, account, commodity) if one.due_ms <= at_ms)


def owing(session: Session, commodity: str) -> list[str]:
    """Return the accounts that owe anything."""
    prefix = member_account("")
    query = select(AccountBalance.account).where(
        col(AccountBalance.account).startswith(prefix),
        AccountBalance.commodity == commodity,
        AccountBalance.amount_micro > 0,
    )
    return sorted(account.removeprefix(prefix) for account in session.exec(query))


def blocked(session: Session, accounts: Collection[str] | None, now_ms: int) -> set[str]:
    """Return which of these accounts (None: of all) open no machine now, because they are overdue."""
    query = select(PaymentBlock.account).where(col(PaymentBlock.since_ms) <= now_ms)
    if accounts is not None:
        query = query.where(col(PaymentBlock.account).in_(set(accounts)))
    return set(session.exec(query))


def blocks(session: Session) -> list[PaymentBlock]:
    """Return every block, oldest first."""
    return list(session.exec(select(PaymentBlock).order_by(col(PaymentBlock.since_ms), PaymentBlock.account)))


def block(
    session: Session, account: str, before_ms: int, commodity: str, author: str, now_ms: int
) -> PaymentBlock:
    """Block an account until what fell due before `before_ms` is paid; gateways learn of it."""
    row = session.get(PaymentBlock, account) or PaymentBlock(
        account=account, before_ms=before_ms, commodity=commodity, since_ms=now_ms, author=author
    )
    row.before_ms = before_ms
    session.add(row)
    session.flush()
    tell(session, account, now_ms)
    return row


def lift(session: Session, account: str, now_ms: int) -> bool:
    """Take a block away; False when there is none."""
    row = session.get(PaymentBlock, account)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    tell(session, account, now_ms)
    return True


def settled(session: Session, accounts: Iterable[str], now_ms: int) -> None:
    """Take away the blocks of accounts that have paid what they were blocked for: after every posting."""
    query = select(PaymentBlock).where(col(PaymentBlock.account).in_(set(accounts)))
    for row in session.exec(query).all():
        if overdue_micro(session, row.account, row.commodity, row.before_ms) == 0:
            lift(session, row.account, now_ms)


def tell(session: Session, account: str, now_ms: int) -> None:
    """Let gateways learn what everybody may do now who charges to an account."""
    for member in who_charge(session, {account}):
        changed(session, Subject.MEMBER, member, now_ms)


def _charges(session: Session, account: str, commodity: str) -> list[Unpaid]:
    """Return every charge of an account that stands, with when it is due."""
    undone = aliased(LedgerEntry)
    query = (
        sa.select(
            col(LedgerEntry.id), col(LedgerEntry.kind), col(LedgerEntry.occurred_ms),
            col(LedgerPosting.amount_micro), col(Invoice.number), col(Invoice.due_ms),
        )
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .outerjoin(InvoiceItem, (col(InvoiceItem.entry) == col(LedgerEntry.id))
                   & (col(InvoiceItem.account) == account) & (col(InvoiceItem.commodity) == commodity))
        .outerjoin(Invoice, col(Invoice.id) == col(InvoiceItem.invoice))
        .outerjoin(undone, col(undone.reverses) == col(LedgerEntry.id))
        .where(
            col(LedgerPosting.account) == member_account(account), col(LedgerPosting.commodity) == commodity
        )
        .where(col(LedgerPosting.amount_micro) > 0, col(undone.id).is_(None))
        .where(col(LedgerEntry.kind).not_in(_NOT_OWED_ANEW))
        .order_by(col(LedgerEntry.seq))
    )  # fmt: skip
    invoiced = session.exec(select(Invoice.id).where(Invoice.account == account)).first() is not None
    found: list[Unpaid] = []
    for entry, kind, occurred_ms, amount, number, invoice_due_ms in session.execute(query):
        if number is not None:
            due_ms = invoice_due_ms
        elif invoiced and kind is not EntryKind.OPENING:
            due_ms = NEVER_MS
        else:
            due_ms = occurred_ms + TERM_MS
        found.append(Unpaid(entry, due_ms, amount, number or ""))
    return found

"""What is overdue, and which accounts are blocked until it is paid.

Payments settle what fell due first, so what is unpaid is what fell due last. What stands on an invoice is due
when the invoice says so. Where an account gets no invoices, a charge is due 30 days after it. A block is kept
as a row, so that a roster asks no history; the payment that settles the debt takes it away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from booking_api.db import one_of
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
FEW = 500
"""The charges of so many accounts are read account by account; of more, all charges are read in order."""
Charged = sa.Select[str, int]
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
    return unpaid_of(session, commodity, {account}).get(account, [])


def unpaid_of(
    session: Session, commodity: str, accounts: Collection[str] | None = None
) -> dict[str, list[Unpaid]]:
    """Return the same of many accounts (None: of all that owe), by account, in one pass over charges."""
    query = _owed(commodity, accounts)
    disputed = disputed_entries(session, commodity, accounts)
    prefix = member_account("")
    found: dict[str, list[Unpaid]] = {}
    for name, entry, due_ms, amount, number, left in session.execute(query):
        account = name.removeprefix(prefix)
        if (account, entry) not in disputed:
            found.setdefault(account, []).append(
                Unpaid(entry, int(due_ms), min(amount, int(left)), number or "")
            )
    return {account: rows[::-1] for account, rows in sorted(found.items())}


def late_accounts(session: Session, commodity: str, now_ms: int) -> list[str]:
    """Return the accounts that owe more than what is not due yet at `now_ms` (UTC milliseconds).

    Who is left out has nothing overdue, so that a run of reminders reads the charges of few.
    """
    prefix = member_account("")
    later = sa.union_all(_not_due(commodity, now_ms), _recent(commodity, now_ms - TERM_MS)).subquery()
    sums = (
        sa.select(later.c.account, func.sum(later.c.amount_micro).label("amount"))
        .group_by(later.c.account)
        .subquery()
    )
    account, owed = col(AccountBalance.account), col(AccountBalance.amount_micro)
    query = (
        sa.select(account)
        .outerjoin(sums, sums.c.account == account)
        .where(col(AccountBalance.commodity) == commodity, account.startswith(prefix))
        .where(owed > 0, owed > func.coalesce(sums.c.amount, 0))
        .order_by(account)
    )
    return [name.removeprefix(prefix) for name in session.scalars(query)]


def overdue_micro(session: Session, account: str, commodity: str, at_ms: int) -> int:
    """Return how much of what an account owes fell due at `at_ms` (UTC milliseconds) or before."""
    return sum(one.amount_micro for one in unpaid(session, account, commodity) if one.due_ms <= at_ms)


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
    query = select(PaymentBlock).where(one_of(PaymentBlock.account, accounts))
    for row in session.exec(query).all():
        if overdue_micro(session, row.account, row.commodity, row.before_ms) == 0:
            lift(session, row.account, now_ms)


def tell(session: Session, account: str, now_ms: int) -> None:
    """Let gateways learn what everybody may do now who charges to an account."""
    for member in who_charge(session, {account}):
        changed(session, Subject.MEMBER, member, now_ms)


def _charges(commodity: str) -> Charged:
    """Select what charges accounts of members, whatever it is worth by now, with its entry."""
    undone = aliased(LedgerEntry)
    return (
        sa.select(col(LedgerPosting.account), col(LedgerPosting.amount_micro))
        .select_from(LedgerEntry)
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .where(col(LedgerPosting.commodity) == commodity, col(LedgerPosting.amount_micro) > 0)
        .where(col(LedgerEntry.kind).not_in(_NOT_OWED_ANEW))
        .where(~sa.exists().where(col(undone.reverses) == col(LedgerEntry.id)))
    )


def _not_due(commodity: str, now_ms: int) -> Charged:
    """Select charges on invoices that fall due later."""
    on_invoice = (
        (col(InvoiceItem.entry) == col(LedgerEntry.id))
        & (sa.literal(member_account("")) + col(InvoiceItem.account) == col(LedgerPosting.account))
        & (col(InvoiceItem.commodity) == commodity)
    )
    later = _charges(commodity).join(InvoiceItem, on_invoice)
    return later.join(Invoice, col(Invoice.id) == col(InvoiceItem.invoice)).where(
        col(Invoice.due_ms) > now_ms
    )


def _recent(commodity: str, after_ms: int) -> Charged:
    """Select charges after an instant that stand on no invoice."""
    # Plus nothing: SQLite would else begin with the index of accounts, and read all years of each.
    account, prefix = col(LedgerPosting.account).concat(""), member_account("")
    billed = (
        sa.exists()
        .where(col(InvoiceItem.entry) == col(LedgerEntry.id))
        .where(sa.literal(prefix) + col(InvoiceItem.account) == col(LedgerPosting.account))
        .where(col(InvoiceItem.commodity) == commodity)
    )
    recent = _charges(commodity).where(col(LedgerEntry.occurred_ms) > after_ms)
    return recent.where(account.startswith(prefix), ~billed)


def _owed(commodity: str, accounts: Collection[str] | None) -> sa.Select[tuple[str, str, int, int, str, int]]:
    """Select the charges that what is owed does not pay, those that fall due last before the rest.

    `left` is what of an account's debt no charge that falls due later has taken.
    """
    prefix = member_account("")
    undone, billed = aliased(LedgerEntry), aliased(Invoice)
    account = func.substr(col(LedgerPosting.account), len(prefix) + 1)
    on_invoice = (
        (col(InvoiceItem.entry) == col(LedgerEntry.id))
        & (col(InvoiceItem.account) == account)
        & (col(InvoiceItem.commodity) == col(LedgerPosting.commodity))
    )
    waits = (col(LedgerEntry.kind) != EntryKind.OPENING) & account.in_(sa.select(col(billed.account)))
    due = sa.case(
        (col(Invoice.number).is_not(None), col(Invoice.due_ms)),
        (waits, sa.literal(NEVER_MS, sa.BigInteger)),
        else_=col(LedgerEntry.occurred_ms) + TERM_MS,
    )
    order = (due.desc(), col(LedgerEntry.seq), col(LedgerPosting.n))
    taken = func.sum(col(LedgerPosting.amount_micro)).over(
        partition_by=col(AccountBalance.account), order_by=order, rows=(None, 0)
    )
    owed = col(AccountBalance.amount_micro)
    # Plus nothing, for many: account by account SQLite would jump to and fro through all of the books.
    is_few = accounts is not None and len(accounts) <= FEW
    posted = col(LedgerPosting.account) if is_few else col(LedgerPosting.account).concat("")
    charges = (
        sa.select(
            col(LedgerPosting.account).label("account"), col(LedgerEntry.id).label("entry"),
            due.label("due"), col(LedgerPosting.amount_micro).label("amount"),
            col(Invoice.number).label("number"), col(LedgerEntry.seq).label("seq"),
            col(LedgerPosting.n).label("n"), (owed - taken + col(LedgerPosting.amount_micro)).label("left"),
        )
        .select_from(AccountBalance)
        .join(LedgerPosting, (posted == col(AccountBalance.account))
              & (col(LedgerPosting.commodity) == col(AccountBalance.commodity)))
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
        .outerjoin(InvoiceItem, on_invoice)
        .outerjoin(Invoice, col(Invoice.id) == col(InvoiceItem.invoice))
        .outerjoin(undone, col(undone.reverses) == col(LedgerEntry.id))
        .where(col(AccountBalance.commodity) == commodity, owed > 0)
        .where(col(LedgerPosting.amount_micro) > 0, col(undone.id).is_(None))
        .where(col(LedgerEntry.kind).not_in(_NOT_OWED_ANEW))
    )  # fmt: skip
    if accounts is None:
        charges = charges.where(col(AccountBalance.account).startswith(prefix))
    else:
        charges = charges.where(col(AccountBalance.account).in_([member_account(one) for one in accounts]))
    one = charges.subquery()
    return (
        sa.select(one.c.account, one.c.entry, one.c.due, one.c.amount, one.c.number, one.c.left)
        .where(one.c.left > 0)
        .order_by(one.c.account, one.c.due.desc(), one.c.seq, one.c.n)
    )

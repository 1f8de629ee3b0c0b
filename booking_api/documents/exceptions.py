"""What somebody should look at before a run of invoices: found by sums, account by account, none is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from sqlalchemy import func, literal
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.db import zone_of
from booking_api.disputes.models import Dispute, DisputeState
from booking_api.documents.models import BillingAddress, Invoice, InvoiceKind, InvoiceWaiting
from booking_api.documents.outlook import Expected
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance
from booking_api.members.models import Member
from booking_api.periods.calendar import bounds
from booking_api.sessions.models import MachineSession, SessionState

UNUSUAL_TIMES = 3
"""An invoice is unusual when it is above all earlier ones, and so many times their median."""
UNUSUAL_FROM = 3
"""So many earlier invoices make a habit."""


class Odd(StrEnum):
    """Why an invoice, or a session that is on none, is worth a look; the gravest first."""

    UNPRICED = "unpriced"
    RUNNING = "running"
    DISPUTED = "disputed"
    UNROUNDED = "unrounded"
    UNUSUAL = "unusual"
    NEGATIVE = "negative"
    OVER_CREDIT = "over_credit"
    NO_MAIL = "no_mail"
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Found:
    """How many there are of a kind, and the accounts that are concerned: id and name (none of sessions)."""

    odd: Odd
    count: int
    accounts: tuple[tuple[str, str], ...] = ()


def find(session: Session, month: str, waits: list[Expected], ready: list[Expected]) -> list[Found]:
    """Return what is odd until the end of a month; `ready` are those of `waits` that a run would bill."""
    end_ms = bounds(month, zone_of(session))[1]
    sessions = select(MachineSession.state, func.count()).where(
        col(MachineSession.state).in_((SessionState.OPEN, SessionState.EXCEPTION)),
        col(MachineSession.started_ms) < end_ms,
    )
    counts = dict(session.exec(sessions.group_by(col(MachineSession.state))).all())
    disputes = select(func.count()).select_from(Dispute).where(Dispute.state == DisputeState.OPEN)
    billed = {one.account for one in ready}
    lists: dict[Odd, list[tuple[str, str]]] = {
        Odd.UNROUNDED: [(one.account, one.name) for one in waits if one.account not in billed],
        Odd.UNUSUAL: list(_unusual(session, ready)),
        Odd.NEGATIVE: [(one.account, one.name) for one in ready if one.total_micro < 0],
        Odd.OVER_CREDIT: _over_credit(session),
        Odd.NO_MAIL: list(_without_mail(session, ready)),
        Odd.ZERO: _zero(session, month),
    }
    found = [
        Found(Odd.UNPRICED, counts.get(SessionState.EXCEPTION, 0)),
        Found(Odd.RUNNING, counts.get(SessionState.OPEN, 0)),
        Found(Odd.DISPUTED, session.exec(disputes).one()),
        *(Found(odd, len(accounts), tuple(accounts)) for odd, accounts in lists.items()),
    ]
    return [one for one in found if one.count]


def tiers_of(session: Session) -> dict[str, str]:
    """Return the tier of every member's own account."""
    return dict(session.exec(select(Member.account, Member.tier)).all())


def _unusual(session: Session, ready: list[Expected]) -> Iterator[tuple[str, str]]:
    query = (
        select(Invoice.account, Invoice.commodity, func.max(Invoice.total_micro))
        .where(Invoice.kind == InvoiceKind.INVOICE)
        .group_by(col(Invoice.account), col(Invoice.commodity))
        .having(func.count() >= UNUSUAL_FROM)
    )
    most = {(account, commodity): top for account, commodity, top in session.exec(query)}
    for one in ready:
        if one.total_micro <= most.get((one.account, one.commodity), one.total_micro):
            continue
        before = session.exec(
            select(Invoice.total_micro).where(
                Invoice.account == one.account,
                Invoice.commodity == one.commodity,
                Invoice.kind == InvoiceKind.INVOICE,
            )
        ).all()
        if one.total_micro >= UNUSUAL_TIMES * median(before):
            yield one.account, one.name


def _over_credit(session: Session) -> list[tuple[str, str]]:
    query = (
        select(Account.id, Account.name)
        .join(
            AccountBalance,
            col(AccountBalance.account) == literal(member_account("")).concat(col(Account.id)),
        )
        .where(col(Account.credit_limit_micro).is_not(None))
        .where(col(AccountBalance.amount_micro) > col(Account.credit_limit_micro))
        .order_by(col(Account.name), col(Account.id))
        .distinct()
    )
    return [(id, name) for id, name in session.exec(query)]


def _without_mail(session: Session, ready: list[Expected]) -> Iterator[tuple[str, str]]:
    reached = set(session.exec(select(Member.account).where(func.coalesce(Member.email, "") != "")))
    reached |= set(session.exec(select(BillingAddress.account).where(BillingAddress.email != "")))
    return ((one.account, one.name) for one in ready if one.account not in reached)


def _zero(session: Session, month: str) -> list[tuple[str, str]]:
    """Return whose entries cancel each other: they get no invoice."""
    root = func.coalesce(Account.parent, Account.id)
    query = (
        select(root)
        .join(InvoiceWaiting, col(InvoiceWaiting.account) == col(Account.id))
        .where(col(InvoiceWaiting.month) <= month)
        .group_by(root, col(InvoiceWaiting.commodity))
        .having(func.sum(InvoiceWaiting.amount_micro) == 0, func.sum(InvoiceWaiting.entries) > 0)
    )
    ids = set(session.exec(query))
    names = select(Account.id, Account.name).where(col(Account.id).in_(ids)).order_by(col(Account.name))
    return [(id, name) for id, name in session.exec(names)]

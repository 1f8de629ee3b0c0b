"""What somebody should look at before a run of invoices: found by sums, account by account, none is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from sqlalchemy import exists, func, literal, or_, union_all
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.db import zone_of
from booking_api.disputes.models import Dispute, DisputeState
from booking_api.documents.models import BillingAddress, Invoice, InvoiceKind, InvoiceWaiting
from booking_api.documents.outlook import Expected, waiting_by_account
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
    by_sums = _by_sums(session, month)
    lists: dict[Odd, list[tuple[str, str]]] = {
        Odd.UNROUNDED: [(one.account, one.name) for one in waits if one.account not in billed],
        Odd.UNUSUAL: list(_unusual(session, by_sums[Odd.UNUSUAL], ready)),
        Odd.NEGATIVE: [(one.account, one.name) for one in ready if one.total_micro < 0],
        Odd.OVER_CREDIT: _over_credit(session),
        Odd.NO_MAIL: [
            (one.account, one.name) for one in ready if (one.account, one.commodity) in by_sums[Odd.NO_MAIL]
        ],
        Odd.ZERO: _names(session, {account for account, _ in by_sums[Odd.ZERO]}),
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


def _by_sums(session: Session, month: str) -> dict[Odd, set[tuple[str, str]]]:
    """Return the accounts and commodities that are odd by their sums, gathered once for all three reasons.

    Of `UNUSUAL` they are those above every earlier invoice: few, whose median is worth a question.
    """
    total, entries = func.sum(InvoiceWaiting.amount_micro), func.sum(InvoiceWaiting.entries)
    sums = waiting_by_account(month, total.label("total"), entries.label("entries")).cte("sums")
    who = (sums.c.account, sums.c.commodity)
    habits = (
        sql_select(col(Invoice.account).label("account"), col(Invoice.commodity).label("commodity"))
        .add_columns(func.max(Invoice.total_micro).label("top"))
        .where(col(Invoice.kind) == InvoiceKind.INVOICE)
        .group_by(col(Invoice.account), col(Invoice.commodity))
        .having(func.count() >= UNUSUAL_FROM)
        .subquery()
    )
    same = (habits.c.account == sums.c.account) & (habits.c.commodity == sums.c.commodity)
    mailed = (
        exists().where(col(Member.account) == sums.c.account, func.coalesce(Member.email, "") != ""),
        exists().where(col(BillingAddress.account) == sums.c.account, col(BillingAddress.email) != ""),
    )
    queries = {
        Odd.UNUSUAL: sql_select(*who).join(habits, same).where(sums.c.total > habits.c.top),
        Odd.NO_MAIL: sql_select(*who).where(~or_(*mailed)),
        Odd.ZERO: sql_select(*who).where(sums.c.total == 0, sums.c.entries > 0),
    }
    named = [query.add_columns(literal(odd.value)) for odd, query in queries.items()]
    found: dict[Odd, set[tuple[str, str]]] = {odd: set() for odd in queries}
    for account, commodity, odd in session.execute(union_all(*named)):
        found[Odd(odd)].add((account, commodity))
    return found


def _unusual(
    session: Session, higher: set[tuple[str, str]], ready: list[Expected]
) -> Iterator[tuple[str, str]]:
    for one in ready:
        if (one.account, one.commodity) not in higher:
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


def _names(session: Session, accounts: set[str]) -> list[tuple[str, str]]:
    names = select(Account.id, Account.name).where(col(Account.id).in_(accounts)).order_by(col(Account.name))
    return [(id, name) for id, name in session.exec(names)]

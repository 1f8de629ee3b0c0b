"""The cash drawer of a day: opened with a float, closed with what was counted, the difference explained."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import CASH, CASH_DIFFERENCE, TRANSIT
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.payments import books
from booking_api.payments.models import Drawer
from floor.errors import Refused
from floor.ledger import EntryKind, Posting, Sealed


@dataclass(frozen=True, slots=True)
class Contents:
    """What went through a drawer by the kind of entry, and what must be in it, in micro-units."""

    by_kind: dict[EntryKind, int]
    expected_micro: int


def current(session: Session) -> Drawer | None:
    """Return the open drawer, None while it is closed."""
    return session.exec(select(Drawer).where(col(Drawer.closed_ms).is_(None))).first()


def needed(session: Session) -> Drawer:
    """Return the open drawer; raises Refused while it is closed."""
    drawer = current(session)
    if drawer is None:
        raise Refused("drawer_closed", "The cash drawer is closed. Open it with its float first.")
    return drawer


def open_drawer(session: Session, float_micro: int, commodity: str, author: str, now_ms: int) -> Drawer:
    """Open the drawer with what was counted into it; raises Refused when it is open."""
    book = ledger.hold(session)
    if current(session) is not None:
        raise Refused("drawer_open", "The cash drawer is open already. Close it first.")
    if float_micro < 0:
        raise Refused("amount_malformed", "The float is 0 or more.")
    drawer = Drawer(
        id=make_id(now_ms),
        opened_ms=now_ms,
        opened_by=author,
        opened_seq=book.seq,
        float_micro=float_micro,
        commodity=commodity,
    )
    session.add(drawer)
    session.flush()
    return drawer


def contents(session: Session, drawer: Drawer) -> Contents:
    """Return what went through a drawer, by its ledger entries."""
    query = (
        select(LedgerEntry.kind, func.sum(LedgerPosting.amount_micro))
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .where(LedgerPosting.account == CASH, LedgerPosting.commodity == drawer.commodity)
        .where(LedgerEntry.seq > drawer.opened_seq)
        .group_by(LedgerEntry.kind)
    )
    if drawer.closed_seq is not None:
        query = query.where(LedgerEntry.seq <= drawer.closed_seq)
    by_kind = {EntryKind(kind): int(amount) for kind, amount in session.exec(query)}
    return Contents(by_kind, drawer.float_micro + sum(by_kind.values()))


def close_drawer(session: Session, counted_micro: int, reason: str, author: str, now_ms: int) -> Drawer:
    """Close the drawer; what was counted too much or too little is posted, and needs an explanation.

    Raises Refused while it is closed, and for a difference without a reason.
    """
    book = ledger.hold(session)
    drawer = needed(session)
    if counted_micro < 0:
        raise Refused("amount_malformed", "What was counted is 0 or more.")
    difference = counted_micro - contents(session, drawer).expected_micro
    if difference and not reason.strip():
        raise Refused("reason_missing", "What was counted differs from the books. Say why.")
    drawer.closed_ms, drawer.closed_by, drawer.closed_seq = now_ms, author, book.seq
    drawer.counted_micro, drawer.difference_micro = counted_micro, difference
    drawer.reason = reason.strip()[:200]
    session.add(drawer)
    session.flush()
    if difference:
        postings = (
            Posting(CASH, drawer.commodity, difference),
            Posting(CASH_DIFFERENCE, drawer.commodity, -difference),
        )
        source, memo = f"drawer:{drawer.id}", drawer.reason
        books.post(session, EntryKind.COST, postings, author, now_ms, source=source, memo=memo)
    return drawer


def bank_cash(session: Session, amount_micro: int, author: str, now_ms: int, memo: str = "") -> Sealed:
    """Take cash out of the drawer to the bank; it is under way until the bank's line of it is assigned."""
    books.hold(session)
    drawer = needed(session)
    if amount_micro <= 0 or amount_micro > contents(session, drawer).expected_micro:
        raise Refused("amount_malformed", "There is not so much in the drawer.")
    postings = (
        Posting(TRANSIT, drawer.commodity, amount_micro),
        Posting(CASH, drawer.commodity, -amount_micro),
    )
    return books.post(session, EntryKind.TRANSFER, postings, author, now_ms, memo=memo)


def closed(session: Session, limit: int = 30) -> list[Drawer]:
    """Return the drawers that were closed last, newest first."""
    query = select(Drawer).where(col(Drawer.closed_ms).is_not(None))
    return list(session.exec(query.order_by(col(Drawer.closed_ms).desc()).limit(limit)))

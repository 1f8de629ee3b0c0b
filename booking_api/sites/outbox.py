"""At the host: what visitors were charged is moved to their home site's account, and waits to be told there.

The book itself is the outbox: what lies behind the mark was looked at, in the transaction that moved it. So
whatever posts on a visitor's account travels, in the order in which it was posted, and once.
"""

from __future__ import annotations

from sqlalchemy import literal
from sqlmodel import Session, col, func, select

from booking_api.accounts import service as accounts
from booking_api.billing.models import Charge
from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account, site_receivable
from booking_api.ledger.models import MAIN_BOOK, Book, LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.periods.calendar import open_from_ms
from booking_api.sites.models import SiteCharge, SiteMark, Visitor
from floor.ledger import Entry, EntryKind, Posting

CLEARING = "clearing:"
_Posted = tuple[LedgerEntry, Visitor, int]


def begin(session: Session) -> None:
    """Have the book looked through from now on; whoever is no visitor yet has nothing there."""
    if session.get(SiteMark, MAIN_BOOK) is None:
        session.add(SiteMark(book=MAIN_BOOK, seq=ledger.hold(session).seq))
        session.flush()


def is_behind(session: Session) -> bool:
    """Whether something was posted since the book was looked through; False where nobody ever visited."""
    mark = session.get(SiteMark, MAIN_BOOK, populate_existing=True)
    book = session.get(Book, MAIN_BOOK, populate_existing=True)
    return mark is not None and book is not None and mark.seq < book.seq


def sweep(session: Session, commodity: str, now_ms: int) -> list[SiteCharge]:
    """Move what visitors were charged since the last look; `commodity` is the space's currency.

    Units of the space's own do not travel: they stay on the visitor's account.
    """
    book = ledger.hold(session)
    mark = session.get(SiteMark, MAIN_BOOK, populate_existing=True)
    if mark is None or mark.seq >= book.seq:
        return []
    found = _posted(session, mark.seq, commodity)
    open_ms = open_from_ms(session)
    entries = [
        _clearing(entry, visitor, micro, commodity, open_ms, now_ms) for entry, visitor, micro in found
    ]
    ledger.post(session, entries)
    told = _told(session, [entry.id for entry, _, _ in found])
    rows = []
    for (entry, visitor, micro), clearing in zip(found, entries, strict=True):
        charge, what = told.get(entry.reverses or entry.id, (None, ""))
        row = SiteCharge(
            id=entry.id,
            seq=entry.seq,
            site=visitor.site,
            ref=visitor.ref,
            session=charge,
            what=what,
            reverses=entry.reverses,
            amount_micro=micro,
            commodity=commodity,
            occurred_ms=entry.occurred_ms,
            clearing=clearing.id,
        )
        visitor.used_micro += micro
        rows.append(row)
        session.add_all((row, visitor))
    mark.seq = ledger.hold(session).seq
    session.add(mark)
    session.flush()
    for member in dict.fromkeys(visitor.member for _, visitor, _ in found):
        set_limit(session, session.get_one(Visitor, member), now_ms)
    return rows


def set_limit(session: Session, visitor: Visitor, now_ms: int) -> None:
    """Let gateways give a visitor what home allows and they have not used, and no more."""
    left = max(0, visitor.allowed_micro - visitor.used_micro)
    if accounts.get(session, visitor.account).credit_limit_micro != left:
        accounts.set_limits(session, visitor.account, {"credit_limit_micro": left}, now_ms)


def _posted(session: Session, after_seq: int, commodity: str) -> list[_Posted]:
    amount = func.sum(LedgerPosting.amount_micro)
    names = literal(member_account("")) + col(Visitor.account)
    query = (
        select(LedgerEntry, Visitor, amount)
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .join(Visitor, names == LedgerPosting.account)
        .where(LedgerEntry.book == MAIN_BOOK, LedgerEntry.seq > after_seq)
        .where(LedgerPosting.commodity == commodity, col(LedgerEntry.source).not_like(f"{CLEARING}%"))
        .group_by(col(LedgerEntry.id), col(Visitor.member))
        .having(amount != 0)
        .order_by(col(LedgerEntry.seq))
    )
    return [(entry, visitor, int(micro)) for entry, visitor, micro in session.exec(query)]


def _clearing(
    entry: LedgerEntry, visitor: Visitor, micro: int, commodity: str, open_ms: int, now_ms: int
) -> Entry:
    return Entry(
        id=make_id(now_ms),
        kind=EntryKind.TRANSFER,
        source=f"{CLEARING}{entry.id}",
        occurred_ms=max(entry.occurred_ms, open_ms),
        posted_ms=now_ms,
        postings=(
            Posting(site_receivable(visitor.site), commodity, micro),
            Posting(member_account(visitor.account), commodity, -micro),
        ),
        memo=f"To {visitor.site}",
    )


def _told(session: Session, entries: list[str]) -> dict[str, tuple[str | None, str]]:
    """Return the session and the machine's name of entries that charged a use."""
    undone = select(LedgerEntry.reverses).where(col(LedgerEntry.id).in_(entries))
    query = (
        select(Charge.entry, Charge.session, func.coalesce(Machine.name, Charge.machine, ""))
        .outerjoin(Machine, col(Machine.id) == col(Charge.machine))
        .where(col(Charge.entry).in_(entries) | col(Charge.entry).in_(undone))
    )
    return {entry: (id, str(name)[:100]) for entry, id, name in session.exec(query) if entry}

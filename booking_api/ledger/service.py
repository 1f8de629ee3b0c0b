"""Posting: entries are sealed in their chain in the transaction that posts them, by whoever holds the book.

The head of the chain is also appended to a file outside of the database, so that a book that was cut short
or rewritten as a whole shows.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from booking_api.audit import notes
from booking_api.clock import make_id
from booking_api.db import DATA, after_commit, insert_rows, one_of, zone_of
from booking_api.documents import kept as invoice_sums
from booking_api.gateways.changes import credit_changed
from booking_api.happenings.service import happened, holder
from booking_api.happenings.words import Happening
from booking_api.ledger import heads
from booking_api.ledger.accounts import CASH, member_account
from booking_api.ledger.models import MAIN_BOOK, AccountBalance, Book, LedgerEntry, LedgerPosting
from booking_api.payments import overdue
from booking_api.periods.calendar import month_at, open_from_ms
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting, Sealed, reversal, seal

CHUNK = 5_000
_ADD = (
    "ON CONFLICT (account, commodity) DO UPDATE"
    " SET amount_micro = account_balance.amount_micro + excluded.amount_micro"
)


def post(session: Session, entries: Sequence[Entry], book: str = MAIN_BOOK) -> list[Sealed]:
    """Post entries in order; raises Refused when a `source` was posted before, or its month is closed."""
    if not entries:
        return []
    head = hold(session, book)  # before the checks: a close that holds it may just be closing the month
    _check_open(session, entries)
    _check_new(session, entries, book)
    sealed: list[Sealed] = []
    seq, previous = head.seq, head.hash
    for entry in entries:
        seq += 1
        one = seal(previous, seq, entry)
        previous = one.hash
        sealed.append(one)
    insert_rows(session, LedgerEntry, [_entry_row(one, book) for one in sealed])
    insert_rows(session, LedgerPosting, [row for one in sealed for row in _posting_rows(one.entry)])
    session.execute(update(Book).where(col(Book.id) == book).values(seq=seq, hash=previous))
    session.expire(head)
    _add_to_balances(session, (posting for entry in entries for posting in entry.postings))
    prefix = member_account("")
    accounts = {p.account for entry in entries for p in entry.postings if p.account.startswith(prefix)}
    touched = {account.removeprefix(prefix) for account in accounts}
    invoice_sums.posted(session, entries)
    credit_changed(session, touched, entries[-1].posted_ms)
    overdue.settled(session, touched, entries[-1].posted_ms)
    newest = heads.Head(book, seq, previous, entries[-1].posted_ms)
    after_commit(session, functools.partial(heads.append, session.info[DATA], newest))
    notes.posted(session, [entry.id for entry in entries])
    _tell_of_payments(session, entries)
    return sealed


def _tell_of_payments(session: Session, entries: Sequence[Entry]) -> None:
    prefix = member_account("")
    for entry in entries:
        if entry.kind is not EntryKind.PAYMENT:
            continue
        for posting in entry.postings:
            if posting.account.startswith(prefix) and posting.amount_micro < 0:
                account = posting.account.removeprefix(prefix)
                happened(
                    session,
                    Happening.PAYMENT_RECEIVED,
                    entry.id,
                    entry.posted_ms,
                    member=holder(session, account),
                    account=account,
                    amount_micro=-posting.amount_micro,
                    commodity=posting.commodity,
                )


def take_payment(
    session: Session,
    account: str,
    amount_micro: int,
    commodity: str,
    now_ms: int,
    author: str,
    memo: str = "",
    source: str = "",
) -> Sealed:
    """Post money that was paid in cash to an account; raises Refused for nothing or less.

    `source` makes a payment that is sent twice post once.
    """
    if amount_micro <= 0:
        raise Refused("amount_not_positive", "A payment is more than 0.")
    id = make_id(now_ms)
    entry = Entry(
        id=id,
        kind=EntryKind.PAYMENT,
        source=source or f"payment:{id}",
        occurred_ms=now_ms,
        posted_ms=now_ms,
        postings=(
            Posting(CASH, commodity, amount_micro),
            Posting(member_account(account), commodity, -amount_micro),
        ),
        author=author,
        memo=memo,
    )
    return post(session, [entry])[0]


def reverse(session: Session, entry: str, reason: str, author: str, now_ms: int) -> Sealed:
    """Undo an entry by its reversal; raises Refused for no entry, no reason, and when undone before."""
    row = session.get(LedgerEntry, entry)
    if row is None:
        raise Refused("entry_not_found", f"There is no entry {entry}.")
    original = read_entry(row, postings_of(session, [entry])[entry])
    try:
        undone = reversal(
            original,
            id=make_id(now_ms),
            posted_ms=now_ms,
            author=author,
            reason=reason,
            not_before_ms=open_from_ms(session),
        )
    except ValueError as error:
        raise Refused("reversal_refused", f"{str(error).capitalize()}.") from None
    return post(session, [undone], row.book)[0]


def hold(session: Session, book: str = MAIN_BOOK) -> Book:
    """Lock the book until the transaction ends, so that it has one sealer; SQLite has one writer anyway."""
    query = select(Book).where(Book.id == book).with_for_update().execution_options(populate_existing=True)
    return session.exec(query).one()


def balance(session: Session, account: str, commodity: str) -> int:
    """Return what an account stands at, in micro-units; positive is a debit (a member owes it)."""
    kept = session.get(AccountBalance, (account, commodity), populate_existing=True)
    return kept.amount_micro if kept else 0


def postings_of(session: Session, entries: Iterable[str]) -> dict[str, list[LedgerPosting]]:
    """Return the postings of entries, in order."""
    found: dict[str, list[LedgerPosting]] = {}
    query = select(LedgerPosting).where(col(LedgerPosting.entry).in_(list(entries)))
    for row in session.exec(query.order_by(LedgerPosting.entry, col(LedgerPosting.n))):
        found.setdefault(row.entry, []).append(row)
    return found


def entries(session: Session, ids: Collection[str]) -> dict[str, Entry]:
    """Return what was posted, by id."""
    found: dict[str, Entry] = {}
    for some in _parts(list(ids)):
        postings = postings_of(session, some)
        rows = session.exec(select(LedgerEntry).where(col(LedgerEntry.id).in_(some)))
        found |= {row.id: read_entry(row, postings[row.id]) for row in rows}
    return found


def read_entry(row: LedgerEntry, postings: Sequence[LedgerPosting]) -> Entry:
    """Return what was posted; raises ValueError when it does not balance, which only tampering can cause."""
    return Entry(
        id=row.id,
        kind=row.kind,
        source=row.source,
        occurred_ms=row.occurred_ms,
        posted_ms=row.posted_ms,
        postings=tuple(Posting(p.account, p.commodity, p.amount_micro) for p in postings),
        reverses=row.reverses,
        author=row.author,
        memo=row.memo,
        detail=row.detail,
    )


def _check_open(session: Session, entries: Sequence[Entry]) -> None:
    first = min(entry.occurred_ms for entry in entries)
    if first < open_from_ms(session):
        month = month_at(first, zone_of(session))
        words = f"{month} is closed. Post it in the open month, with a reference."
        raise Refused("period_closed", words)


def _check_new(session: Session, entries: Sequence[Entry], book: str) -> None:
    sources = [entry.source for entry in entries]
    mine = select(LedgerEntry.source).where(LedgerEntry.book == book)
    for some in _parts(sources):
        posted = session.exec(mine.where(one_of(LedgerEntry.source, some))).first()
        if posted is not None or len(set(sources)) < len(sources):
            raise Refused("posted_already", f"This was posted before ({posted or sources[0]}).")


def _parts(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield as many words at once as a query takes."""
    return (words[at : at + CHUNK] for at in range(0, len(words), CHUNK))


def _entry_row(sealed: Sealed, book: str) -> dict[str, Any]:
    entry = sealed.entry
    return {
        "id": entry.id,
        "book": book,
        "seq": sealed.seq,
        "kind": entry.kind,
        "source": entry.source,
        "occurred_ms": entry.occurred_ms,
        "posted_ms": entry.posted_ms,
        "reverses": entry.reverses,
        "author": entry.author,
        "memo": entry.memo,
        "detail": entry.detail,
        "previous": sealed.previous,
        "hash": sealed.hash,
    }


def _posting_rows(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            "entry": entry.id,
            "n": n,
            "account": p.account,
            "commodity": p.commodity,
            "amount_micro": p.amount_micro,
        }
        for n, p in enumerate(entry.postings, 1)
    ]


def _add_to_balances(session: Session, postings: Iterable[Posting]) -> None:
    """Keep the sums beside the postings; the held book keeps others from doing the same meanwhile."""
    more: dict[tuple[str, str], int] = {}
    for posting in postings:
        key = (posting.account, posting.commodity)
        more[key] = more.get(key, 0) + posting.amount_micro
    rows = [
        {"account": account, "commodity": commodity, "amount_micro": amount}
        for (account, commodity), amount in more.items()
    ]
    insert_rows(session, AccountBalance, rows, _ADD)

"""Reading the chain back as it stands in the database, to see whether it still holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from booking_api.ledger import service
from booking_api.ledger.models import MAIN_BOOK, LedgerEntry, LedgerPosting
from floor.ledger import GENESIS, Break, digest, reason_stands

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a chain was followed."""

    seq: int = 0
    hash: str = GENESIS


def follow(session: Session, mark: Mark, book: str = MAIN_BOOK) -> tuple[Mark, list[Break]]:
    """Follow the chain for at most 1,000 entries; return how far it went and where it does not hold.

    At the end of the book the mark is the one that was given.
    """
    query = select(LedgerEntry).where(LedgerEntry.book == book, col(LedgerEntry.seq) > mark.seq)
    rows = session.exec(query.order_by(col(LedgerEntry.seq)).limit(CHUNK)).all()
    postings = service.postings_of(session, [row.id for row in rows])
    found: list[Break] = []
    for row in rows:
        found += _problems(mark, row, postings.get(row.id, []))
        mark = Mark(row.seq, row.hash)
    return mark, found


def _problems(mark: Mark, row: LedgerEntry, postings: Sequence[LedgerPosting]) -> Iterator[Break]:
    if row.seq != mark.seq + 1:
        yield Break(mark.seq + 1, row.id, f"entry {mark.seq + 1} is missing: {row.seq} follows")
    elif row.previous != mark.hash:
        yield Break(row.seq, row.id, "the hash before it is not that of the entry before it")
    try:
        entry = service.read_entry(row, postings)
    except ValueError as error:
        yield Break(row.seq, row.id, str(error))
        return
    if digest(row.previous, row.seq, entry) != row.hash:
        yield Break(row.seq, row.id, "its content is not what was sealed")
    elif not reason_stands(entry):
        yield Break(row.seq, row.id, "its reason is not what was sealed")

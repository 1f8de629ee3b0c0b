"""The books as exports read them: an outline, then the entries in order, a chunk at a time.

Each chunk is a short read of its own. Entries are only ever added, so what lies up to the head that the
outline saw stays the same while a slow reader takes it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, Fund
from booking_api.db import Database
from booking_api.ledger import service
from booking_api.ledger.accounts import fund_account, machine_income, member_account
from booking_api.ledger.models import MAIN_BOOK, AccountBalance, Book, LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.periods.calendar import bounds
from floor.errors import Refused
from floor.ledger import Posting

CHUNK = 1_000
EVER = 1 << 62
BROUGHT_FORWARD = "brought forward"


@dataclass(frozen=True, slots=True)
class Span:
    """What is exported: entries that occurred from `from_ms` to before `to_ms` (UTC milliseconds)."""

    from_ms: int = 0
    to_ms: int = EVER


@dataclass(frozen=True, slots=True)
class Outline:
    """What stands at the head of an export.

    `seq` and `hash` are those of the newest entry of the book. `accounts` and `commodities` are all that
    were ever posted to, `names` what people call some of the accounts. `brought` is what each account stood
    at before `span`, and `first` the day of the first entry within, on the space's clock.
    """

    title: str
    currency: str
    span: Span
    zone: tzinfo
    seq: int
    hash: str
    accounts: tuple[str, ...]
    commodities: tuple[str, ...]
    names: dict[str, str]
    brought: tuple[Posting, ...]
    first: date


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it stands in the database, with the day on which it occurred on the space's clock."""

    row: LedgerEntry
    postings: Sequence[LedgerPosting]
    day: date


def span_of(first: str, last: str, zone: tzinfo) -> Span:
    """Return the span from one month to another, both within ("" is without an end); raises Refused."""
    from_ms = bounds(first, zone)[0] if first else 0
    to_ms = bounds(last, zone)[1] if last else EVER
    if to_ms <= from_ms:
        raise Refused("span_malformed", f"{last} lies before {first}. Swap them.")
    return Span(from_ms, to_ms)


def outline(session: Session, span: Span, zone: tzinfo, title: str, currency: str) -> Outline:
    """Read what stands at the head of an export."""
    book = session.exec(select(Book).where(Book.id == MAIN_BOOK)).one()
    kept = session.exec(select(AccountBalance.account, AccountBalance.commodity)).all()
    within = _within(span, book.seq)
    begun = session.exec(select(func.min(LedgerEntry.occurred_ms)).where(*within)).one()
    first_ms = span.from_ms or begun or 0
    return Outline(
        title=title,
        currency=currency,
        span=span,
        zone=zone,
        seq=book.seq,
        hash=book.hash,
        accounts=tuple(sorted({account for account, _ in kept})),
        commodities=tuple(sorted({commodity for _, commodity in kept})),
        names=_names(session),
        brought=tuple(_before(session, span, book.seq)),
        first=moment(first_ms, zone).date(),
    )


def entries(database: Database, of: Outline) -> Iterator[list[Written]]:
    """Yield the entries of an outline in the order of the book, at most 1,000 at a time."""
    after = 0
    while True:
        with database.read() as session:
            query = select(LedgerEntry).where(*_within(of.span, of.seq), col(LedgerEntry.seq) > after)
            rows = session.exec(query.order_by(col(LedgerEntry.seq)).limit(CHUNK)).all()
            postings = service.postings_of(session, [row.id for row in rows])
        if not rows:
            return
        yield [Written(r, postings.get(r.id, []), moment(r.occurred_ms, of.zone).date()) for r in rows]
        after = rows[-1].seq


def moment(at_ms: int, zone: tzinfo) -> datetime:
    """Return an instant (UTC milliseconds) on the space's clock."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def decimal(amount_micro: int) -> str:
    """Write micro-units exactly, with six decimals and a point."""
    return f"{Decimal(amount_micro).scaleb(-6):.6f}"


def escaped(text: str, characters: str) -> str:
    """Write control characters, "%" and the given ones as the %XX of their UTF-8 bytes, reversibly."""
    return "".join(_percent(c) if c == "%" or c in characters or not shown(c) else c for c in text)


def shown(character: str) -> bool:
    """Whether a character is one that people see, or a space of any script."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _within(span: Span, seq: int) -> tuple[bool, ...]:
    occurred = col(LedgerEntry.occurred_ms)
    conditions = [LedgerEntry.book == MAIN_BOOK, col(LedgerEntry.seq) <= seq]
    conditions += [occurred >= span.from_ms] if span.from_ms else []
    conditions += [occurred < span.to_ms] if span.to_ms != EVER else []
    return tuple(conditions)  # type: ignore[arg-type]  # SQL conditions, which SQLModel types as bool


def _before(session: Session, span: Span, seq: int) -> Iterable[Posting]:
    if not span.from_ms:
        return
    columns = (LedgerPosting.account, LedgerPosting.commodity, func.sum(LedgerPosting.amount_micro))
    sums = (
        select(*columns)
        .join(LedgerEntry, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .where(LedgerEntry.book == MAIN_BOOK, col(LedgerEntry.seq) <= seq)
        .where(col(LedgerEntry.occurred_ms) < span.from_ms)
        .group_by(LedgerPosting.account, LedgerPosting.commodity)
        .order_by(LedgerPosting.account, LedgerPosting.commodity)
    )
    for account, commodity, amount in session.exec(sums):
        if amount:
            yield Posting(account, commodity, int(amount))


def _names(session: Session) -> dict[str, str]:
    named = {member_account(id): name for id, name in session.exec(select(Account.id, Account.name))}
    named |= {fund_account(id): name for id, name in session.exec(select(Fund.id, Fund.name))}
    return named | {machine_income(id): name for id, name in session.exec(select(Machine.id, Machine.name))}

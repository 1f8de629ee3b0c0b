"""Looks for damage: does the database still say what was posted? Reads only, and trusts no trigger.

Each check yields findings; the first of a chain is where to look.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError
from sqlalchemy import func, text
from sqlmodel import Session, col, select

from booking_api import migrations
from booking_api.accounts import checks as accounts
from booking_api.audit import service as audit
from booking_api.badges import checks as badges
from booking_api.billing import checks as billing
from booking_api.certifications import checks as training
from booking_api.db import DATA, Database
from booking_api.documents import checks as documents
from booking_api.ledger import chain, heads
from booking_api.ledger.models import AccountBalance, Book, LedgerEntry, LedgerPosting
from booking_api.metering.models import JournalHead, JournalRecord
from booking_api.migrations.guards import GUARDS
from booking_api.notices import trying as notices
from booking_api.sites import checks as sites
from booking_api.tariffs.models import TariffVersion
from floor.wire.journal import GENESIS, JournalEntry, entry_hash

FINDINGS_MAX = 100
AFTER_RESTORE = (
    f"After a restore, enter again what is missing, then set {heads.FILE} aside and keep it: "
    'see "Restore the server" in docs/operations/runbook.md'
)
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was left, and where."""

    where: str
    words: str


Check = Callable[[Session], Iterator[Finding]]


def examine(database: Database) -> list[Finding]:
    """Run every check; return at most 100 findings, none for a healthy database."""
    if migrations.current(database.engine) != migrations.newest():
        words = "it is not of the form that this software needs; run `makerfloor migrate`"
        return [Finding("database", words)]
    with database.read() as session:
        return examined(session)


def examined(session: Session) -> list[Finding]:
    """Run every check in a session of a database of the newest form; return at most 100 findings."""
    found = (finding for check in CHECKS for finding in check(session))
    return list(islice(found, FINDINGS_MAX))


def check_storage(session: Session) -> Iterator[Finding]:
    """Ask the database whether its own file is sound, and whether the triggers that freeze entries stand."""
    if session.get_bind().dialect.name == "sqlite":
        for (words,) in session.connection().execute(text("PRAGMA integrity_check")):
            if words != "ok":
                yield Finding("database", str(words))
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    standing = {name for (name,) in session.connection().execute(text(query))}
    for name, table, _, _ in GUARDS:
        if name not in standing:
            yield Finding(
                f"table {table}", f"the trigger {name}, which keeps entries from being changed, is gone"
            )


def check_chain(session: Session) -> Iterator[Finding]:
    """Follow every book from its first entry to its head."""
    for book in session.exec(select(Book)).all():
        mark, before = chain.Mark(), None
        while mark != before:
            before = mark
            mark, broken = chain.follow(session, mark, book.id)
            for one in broken:
                yield Finding(f"book {book.id}, entry {one.seq} ({one.entry})", one.problem)
        if (mark.seq, mark.hash) != (book.seq, book.hash):
            yield Finding(f"book {book.id}", f"it ends at entry {mark.seq}, but {book.seq} were posted")


def check_heads(session: Session) -> Iterator[Finding]:
    """Compare the books with the heads that were written outside of the database."""
    for head in heads.read(session.info[DATA]):
        query = select(LedgerEntry.hash).where(LedgerEntry.book == head.book, LedgerEntry.seq == head.seq)
        kept = session.exec(query).first()
        where = f"book {head.book}, entry {head.seq}"
        if kept is None:
            words = "it was posted and is gone: an older database was restored, or the book was cut"
        elif kept != head.hash:
            words = "another entry was posted in its place: a restored book went on, or it was rewritten"
        else:
            continue
        yield Finding(where, f"{words}. {AFTER_RESTORE}")
        return


def check_balances(session: Session) -> Iterator[Finding]:
    """Compare the kept balances with the sums of the postings."""
    account, commodity = col(LedgerPosting.account), col(LedgerPosting.commodity)
    sums = select(account, commodity, func.sum(LedgerPosting.amount_micro)).group_by(account, commodity)
    computed = {(name, unit): int(amount) for name, unit, amount in session.exec(sums)}
    kept = {(row.account, row.commodity): row.amount_micro for row in session.exec(select(AccountBalance))}
    for key in sorted(computed.keys() | kept.keys()):
        if computed.get(key, 0) != kept.get(key, 0):
            words = (
                f"the balance kept is {kept.get(key, 0)}, its postings sum to {computed.get(key, 0)} micro"
            )
            yield Finding(f"account {key[0]} ({key[1]})", words)


def check_tariffs(session: Session) -> Iterator[Finding]:
    """Compare each tariff version with the hash that was taken when it was added."""
    for version in session.exec(select(TariffVersion)):
        if hashlib.sha256(version.text.encode()).hexdigest() != version.sha256:
            yield Finding(f"tariff version {version.id}", "its text was changed after it was added")


def check_journals(session: Session) -> Iterator[Finding]:
    """Follow what was applied of every journal."""
    for head in session.exec(select(JournalHead)).all():
        seq, last = 0, GENESIS
        mine = select(JournalRecord).where(
            JournalRecord.gateway == head.gateway, JournalRecord.epoch == head.epoch
        )
        ordered = mine.order_by(col(JournalRecord.seq))
        while rows := session.exec(ordered.where(col(JournalRecord.seq) > seq).limit(_CHUNK)).all():
            for row in rows:
                if row.seq != seq + 1 or not _record_holds(row, last):
                    where = f"journal of {head.gateway}, epoch {row.epoch}, entry {row.seq}"
                    yield Finding(where, "it is not what was applied")
                seq, last = row.seq, row.hash
        if (seq, last) != (head.seq, head.hash):
            where = f"journal of {head.gateway}, epoch {head.epoch}"
            yield Finding(where, f"it ends at entry {seq}, but {head.seq} were applied")


def _record_holds(row: JournalRecord, last: str) -> bool:
    try:
        entry = JournalEntry.model_validate_json(row.body)
    except ValidationError:
        return False
    return entry.previous == last and entry_hash(last, row.epoch, entry) == row.hash


def _of_room(check: Callable[[Session], Iterator[tuple[str, str]]]) -> Check:
    """Return a room's own check as one of the doctor's."""
    return lambda session: (Finding(where, words) for where, words in check(session))


def letters_waiting(session: Session, now_ms: int) -> Iterator[str]:
    """Say whether letters and notices do not go out, which is no damage; `now_ms` is real time."""
    waiting, given_up = notices.stuck(session, now_ms)
    if waiting:
        yield f"{waiting} letters and notices wait for an hour or more: is [notices] right?"
    if given_up:
        yield f"{given_up} letters and notices were given up in the last 30 days."


CHECKS: tuple[Check, ...] = (
    check_storage,
    check_chain,
    check_heads,
    check_balances,
    _of_room(billing.check_charges),
    _of_room(billing.check_histories),
    _of_room(billing.check_lots),
    _of_room(billing.check_funds),
    _of_room(accounts.check_months),
    _of_room(sites.check_clearing),
    _of_room(documents.check_invoices),
    _of_room(badges.check_masters),
    _of_room(training.check_skills),
    _of_room(training.check_used),
    _of_room(audit.check_chain),
    check_tariffs,
    check_journals,
)

"""Opening balances from another system: a CSV of members, amounts and days, previewed and imported once.

Columns: `number` (the member's), `commodity`, `amount` (> 0: owes, < 0: has in credit) and `as_of` (a day).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, select

from booking_api.db import zone_of
from booking_api.ledger.accounts import OPENING, member_account
from booking_api.ledger.models import LedgerPosting
from booking_api.members.models import Member
from booking_api.payments import books
from booking_api.periods.calendar import open_from_ms
from floor.errors import PeerError
from floor.ledger import EntryKind, Posting
from floor.money import parse

COLUMNS = ("number", "commodity", "amount", "as_of")
ROWS_MAX = 100_000
AMOUNT_MAX_MICRO = 10**16
BYTES_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file. `problem` and `remedy` are empty for a good one; `known` one is posted already."""

    line: int
    number: str
    account: str = ""
    commodity: str = ""
    amount_micro: int = 0
    as_of: str = ""
    known: bool = False
    problem: str = ""
    remedy: str = ""


def read(session: Session, data: bytes, now_ms: int) -> list[Row]:
    """Return every line of a file with what is wrong with it; raises PeerError for what is no such file."""
    if len(data) > BYTES_MAX:
        raise PeerError("The file is larger than 16 MiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PeerError("The file is not UTF-8 text. Save it as UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    accounts = {number: account for number, account in session.exec(select(Member.number, Member.account))}
    rows: list[Row] = []
    seen: set[tuple[str, str]] = set()
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise PeerError(f"The file has no column {missing[0]!r}. Its first line is: {','.join(COLUMNS)}")
        for cells in reader:
            row = _row(reader.line_num, cells, accounts)
            if not row.problem:
                row = _against_books(session, row, seen, now_ms)
                seen.add((row.account, row.commodity))
            rows.append(row)
            if len(rows) > ROWS_MAX:
                raise PeerError(f"The file has more than {ROWS_MAX} lines. Split it.")
    except csv.Error as error:
        raise PeerError(f"Line {reader.line_num}: {error}.") from error
    return rows


def post(session: Session, rows: list[Row], author: str, now_ms: int) -> int:
    """Post the lines that are new, and return how many; raises PeerError when any line is wrong."""
    wrong = [row for row in rows if row.problem]
    if wrong:
        raise PeerError(f"Line {wrong[0].line}: {wrong[0].problem}. {wrong[0].remedy} Nothing was imported.")
    posted = 0
    for row in rows:
        if row.known or not row.amount_micro:
            continue
        postings = (
            Posting(member_account(row.account), row.commodity, row.amount_micro),
            Posting(OPENING, row.commodity, -row.amount_micro),
        )
        books.post(
            session,
            EntryKind.OPENING,
            postings,
            author,
            now_ms,
            source=_source(row),
            memo=f"opening balance as of {row.as_of}",
            occurred_ms=_day_ms(session, row.as_of),
        )
        posted += 1
    return posted


def _row(line: int, cells: dict[str, str], accounts: dict[str, str]) -> Row:
    number, commodity, amount, as_of = ((cells.get(name) or "").strip() for name in COLUMNS)
    bare = Row(line, number)
    if number not in accounts:
        return _wrong(bare, f"there is no member {number[:40]!r}", "Admit the member first, or correct it.")
    if not (commodity.isascii() and commodity.isalnum() and len(commodity) <= 16):
        return _wrong(bare, f"{commodity[:20]!r} is no commodity", "Write one such as EUR.")
    try:
        micro = parse(amount)
        if abs(micro) > AMOUNT_MAX_MICRO:
            raise ValueError
    except ValueError:
        return _wrong(bare, f"{amount[:20]!r} is no amount", "Write it like -12.50, with a point.")
    try:
        day = date.fromisoformat(as_of)
    except ValueError:
        return _wrong(bare, f"{as_of[:20]!r} is no day", "Write it like 2026-09-30.")
    if not 1990 <= day.year <= 2200:
        return _wrong(bare, f"{as_of[:20]!r} is not a day of this time", "Write it like 2026-09-30.")
    return Row(line, number, accounts[number], commodity, micro, day.isoformat())


def _against_books(session: Session, row: Row, seen: set[tuple[str, str]], now_ms: int) -> Row:
    """Say what the books say of a line: posted already, or in a time that they cannot take."""
    if (row.account, row.commodity) in seen:
        return _wrong(row, "the account and commodity stand twice", "Keep one line for each.")
    day_ms = _day_ms(session, row.as_of)
    if day_ms > now_ms:
        return _wrong(row, "the day is still to come", "Write the day as of which the balance holds.")
    entry = books.posted(session, _source(row))
    if entry is not None:
        account = member_account(row.account)
        query = select(LedgerPosting.amount_micro).where(
            LedgerPosting.entry == entry.id, LedgerPosting.account == account
        )
        if session.exec(query).first() == row.amount_micro:
            return Row(
                row.line, row.number, row.account, row.commodity, row.amount_micro, row.as_of, known=True
            )
        return _wrong(row, "another opening balance is posted", "Correct it by a payment or a charge.")
    if day_ms < open_from_ms(session):
        return _wrong(row, "the month is closed", "Write a day of an open month.")
    return row


def _wrong(row: Row, problem: str, remedy: str) -> Row:
    return Row(row.line, row.number, problem=problem, remedy=remedy)


def _source(row: Row) -> str:
    return f"opening:{row.account}:{row.commodity}"


def _day_ms(session: Session, day: str) -> int:
    begin = date.fromisoformat(day)
    zone = zone_of(session)
    return round(datetime(begin.year, begin.month, begin.day, tzinfo=zone).timestamp() * 1000)

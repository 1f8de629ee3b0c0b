"""Lines of the bank: kept once, posted where they name an account beyond doubt, else assigned by a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import Session, col, func, or_, select

from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import BANK, BANK_CHARGES, CASH, TRANSIT, member_account, provider_account
from booking_api.payments import books, returns
from booking_api.payments.booking import Booking, keyed
from booking_api.payments.matching import Match, Register, match, read_register
from booking_api.payments.models import BankLine, LineState
from floor.errors import Refused
from floor.ledger import EntryKind, Posting
from floor.money import Commodity, plain

PLACES = {
    "transit": TRANSIT,
    "cash": CASH,
    "charges": BANK_CHARGES,
    "card": provider_account("card"),
    "stripe": provider_account("stripe"),
}
"""Where a line may be assigned to that is nobody's payment: our own money on its way, and what banks take."""


@dataclass(slots=True)
class Imported:
    """What came of a file: how many lines were new, known before, posted, and how many wait for a person."""

    new: int = 0
    known: int = 0
    posted: int = 0
    waiting: int = 0
    lines: list[BankLine] = field(default_factory=list)


def take(
    session: Session, bookings: Sequence[Booking], currency: Commodity, author: str, now_ms: int, file: str
) -> Imported:
    """Keep the new lines and post those that name an account; the same file again changes nothing."""
    books.hold(session)
    register = read_register(session, currency.code)
    done = Imported()
    for reference, content, booking in keyed(bookings):
        key = _free_key(session, reference, content, booking)
        if key is None:
            done.known += 1
            continue
        line = _line(key, booking, author, now_ms, file)
        session.add(line)
        session.flush()
        done.new += 1
        done.lines.append(line)
        _settle(session, line, register, currency, author, now_ms)
        done.posted += line.state is LineState.POSTED
        done.waiting += line.state is LineState.OPEN
    session.flush()
    return done


def get(session: Session, id: str) -> BankLine:
    """Return a line; raises Refused when there is none."""
    line = session.get(BankLine, id, populate_existing=True)
    if line is None:
        raise Refused("line_not_found", "There is no such line of the bank.")
    return line


def assign(session: Session, id: str, target: str, currency: Commodity, author: str, now_ms: int) -> BankLine:
    """Post an open line to an account (by id, member number or email), or to one of `PLACES`.

    Raises Refused for a line that is posted, for another currency, and for an account that there is not.
    """
    books.hold(session)
    line = get(session, id)
    _check_open(line)
    if line.commodity != currency.code:
        raise Refused("currency_other", "This line is in another currency than the books.")
    place = PLACES.get(target.strip().lower())
    if place is not None:
        _post(session, line, place, EntryKind.TRANSFER, author, now_ms)
        line.account, line.words = place, ""
        return line
    account = books.find_account(session, target)
    _pay(session, line, account, "", currency, author, now_ms)
    return line


def ignore(session: Session, id: str, reason: str) -> BankLine:
    """Take that a line is none of ours; raises Refused for a posted one, and without a reason."""
    line = get(session, id)
    _check_open(line)
    if not reason.strip():
        raise Refused("reason_missing", "Say why this line is none of ours.")
    line.state, line.words = LineState.IGNORED, reason.strip()[:300]
    session.add(line)
    return line


def release(session: Session, id: str, reason: str, author: str, now_ms: int) -> BankLine:
    """Open a line again that was assigned wrongly or ignored; what it posted is reversed."""
    books.hold(session)
    line = get(session, id)
    if line.state is LineState.OPEN:
        raise Refused("line_open", "This line is open already.")
    if line.returned or returns.collected_by(session, line):
        raise Refused("line_debit", "This line is of direct debits. The bank's return reverses them.")
    if line.entry is not None:
        if books.reversed_by(session, line.entry) is None:
            ledger.reverse(session, line.entry, reason, author, now_ms)
        line.entry = None
    line.state, line.account, line.words = LineState.OPEN, None, reason.strip()[:300]
    session.add(line)
    session.flush()
    return line


def waiting(session: Session, limit: int = 200) -> list[BankLine]:
    """Return the lines that wait for a person, oldest first."""
    query = select(BankLine).where(BankLine.state == LineState.OPEN)
    return list(session.exec(query.order_by(col(BankLine.day), col(BankLine.id)).limit(limit)))


def done(session: Session, limit: int = 50) -> list[BankLine]:
    """Return the lines that were posted or ignored last, newest first."""
    query = select(BankLine).where(BankLine.state != LineState.OPEN)
    return list(session.exec(query.order_by(col(BankLine.day).desc(), col(BankLine.id).desc()).limit(limit)))


def _free_key(session: Session, reference: str, content: str, booking: Booking) -> str | None:
    """Return the key for a new line, None when it is known. Banks do give one reference to two bookings."""
    keys = or_(col(BankLine.reference) == reference, col(BankLine.reference) == content)
    known = session.exec(select(BankLine).where(keys)).all()
    same = [one for one in known if (one.day, one.amount_micro) == (booking.day, booking.amount_micro)]
    if same or any(one.reference == content for one in known):
        return None
    return content if known else reference


def _line(key: str, booking: Booking, author: str, now_ms: int, file: str) -> BankLine:
    return BankLine(
        id=make_id(now_ms),
        reference=key,
        day=booking.day,
        amount_micro=booking.amount_micro,
        commodity=booking.commodity,
        name=booking.name,
        iban=booking.iban,
        remittance=booking.remittance,
        end_to_end=booking.end_to_end,
        batch=booking.batch,
        returned=booking.returned,
        reason=booking.reason,
        file=file[-200:],
        imported_ms=now_ms,
        author=author,
    )


def _settle(
    session: Session, line: BankLine, register: Register, currency: Commodity, author: str, now_ms: int
) -> None:
    """Do with a new line what it says beyond doubt."""
    if line.commodity != currency.code:
        line.words = "another currency"
        return
    if returns.settle(session, line, _day_ms(session, line), author, now_ms):
        return
    if line.amount_micro <= 0 or line.returned:
        line.words = "goes out" if line.amount_micro <= 0 else "was returned"
        return
    found: Match = match(register, line.remittance, line.name, line.amount_micro)
    line.account, line.words = found.account, found.words
    if found.exact and found.account is not None:
        _pay(session, line, found.account, found.words, currency, author, now_ms)


def _pay(
    session: Session,
    line: BankLine,
    account: str,
    words: str,
    currency: Commodity,
    author: str,
    now_ms: int,
) -> None:
    """Post a line to an account, and say what it left open, or brought into credit."""
    owed = books.owed_micro(session, account, line.commodity)
    kind = EntryKind.PAYMENT if line.amount_micro > 0 else EntryKind.REFUND
    _post(session, line, member_account(account), kind, author, now_ms)
    left = owed - line.amount_micro
    more = ""
    if left > 0:
        more = f"{plain(left, currency)} still open"
    elif left < 0:
        more = f"{plain(-left, currency)} in credit"
    line.account, line.words = account, "; ".join(word for word in (words, more) if word)[:300]
    session.add(line)


def _post(session: Session, line: BankLine, other: str, kind: EntryKind, author: str, now_ms: int) -> None:
    postings = (
        Posting(BANK, line.commodity, line.amount_micro),
        Posting(other, line.commodity, -line.amount_micro),
    )
    sealed = books.post(
        session,
        kind,
        postings,
        author,
        now_ms,
        source=_source(session, line),
        memo=line.remittance.replace("\n", " ")[:200],
        occurred_ms=_day_ms(session, line),
    )
    line.entry, line.state = sealed.entry.id, LineState.POSTED
    session.add(line)
    session.flush()


def _source(session: Session, line: BankLine) -> str:
    """Return the cause's name; a line that was released and assigned anew is posted under the next one."""
    base = f"bank:{line.id}"
    n = 1
    while books.posted(session, base if n == 1 else f"{base}#{n}") is not None:
        n += 1
    return base if n == 1 else f"{base}#{n}"


def _day_ms(session: Session, line: BankLine) -> int:
    """Return the begin of the booking's day on the space's clock, in UTC milliseconds."""
    day = date.fromisoformat(line.day)
    return round(datetime(day.year, day.month, day.day, tzinfo=zone_of(session)).timestamp() * 1000)


def _check_open(line: BankLine) -> None:
    if line.state is not LineState.OPEN:
        raise Refused("line_done", "This line is posted or ignored already.")


def count_waiting(session: Session) -> int:
    """Return how many lines wait for a person."""
    query = select(func.count()).select_from(BankLine).where(BankLine.state == LineState.OPEN)
    return session.exec(query).one()

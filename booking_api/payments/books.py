"""What every kind of payment does with the books: find the account, hold the book, post one entry."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlmodel import Session, col, or_, select

from booking_api.accounts.models import Account
from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import CASH, TRANSIT, member_account, provider_account
from booking_api.ledger.models import MAIN_BOOK, LedgerEntry
from booking_api.members.models import Member
from booking_api.members.names import whole
from booking_api.periods.calendar import open_from_ms
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting, Sealed
from floor.money import Commodity

PAYMENT_MAX_MICRO = 1_000_000_000_000
"""The most that one payment may be, in micro-units: a million, beyond which somebody mistyped."""


class Means(StrEnum):
    """How money changes hands at the desk: coins and notes, the card terminal, a transfer by the bank."""

    CASH = "cash"
    CARD = "card"
    BANK = "bank"


PLACES = {Means.CASH: CASH, Means.CARD: provider_account("card"), Means.BANK: TRANSIT}
"""Where money lies that came or went so; a transfer is under way until the bank's line of it is assigned."""


def hold(session: Session) -> None:
    """Lock the book until the transaction ends: balances that are read after it stay as they are."""
    ledger.hold(session)


def post(
    session: Session,
    kind: EntryKind,
    postings: Sequence[Posting],
    author: str,
    now_ms: int,
    *,
    source: str = "",
    memo: str = "",
    occurred_ms: int | None = None,
) -> Sealed:
    """Post one entry. What occurred in a closed month is booked where the open ones begin."""
    id = make_id(now_ms)
    happened = now_ms if occurred_ms is None else occurred_ms
    entry = Entry(
        id=id,
        kind=kind,
        source=source or f"{kind}:{id}",
        occurred_ms=max(happened, open_from_ms(session)),
        posted_ms=now_ms,
        postings=tuple(posting for posting in postings if posting.amount_micro),
        author=author,
        memo=memo.replace("\x00", "")[:200],
    )
    return ledger.post(session, [entry])[0]


def posted(session: Session, source: str) -> LedgerEntry | None:
    """Return the entry that a cause has posted before, None for none."""
    query = select(LedgerEntry).where(LedgerEntry.book == MAIN_BOOK, LedgerEntry.source == source)
    return session.exec(query).first()


def reversed_by(session: Session, entry: str) -> LedgerEntry | None:
    """Return the reversal of an entry, None while it stands."""
    return posted(session, f"reversal:{entry}")


def find_account(session: Session, text: str) -> str:
    """Return the account of this id, or of the member with this number, email or id; raises Refused."""
    wanted = text.replace("\x00", "").strip()
    known = session.get(Account, wanted)
    if known is not None:
        return known.id
    same = or_(col(Member.number) == wanted, col(Member.id) == wanted, col(Member.account) == wanted)
    member = session.exec(select(Member).where(same)).first()
    if member is None and "@" in wanted:
        member = session.exec(select(Member).where(col(Member.email).ilike(_literal(wanted), "\\"))).first()
    if member is None:
        raise Refused("account_not_found", "There is no such account or member.")
    return member.account


def name_of(session: Session, account: str) -> str:
    """Return what an account is called: the person's name, or the team's."""
    member = session.exec(select(Member).where(Member.account == account)).first()
    if member is not None:
        return member.whole_name
    kept = session.get(Account, account)
    return kept.name if kept else account


def names(session: Session) -> dict[str, str]:
    """Return what every account is called, as `name_of` does."""
    people = select(Member.account, Member.first_name, Member.last_name)
    found = dict(session.exec(select(Account.id, Account.name)).all())
    return found | {account: whole(first, last) for account, first, last in session.exec(people)}


def owed_micro(session: Session, account: str, commodity: str) -> int:
    """Return what an account owes (> 0) or has in credit (< 0), in micro-units."""
    return ledger.balance(session, member_account(account), commodity)


def check_amount(amount_micro: int, currency: Commodity) -> None:
    """Raise Refused for nothing, for less than the smallest coin, and for more than anybody pays."""
    if not 0 < amount_micro <= PAYMENT_MAX_MICRO or amount_micro % currency.minor_micro:
        raise Refused("amount_malformed", "Write an amount of more than 0, like 12.50.")


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

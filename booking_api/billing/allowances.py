"""What is done with allowances: granted, given to another account, and over when they expire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import literal
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.billing.lots import Shelf, bought, shelves
from booking_api.billing.models import AllowanceLot
from booking_api.clock import make_id
from booking_api.gateways.changes import Subject, changed, who_charge
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import MOVED, expired_account, lot_account
from booking_api.ledger.models import AccountBalance
from booking_api.periods.calendar import open_from_ms
from floor.allowance import Lot
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting, Sealed
from floor.money import MICRO

UNITS_MAX = 10**9


@dataclass(frozen=True, slots=True)
class LotLeft:
    """A lot of an account and how many units are left in it; times are UTC milliseconds."""

    id: str
    commodity: str
    left: Fraction
    size: Fraction
    granted_ms: int
    expires_ms: int | None
    transferable: bool
    origin: str


def lots(session: Session, account: str, now_ms: int) -> list[LotLeft]:
    """Return the lots of an account in which something is left, in the order in which use draws from them."""
    rows = session.exec(select(AllowanceLot).where(AllowanceLot.account == account)).all()
    shelf = shelves(session, [account]).get(account, Shelf(account))
    by_id = {row.id: row for row in rows}
    good = [lot for lot in shelf.lots.values() if lot.left_micro > 0 and lot.good(now_ms, now_ms)]
    return [
        LotLeft(
            lot.id,
            lot.name,
            Fraction(lot.left_micro, MICRO),
            Fraction(by_id[lot.id].size_micro, MICRO),
            lot.granted_ms,
            lot.expires_ms,
            by_id[lot.id].transferable,
            by_id[lot.id].origin,
        )
        for lot in sorted(good, key=lambda lot: (lot.name, lot.order))
    ]


def grant(
    session: Session,
    account: str,
    commodity: str,
    amount: Fraction,
    expires_ms: int | None,
    transferable: bool,
    origin: str,
    author: str,
    now_ms: int,
) -> AllowanceLot:
    """Put units of an allowance on an account; the same `origin` is granted once.

    `commodity` is the shared name of the components that may draw from it, else `TARIFF/COMPONENT`; `amount`
    is in their unit. Raises Refused for no account, and for an amount that is none.
    """
    ledger.hold(session)
    known = session.exec(select(AllowanceLot).where(AllowanceLot.origin == origin)).first()
    if known is not None:
        return known
    _check_account(session, account)
    if expires_ms is not None and expires_ms <= now_ms:
        raise Refused("allowance_expired", "It would have expired already.")
    made = Lot(make_id(now_ms), commodity, _micro(amount), now_ms, expires_ms, transferable)
    row = _add(session, account, made, origin)
    _post(session, EntryKind.GRANT, f"grant:{origin}", bought(account, made), now_ms, now_ms, author)
    tell(session, [account], now_ms)
    return row


def transfer(
    session: Session, lot: str, to_account: str, amount: Fraction, author: str, now_ms: int
) -> AllowanceLot:
    """Give units of a lot to another account; they expire when they would have.

    Raises Refused when the lot may not be given on, or holds less.
    """
    ledger.hold(session)
    row = session.get(AllowanceLot, lot)
    if row is None:
        raise Refused("allowance_not_found", f"There is no allowance {lot}.")
    if not row.transferable:
        raise Refused("allowance_not_transferable", "This allowance cannot be given to another account.")
    if row.expires_ms is not None and row.expires_ms <= now_ms:
        raise Refused("allowance_expired", "This allowance has expired.")
    _check_account(session, to_account)
    if row.account == to_account:
        raise Refused("allowance_same_account", "It is on this account already.")
    units = _micro(amount)
    mine = lot_account(row.account, lot)
    if ledger.balance(session, mine, row.commodity) < units:
        raise Refused("allowance_too_little", "Less than that is left of it.")
    made = Lot(make_id(now_ms), row.commodity, units, now_ms, row.expires_ms, True)
    added = _add(session, to_account, made, f"transfer:{made.id}")
    postings = [
        Posting(mine, row.commodity, -units),
        Posting(MOVED, row.commodity, units),
        Posting(MOVED, row.commodity, -units),
        Posting(lot_account(to_account, made.id), row.commodity, units),
    ]
    _post(session, EntryKind.TRANSFER, f"transfer:{made.id}", postings, now_ms, now_ms, author)
    tell(session, [row.account, to_account], now_ms)
    return added


def expire_lots(session: Session, now_ms: int) -> list[Sealed]:
    """Take what is left of lots that have expired off their accounts; what is over is over once."""
    ledger.hold(session)
    account = literal(lot_account("", "")[:-1]) + col(AllowanceLot.account) + ":" + col(AllowanceLot.id)
    over = (
        select(AllowanceLot, AccountBalance.amount_micro)
        .join(AccountBalance, col(AccountBalance.account) == account)
        .where(col(AllowanceLot.expires_ms) <= now_ms, AccountBalance.amount_micro > 0)
        .order_by(col(AllowanceLot.expires_ms), col(AllowanceLot.id))
    )
    open_ms = open_from_ms(session)
    entries = []
    for row, left in session.exec(over).all():
        postings = [
            Posting(lot_account(row.account, row.id), row.commodity, -left),
            Posting(expired_account(row.id), row.commodity, left),
        ]
        at_ms = max(row.expires_ms or 0, open_ms)
        source = f"expiry:{row.id}:{make_id(now_ms)}"
        entries.append(_entry(EntryKind.EXPIRY, source, postings, at_ms, now_ms, "system"))
    return ledger.post(session, entries)


def tell(session: Session, accounts: Iterable[str], now_ms: int) -> None:
    """Record that gateways must learn what these accounts hold now."""
    for member in who_charge(session, set(accounts)):
        changed(session, Subject.MEMBER, member, now_ms)


def _micro(amount: Fraction) -> int:
    units = amount * MICRO
    if units.denominator != 1 or not 0 < amount <= UNITS_MAX:
        raise Refused("allowance_invalid", "An allowance is more than 0 units, with at most six decimals.")
    return int(units)


def _check_account(session: Session, account: str) -> None:
    if session.get(Account, account) is None:
        raise Refused("account_not_found", f"There is no account {account}.")


def _add(session: Session, account: str, lot: Lot, origin: str) -> AllowanceLot:
    row = AllowanceLot(
        id=lot.id,
        account=account,
        commodity=lot.name,
        size_micro=lot.left_micro,
        granted_ms=lot.granted_ms,
        expires_ms=lot.expires_ms,
        transferable=lot.transferable,
        origin=origin,
    )
    session.add(row)
    session.flush()
    return row


def _post(
    session: Session,
    kind: EntryKind,
    source: str,
    postings: list[Posting],
    at_ms: int,
    now_ms: int,
    author: str,
) -> None:
    ledger.post(session, [_entry(kind, source, postings, at_ms, now_ms, author)])


def _entry(
    kind: EntryKind, source: str, postings: list[Posting], at_ms: int, now_ms: int, author: str
) -> Entry:
    return Entry(make_id(now_ms), kind, source, at_ms, now_ms, tuple(postings), author=author)

"""At the cash desk: money onto an account, credit back, and the space's own units for money."""

from __future__ import annotations

from fractions import Fraction

from sqlmodel import Session

from booking_api.ledger.accounts import CONVERSION, member_account
from booking_api.payments import books, drawer
from booking_api.payments.books import PLACES, Means
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.ledger import EntryKind, Posting, Sealed
from floor.money import MICRO, Commodity, round_fraction, round_to


def top_up(
    session: Session,
    account: str,
    amount_micro: int,
    currency: Commodity,
    means: Means,
    author: str,
    now_ms: int,
    memo: str = "",
    key: str = "",
) -> Sealed:
    """Take money onto an account, a member's, a team's or a guest's. `key` posts once.

    Raises Refused for cash while the drawer is closed, and for what is no amount.
    """
    books.check_amount(amount_micro, currency)
    books.hold(session)
    _check_drawer(session, means)
    postings = (
        Posting(PLACES[means], currency.code, amount_micro),
        Posting(member_account(account), currency.code, -amount_micro),
    )
    source = f"payment:{key}" if key else ""
    return books.post(session, EntryKind.PAYMENT, postings, author, now_ms, source=source, memo=memo)


def refund(
    session: Session,
    account: str,
    amount_micro: int,
    currency: Commodity,
    means: Means,
    author: str,
    now_ms: int,
    memo: str = "",
) -> Sealed:
    """Give credit back, never more than is in credit; by the bank it is under way until its line is assigned.

    Raises Refused for more than is in credit, and for cash while the drawer is closed.
    """
    books.check_amount(amount_micro, currency)
    books.hold(session)
    _check_drawer(session, means)
    credit_micro = -books.owed_micro(session, account, currency.code)
    if amount_micro > credit_micro:
        raise Refused("credit_too_small", "The account has not so much in credit.")
    postings = (
        Posting(member_account(account), currency.code, amount_micro),
        Posting(PLACES[means], currency.code, -amount_micro),
    )
    return books.post(session, EntryKind.REFUND, postings, author, now_ms, memo=memo)


def worths_micro(session: Session, currency: Commodity, now_ms: int) -> dict[str, int]:
    """Return what one of each of the space's own units costs, by the tariffs in force (`[worth]`).

    A unit of which two tariffs say different things is left out.
    """
    by_tariff: dict[str, tuple[str, int]] = {}
    for version in sorted(tariffs.listed(session), key=lambda one: one.valid_from_ms):
        if version.valid_from_ms > now_ms:
            continue
        tariff = tariffs.parsed(version.text, version.id)
        by_tariff.pop(version.tariff, None)
        if tariff.worth and tariff.worth.commodity == currency.code:
            by_tariff[version.tariff] = (tariff.commodity.code, tariff.worth.amount_micro)
    said: dict[str, set[int]] = {}
    for unit, amount_micro in by_tariff.values():
        said.setdefault(unit, set()).add(amount_micro)
    return {unit: amounts.pop() for unit, amounts in sorted(said.items()) if len(amounts) == 1}


def worth_micro(session: Session, unit: str, currency: Commodity, now_ms: int) -> int:
    """Return what one of the units costs; raises Refused when no tariff says so, or two differ."""
    found = worths_micro(session, currency, now_ms).get(unit)
    if found is None:
        raise Refused(
            "unit_not_sold", "No tariff in force says what one of these units costs, or two differ."
        )
    return found


def price_of_units_micro(session: Session, unit: str, count: int, currency: Commodity, now_ms: int) -> int:
    """Return what `count` of the space's own units cost, rounded to the smallest coin."""
    if not 0 < count <= 1_000_000:
        raise Refused("count_malformed", "Buy 1 unit or more.")
    return round_to(worth_micro(session, unit, currency, now_ms) * count, currency.minor_micro)


def buy_units(
    session: Session,
    account: str,
    unit: str,
    count: int,
    currency: Commodity,
    means: Means | None,
    author: str,
    now_ms: int,
) -> Sealed:
    """Sell the space's own units by what the tariff says that they are worth; means None: on the account.

    Each side balances for itself through equity:conversion. Raises Refused as `worth_micro` does.
    """
    cost = price_of_units_micro(session, unit, count, currency, now_ms)
    books.hold(session)
    if means is not None:
        _check_drawer(session, means)
    payer = PLACES[means] if means is not None else member_account(account)
    postings = (
        Posting(payer, currency.code, cost),
        Posting(CONVERSION, currency.code, -cost),
        Posting(CONVERSION, unit, count * MICRO),
        Posting(member_account(account), unit, -count * MICRO),
    )
    memo = f"{count} {unit}"
    return books.post(session, EntryKind.CONVERSION, postings, author, now_ms, memo=memo)


def tax_in(total_micro: int, rate: Fraction, currency: Commodity) -> int:
    """Return the tax that a price contains, rounded half up to the smallest coin."""
    return round_to(round_fraction(Fraction(total_micro) * rate / (1 + rate)), currency.minor_micro)


def _check_drawer(session: Session, means: Means) -> None:
    if means is Means.CASH:
        drawer.needed(session)

"""Sales of materials and consumables: to an account, or for cash or card at the desk."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import ROUNDING, TAX, member_account, sale_income
from booking_api.members.models import Member
from booking_api.payments import books, desk, drawer, items, limits
from booking_api.payments.books import PLACES, Means
from booking_api.payments.models import Sale, SaleItem
from booking_api.periods.calendar import month_at
from floor.errors import Refused
from floor.ledger import EntryKind, Posting
from floor.money import Commodity, round_fraction, round_to

QUANTITY_MAX_MILLI = 10_000_000


@dataclass(frozen=True, slots=True)
class Basket:
    """What is sold to whom: thousandths of the item's unit, on an account, or paid at once (`means`)."""

    item: str
    quantity_milli: int
    account: str | None = None
    member: str | None = None
    means: Means | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a quantity costs: `exact_micro` before it was rounded, and the tax within the rounded total."""

    exact_micro: int
    total_micro: int
    tax_micro: int

    @property
    def net_micro(self) -> int:
        """What is left of the total without the tax."""
        return self.total_micro - self.tax_micro


def price(item: SaleItem, quantity_milli: int, currency: Commodity) -> Price:
    """Return what a quantity costs: rounded once, half up, to the smallest coin; so is the tax within."""
    exact = round_fraction(Fraction(item.price_micro * quantity_milli, 1000))
    total = round_to(exact, currency.minor_micro)
    return Price(exact, total, desk.tax_in(total, Fraction(item.tax_rate), currency))


def sell(session: Session, basket: Basket, currency: Commodity, author: str, now_ms: int) -> Sale:
    """Sell; the stock goes down, and the sale stands on the account's statement.

    Raises Refused for what is not for sale, for no quantity, and for cash while the drawer is closed.
    """
    books.hold(session)
    item = items.get(session, basket.item)
    _check(session, item, basket)
    cost = price(item, basket.quantity_milli, currency)
    if cost.total_micro <= 0:
        raise Refused("quantity_malformed", "Write how much, like 2 or 0.5.")
    payer = PLACES[basket.means] if basket.means else member_account(str(basket.account))
    postings = (
        Posting(payer, currency.code, cost.total_micro),
        Posting(sale_income(item.id), currency.code, cost.tax_micro - cost.exact_micro),
        Posting(TAX, currency.code, -cost.tax_micro),
        Posting(ROUNDING, currency.code, cost.exact_micro - cost.total_micro),
    )
    memo = f"{shown(basket.quantity_milli)} {item.unit} {item.name}"
    sealed = books.post(session, EntryKind.SALE, postings, author, now_ms, memo=memo)
    occurred_ms = sealed.entry.occurred_ms
    sale = Sale(
        entry=sealed.entry.id,
        item=item.id,
        account=None if basket.means else basket.account,
        member=basket.member,
        means=basket.means,
        name=item.name,
        name_zh=item.name_zh,
        unit=item.unit,
        quantity_milli=basket.quantity_milli,
        price_micro=item.price_micro,
        tax_rate=item.tax_rate,
        net_micro=cost.net_micro,
        tax_micro=cost.tax_micro,
        total_micro=cost.total_micro,
        commodity=currency.code,
        month=month_at(occurred_ms, zone_of(session)),
        occurred_ms=occurred_ms,
        author=author,
    )
    session.add(sale)
    items.move(session, item, -basket.quantity_milli, author, f"sale {sealed.entry.id}", now_ms)
    return sale


def buy(
    session: Session,
    member: Member,
    account: str,
    item_id: str,
    quantity_milli: int,
    currency: Commodity,
    now_ms: int,
) -> Sale:
    """Let a member buy for an account that they may charge to, within what they may still spend on it.

    Raises Refused beyond that, while the account is overdue, and for what is sold at the desk only.
    """
    item = items.get(session, item_id)
    if not item.self_service:
        raise Refused("item_at_desk", "This is sold at the desk only.")
    books.hold(session)
    cost = price(item, quantity_milli, currency)
    limits.check(session, account, member, cost.total_micro, currency.code, now_ms)
    basket = Basket(item_id, quantity_milli, account, member.id)
    return sell(session, basket, currency, member.id, now_ms)


def cancel(session: Session, entry: str, reason: str, author: str, now_ms: int) -> Sale:
    """Take a sale back by its reversal: the stock is there again. Raises Refused the second time."""
    books.hold(session)
    sale = session.get(Sale, entry, populate_existing=True)
    if sale is None:
        raise Refused("sale_not_found", "There is no such sale.")
    if sale.cancelled_ms is not None:
        raise Refused("sale_cancelled", "This sale is cancelled already.")
    if not reason.strip():
        raise Refused("reason_missing", "Say why the sale is cancelled.")
    if sale.means == Means.CASH:
        drawer.needed(session)
    ledger.reverse(session, entry, reason, author, now_ms)
    sale.cancelled_ms = now_ms
    session.add(sale)
    item = items.get(session, sale.item)
    items.move(session, item, sale.quantity_milli, author, f"cancelled {entry}", now_ms)
    return sale


def of_account(session: Session, account: str, limit: int = 50) -> list[Sale]:
    """Return an account's sales, newest first."""
    query = select(Sale).where(Sale.account == account).order_by(col(Sale.entry).desc())
    return list(session.exec(query.limit(limit)))


def latest(session: Session, limit: int = 50) -> list[Sale]:
    """Return everybody's sales, newest first."""
    return list(session.exec(select(Sale).order_by(col(Sale.entry).desc()).limit(limit)))


def read_quantity(text: str) -> int:
    """Return thousandths of what was typed, such as "2" or "0,5"; raises Refused."""
    whole, point, decimals = text.strip().replace(",", ".").partition(".")
    digits = whole.isascii() and whole.isdigit() and len(whole) <= 5
    if point and not (decimals.isascii() and decimals.isdigit() and len(decimals) <= 3):
        digits = False
    if not digits:
        raise Refused("quantity_malformed", "Write how much, like 2 or 0.5.")
    return int(whole) * 1000 + int(decimals.ljust(3, "0") if decimals else 0)


def shown(quantity_milli: int) -> str:
    """Write a quantity for memos and commands."""
    whole, rest = divmod(quantity_milli, 1000)
    return f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)


def _check(session: Session, item: SaleItem, basket: Basket) -> None:
    if item.archived_ms is not None:
        raise Refused("item_not_found", "There is no such item.")
    if not 0 < basket.quantity_milli <= QUANTITY_MAX_MILLI:
        raise Refused("quantity_malformed", "Write how much, like 2 or 0.5.")
    if basket.means is Means.CASH:
        drawer.needed(session)
    if basket.means is None and basket.account is None:
        raise Refused("account_missing", "Say who buys, or how it is paid.")

"""Materials and consumables over HTTP: the list, its stock, and sales."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.idempotency import IdempotencyKey
from booking_api.members import service as members
from booking_api.payments import books, items, sales
from booking_api.payments.acting import acts_for
from booking_api.payments.books import Means
from booking_api.payments.items import ItemChanges, ItemDetails, Milli
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["payments"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Looks = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Acts = Annotated[Who, Depends(acts_for)]
Quantity = Annotated[int, Field(gt=0, le=sales.QUANTITY_MAX_MILLI, description="Thousandths of the unit.")]


class ItemSeen(ItemDetails):
    """An item with what is left of it."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")

    stock_milli: int | None = None  # less than 0 once more was sold than was counted
    commodity: str
    archived_ms: int | None


class StockDetails(BaseModel):
    """What is there now (`left_milli`), or what came in (`more_milli`), in thousandths of the unit."""

    left_milli: Milli | None = None
    more_milli: Annotated[int, Field(gt=0, lt=1 << 50)] | None = None
    reason: Annotated[str, Field(max_length=200)] = ""


class SaleDetails(BaseModel):
    """What is sold: to an account (its id, or a member's number), or paid at once by `means`."""

    item: str
    quantity_milli: Quantity
    account: Annotated[str, Field(max_length=64)] | None = None
    means: Means | None = None


class OwnSale(BaseModel):
    """What a member buys by themselves, for their own account or for another that they may charge to."""

    item: str
    quantity_milli: Quantity
    account: Annotated[str, Field(max_length=64)] = ""


class SaleSeen(BaseModel):
    """A sale, by its ledger entry. Amounts in micro-units, tax included in the total."""

    model_config = ConfigDict(from_attributes=True)

    entry: str
    item: str
    name: str
    unit: str
    account: str | None
    quantity_milli: int
    tax_rate: str
    net_micro: int
    tax_micro: int
    total_micro: int
    commodity: str
    occurred_ms: int
    author: str
    cancelled_ms: int | None


class Reason(BaseModel):
    """Why a sale is cancelled."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("/items")
def list_items(
    who: SignedIn, session: Reading, low: Annotated[bool, Query(description="Only what is low.")] = False
) -> list[ItemSeen]:
    """Return what is for sale, or what of it is low."""
    require(who, Permission.TARIFFS_READ)
    found = items.low(session) if low else items.listed(session)
    return [ItemSeen.model_validate(item) for item in found]


@router.put("/items/{id}")
def put_item(who: Writes, session: Writing, context: Ctx, id: str, details: ItemDetails) -> ItemSeen:
    """Add an item, or make the one of this id say this."""
    if details.id != id:
        raise Refused("id_malformed", "The id in the address and in the item differ.")
    now_ms = context.clock.now_ms()
    item = items.put(session, details, context.settings.currency.code, who.id, now_ms)
    return ItemSeen.model_validate(item)


@router.patch("/items/{id}")
def change_item(who: Writes, session: Writing, id: str, changes: ItemChanges) -> ItemSeen:
    """Change some of an item."""
    return ItemSeen.model_validate(items.change(session, id, changes))


@router.delete("/items/{id}", status_code=204)
def archive_item(who: Writes, session: Writing, context: Ctx, id: str) -> None:
    """Take an item off the list."""
    items.archive(session, id, context.clock.now_ms())


@router.post("/items/{id}/stock")
def set_stock(who: Writes, session: Writing, context: Ctx, id: str, details: StockDetails) -> ItemSeen:
    """Take a count or a delivery."""
    now_ms = context.clock.now_ms()
    if (details.left_milli is None) == (details.more_milli is None):
        raise Refused("count_malformed", "Write how much there is, like 12 or 0.5.")
    if details.left_milli is not None:
        item = items.count_stock(session, id, details.left_milli, who.id, details.reason, now_ms)
    else:
        item = items.deliver(session, id, details.more_milli or 0, who.id, details.reason, now_ms)
    return ItemSeen.model_validate(item)


@router.get("/sales")
def list_sales(
    who: SignedIn, session: Reading, account: Annotated[str, Query(max_length=64)] = ""
) -> list[SaleSeen]:
    """Return the last sales, of one's own account or of everybody's."""
    if account != who.member.account or not who.may(Permission.ME_READ):
        require(who, Permission.LEDGER_READ)
    found = sales.of_account(session, account) if account else sales.latest(session)
    return [SaleSeen.model_validate(sale) for sale in found]


@router.post("/sales", status_code=201)
def sell(who: Writes, session: Writing, context: Ctx, details: SaleDetails, key: IdempotencyKey) -> SaleSeen:
    """Sell at the desk."""
    account = books.find_account(session, details.account) if details.account else None
    basket = sales.Basket(details.item, details.quantity_milli, account, None, details.means)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    return SaleSeen.model_validate(sales.sell(session, basket, currency, who.id, now_ms))


@router.post("/members/{member}/sales", status_code=201)
def buy(
    who: Acts, session: Writing, context: Ctx, member: str, details: OwnSale, key: IdempotencyKey
) -> SaleSeen:
    """Buy for one's own account, within what may be spent on it."""
    buyer = members.get(session, member)
    account = details.account or buyer.account
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    quantity = details.quantity_milli
    sale = sales.buy(session, buyer, account, details.item, quantity, currency, now_ms)
    return SaleSeen.model_validate(sale)


@router.post("/sales/{entry}/cancel")
def cancel(who: Writes, session: Writing, context: Ctx, entry: str, details: Reason) -> SaleSeen:
    """Take a sale back by its reversal; the second time is refused."""
    sale = sales.cancel(session, entry, details.reason, who.id, context.clock.now_ms())
    return SaleSeen.model_validate(sale)

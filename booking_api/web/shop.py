"""Materials that members take by themselves, on a phone or at the kiosk, and paying online."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.clock import make_id
from booking_api.idempotency import once
from booking_api.ledger.endpoints import Posted
from booking_api.payments import books, items, limits, online, sales
from booking_api.payments.online_endpoints import begin_payment
from booking_api.web.pages import Paged
from booking_api.web.typed import Amount, Key, Text, read_amount

router = Router(include_in_schema=False)


@router.get("/shop")
def shop_page(who: SignedIn, page: Paged) -> Response:
    """Show what is for sale, what is left to spend, and what one took last."""
    require(who, Permission.ME_READ)
    context = page.context
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    with context.database.read() as session:
        account = who.member.account
        values: dict[str, object] = {
            "items": [item for item in items.listed(session) if item.self_service],
            "sales": sales.of_account(session, account, 10),
            "owed_micro": books.owed_micro(session, account, currency.code),
            "left_micro": limits.left_micro(session, account, who.id, currency.code, now_ms),
            "payments": online.of_account(session, account, 5),
            "quantity": sales.shown,
        }
    payments = context.settings.payments
    values |= {
        "online": bool(payments.stripe_key and payments.stripe_webhook_secret),
        "currency": currency.code,
        "key": make_id(context.wall.now_ms()),
    }
    return page.answer("shop.html", values)


@router.post("/shop/items")
def buy(
    who: SignedIn,
    session: Writing,
    page: Paged,
    item: Text,
    quantity: Annotated[str, Form(max_length=12)],
    key: Key,
) -> Response:
    """Take something onto one's own account."""
    require(who, Permission.ME_WRITE)
    milli, context = sales.read_quantity(quantity), page.context

    def act() -> Posted:
        currency, now_ms = context.settings.currency, context.clock.now_ms()
        sale = sales.buy(session, who.member, who.member.account, item, milli, currency, now_ms)
        return Posted(entry=sale.entry, seq=0, hash="")

    once(session, who.id, f"{key}-{item}", f"shop {item} {milli}", context.wall.now_ms(), Posted, act)
    return RedirectResponse("/shop?notice=sold", 303)


@router.post("/shop/pay")
async def pay(who: SignedIn, page: Paged, amount: Amount) -> Response:
    """Begin a payment online; the page leads on to the provider, as no form may."""
    require(who, Permission.ME_WRITE)
    begun = await begin_payment(page.context, who.id, read_amount(amount))
    values = {"url": begun.url, "amount_micro": read_amount(amount)}
    return page.answer("shop_pay.html", values | {"currency": page.context.settings.currency.code})

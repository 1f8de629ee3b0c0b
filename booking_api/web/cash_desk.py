"""The cash desk: the drawer, an account's money, sales, receipts; bank and shop have files of their own."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Query
from sqlmodel import Session, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.clock import make_id
from booking_api.idempotency import once
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.ledger.endpoints import Posted
from booking_api.ledger.models import LedgerEntry
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.payments import bank, books, desk, drawer, items, overdue, sales
from booking_api.payments.endpoints import posted
from booking_api.payments.models import Sale
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.typed import Amount, Key, Memo, Text, read_amount, read_means
from floor.errors import Refused

router = Router(include_in_schema=False)
Cashier = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Asked = Annotated[str, Query(max_length=100)]
FOUND_MAX = 12


@router.get("/desk")
def desk_page(who: Cashier, page: Paged, account: Asked = "", text: Asked = "") -> Response:
    """Show the desk: the drawer, who was looked for, and what was sold last."""
    with page.context.database.read() as session:
        found = members.listed(session, text, FOUND_MAX) if text else []
        if len(found) == 1 and not account:
            account = found[0].account
        open_drawer = drawer.current(session)
        values: dict[str, object] = {
            "text": text,
            "found": found,
            "account": _account(session, page, account) if account else None,
            "drawer": open_drawer,
            "contents": drawer.contents(session, open_drawer) if open_drawer else None,
            "items": items.listed(session),
            "low": items.low(session),
            "sales": sales.latest(session, 12),
            "waiting": bank.count_waiting(session),
            "quantity": sales.shown,
            "units": desk.worths_micro(session, page.context.settings.currency, page.context.clock.now_ms()),
        }
    values |= {"key": make_id(page.context.wall.now_ms()), "currency": page.context.settings.currency.code}
    return page.answer("cash_desk.html", values)


@router.post("/desk/drawer/open")
def open_drawer(who: Cashier, session: Writing, page: Paged, amount: Amount) -> Response:
    """Open the drawer with its float."""
    currency, now_ms = page.context.settings.currency.code, page.context.clock.now_ms()
    drawer.open_drawer(session, read_amount(amount), currency, who.id, now_ms)
    return RedirectResponse("/desk?notice=opened", 303)


@router.post("/desk/drawer/close")
def close_drawer(who: Cashier, session: Writing, page: Paged, amount: Amount, memo: Memo = "") -> Response:
    """Close the drawer with what was counted."""
    drawer.close_drawer(session, read_amount(amount), memo, who.id, page.context.clock.now_ms())
    return RedirectResponse("/desk?notice=closed", 303)


@router.post("/desk/accounts/{account}/top-up")
def top_up(
    who: Cashier,
    session: Writing,
    page: Paged,
    account: str,
    amount: Amount,
    means: Text,
    key: Key,
    memo: Memo = "",
) -> Response:
    """Take money onto an account; the form's key makes a second click post nothing, and shows the receipt."""
    micro, by = read_amount(amount), read_means(means)

    def act() -> Posted:
        target, context = books.find_account(session, account), page.context
        now_ms, currency = context.clock.now_ms(), context.settings.currency
        return posted(desk.top_up(session, target, micro, currency, by, who.id, now_ms, memo))

    request = f"top-up {account} {micro} {by} {memo}"
    done = once(session, who.id, key, request, page.context.wall.now_ms(), Posted, act)
    return RedirectResponse(f"/desk/receipts/{done.entry}?notice=taken", 303)


@router.post("/desk/accounts/{account}/refund")
def refund(
    who: Cashier,
    session: Writing,
    page: Paged,
    account: str,
    amount: Amount,
    means: Text,
    key: Key,
    memo: Memo = "",
) -> Response:
    """Give credit back."""
    micro, by = read_amount(amount), read_means(means)

    def act() -> Posted:
        target, context = books.find_account(session, account), page.context
        now_ms, currency = context.clock.now_ms(), context.settings.currency
        return posted(desk.refund(session, target, micro, currency, by, who.id, now_ms, memo))

    request = f"refund {account} {micro} {by} {memo}"
    done = once(session, who.id, key, request, page.context.wall.now_ms(), Posted, act)
    return RedirectResponse(f"/desk/receipts/{done.entry}?notice=refunded", 303)


@router.post("/desk/accounts/{account}/units")
def sell_units(
    who: Cashier,
    session: Writing,
    page: Paged,
    account: str,
    unit: Text,
    count: Annotated[int, Form(gt=0, le=1_000_000)],
    means: Text,
    key: Key,
) -> Response:
    """Sell the space's own units for money."""
    by = read_means(means)

    def act() -> Posted:
        target, context = books.find_account(session, account), page.context
        now_ms, currency = context.clock.now_ms(), context.settings.currency
        return posted(desk.buy_units(session, target, unit, count, currency, by, who.id, now_ms))

    request = f"units {account} {unit} {count} {by}"
    done = once(session, who.id, key, request, page.context.wall.now_ms(), Posted, act)
    return RedirectResponse(f"/desk/receipts/{done.entry}?notice=taken", 303)


@router.post("/desk/sales")
def sell(
    who: Cashier,
    session: Writing,
    page: Paged,
    item: Text,
    quantity: Annotated[str, Form(max_length=12)],
    means: Text,
    key: Key,
    account: Text = "",
) -> Response:
    """Sell to an account (`means` is "account"), or for cash or card."""
    milli = sales.read_quantity(quantity)
    by = None if means == "account" else read_means(means)

    def act() -> Posted:
        target = books.find_account(session, account) if account and by is None else None
        context = page.context
        basket = sales.Basket(item, milli, target, None, by)
        now_ms, currency = context.clock.now_ms(), context.settings.currency
        sale = sales.sell(session, basket, currency, who.id, now_ms)
        return Posted(entry=sale.entry, seq=0, hash="")

    request = f"sale {item} {milli} {account} {by}"
    done = once(session, who.id, key, request, page.context.wall.now_ms(), Posted, act)
    return RedirectResponse(f"/desk/receipts/{done.entry}?notice=sold", 303)


@router.post("/desk/sales/{entry}/cancel")
def cancel_sale(who: Cashier, session: Writing, page: Paged, entry: str, memo: Memo) -> Response:
    """Take a sale back."""
    sales.cancel(session, entry, memo, who.id, page.context.clock.now_ms())
    return RedirectResponse("/desk?notice=cancelled", 303)


@router.post("/desk/accounts/{account}/unblock")
def unblock(who: Cashier, session: Writing, page: Paged, account: str) -> Response:
    """Take a block away before what is due is paid."""
    if not overdue.lift(session, account, page.context.clock.now_ms()):
        raise Refused("block_not_found", "This account is not blocked.")
    return RedirectResponse(f"/desk?account={quote(account)}", 303)


@router.get("/desk/receipts/{entry}")
def receipt(who: SignedIn, page: Paged, entry: str) -> Response:
    """Show a receipt that can be printed: one's own, or anybody's for who keeps the books."""
    with page.context.database.read() as session:
        values = _receipt(session, who, entry)
    values["issuer"] = page.context.settings.invoice
    return page.answer("desk_receipt.html", values)


def _receipt(session: Session, who: Who, entry: str) -> dict[str, object]:
    row = session.get(LedgerEntry, entry)
    if row is None or row.kind not in {"payment", "refund", "sale", "conversion"}:
        raise Refused("receipt_not_found", "There is no such receipt.")
    postings = ledger.postings_of(session, [entry])[entry]
    prefix = member_account("")
    theirs = {one.account.removeprefix(prefix) for one in postings if one.account.startswith(prefix)}
    accounts = sorted(theirs)
    if theirs != {who.member.account} or not who.may(Permission.ME_READ):
        require(who, Permission.LEDGER_READ)
    money = next(one for one in postings if one.account.startswith("assets:"))
    author = session.get(Member, row.author)
    return {
        "entry": row,
        "sale": session.get(Sale, entry),
        "account": accounts[0] if accounts else "",
        "name": books.name_of(session, accounts[0]) if accounts else "",
        "amount_micro": abs(money.amount_micro),
        "commodity": money.commodity,
        "postings": postings,
        "author": author.shown_name or author.whole_name if author else row.author,
        "undone": books.reversed_by(session, entry) is not None,
        "quantity": sales.shown,
    }


def _account(session: Session, page: Page, account: str) -> dict[str, object]:
    currency = page.context.settings.currency.code
    id = books.find_account(session, account)
    owed = books.owed_micro(session, id, currency)
    member = session.exec(select(Member).where(Member.account == id)).first()
    return {
        "id": id,
        "name": books.name_of(session, id),
        "member": member,
        "owed_micro": owed,
        "credit_micro": max(0, -owed),
        "blocked": bool(overdue.blocked(session, {id}, page.context.clock.now_ms())),
    }

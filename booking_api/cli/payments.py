"""Commands for the cash desk and for what is sold there; the bank and debts have files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli import bank, debts
from booking_api.cli.base import app, desk, read_text, reading
from booking_api.cli.floor import AUTHOR
from booking_api.payments import books, items, price_list, sales
from booking_api.payments import desk as till
from booking_api.payments import drawer as drawers
from booking_api.payments.books import Means
from booking_api.payments.models import SaleItem
from floor.errors import Refused
from floor.money import parse, plain

WHO = typer.Argument(help="A member's number or email, or an account's id.", metavar="ACCOUNT")
BY = typer.Option("--by", help="How it is paid.")
drawer = typer.Typer(help="The cash drawer of a day.", no_args_is_help=True)
item = typer.Typer(help="Materials and consumables that are for sale.", no_args_is_help=True)
sale = typer.Typer(help="Sales of materials and consumables.", no_args_is_help=True)
app.add_typer(drawer, name="drawer")
app.add_typer(item, name="item")
app.add_typer(sale, name="sale")
app.add_typer(bank.bank, name="bank")
app.add_typer(bank.balances, name="balances")
app.command()(debts.remind)
app.add_typer(debts.block, name="block")
app.add_typer(debts.mandate, name="mandate")
app.add_typer(debts.debit, name="debit")


@drawer.command("open")
def open_drawer(
    ctx: typer.Context,
    float_: Annotated[str, typer.Argument(help="What is counted into it.", metavar="FLOAT")],
) -> None:
    """Open the drawer with its float."""
    with desk(ctx) as at:
        currency = at.settings.currency
        opened = drawers.open_drawer(at.session, amount(float_), currency.code, AUTHOR, at.now_ms)
    print(f"The drawer is open with {plain(opened.float_micro, currency)}.")


@drawer.command("show")
def show_drawer(ctx: typer.Context) -> None:
    """Say what went through the open drawer, and what must be in it."""
    with reading(ctx) as (settings, database), database.read() as session:
        found = drawers.needed(session)
        contents = drawers.contents(session, found)
    print(f"{'float':16} {plain(found.float_micro, settings.currency):>16}")
    for kind, micro in contents.by_kind.items():
        print(f"{kind:16} {plain(micro, settings.currency):>16}")
    print(f"{'in the drawer':16} {plain(contents.expected_micro, settings.currency):>16}")


@drawer.command("close")
def close_drawer(
    ctx: typer.Context,
    counted: Annotated[str, typer.Argument(help="What is counted out of it.")],
    reason: Annotated[str, typer.Option(help="Why that differs from the books.")] = "",
) -> None:
    """Close the drawer; a difference is posted, and needs a reason."""
    with desk(ctx) as at:
        currency = at.settings.currency
        found = drawers.close_drawer(at.session, amount(counted), reason, AUTHOR, at.now_ms)
    print(f"The drawer is closed; difference {plain(found.difference_micro, currency)}.")


@drawer.command("banked")
def bank_cash(
    ctx: typer.Context, amount_: Annotated[str, typer.Argument(help="Such as 200.00.", metavar="AMOUNT")]
) -> None:
    """Take cash out of the drawer to the bank."""
    with desk(ctx) as at:
        drawers.bank_cash(at.session, amount(amount_), AUTHOR, at.now_ms)
    print("It is under way: assign the bank's line of it to `transit`.")


@app.command("top-up")
def top_up(
    ctx: typer.Context,
    who: Annotated[str, WHO],
    amount_: Annotated[str, typer.Argument(help="Such as 20.00.", metavar="AMOUNT")],
    by: Annotated[Means, BY] = Means.CASH,
    memo: Annotated[str, typer.Option()] = "",
) -> None:
    """Take money onto an account."""
    with desk(ctx) as at:
        account, currency = books.find_account(at.session, who), at.settings.currency
        till.top_up(at.session, account, amount(amount_), currency, by, AUTHOR, at.now_ms, memo)
        owes = books.owed_micro(at.session, account, currency.code)
    print(f"Taken. The account now owes {plain(owes, currency)}.")


@app.command()
def refund(
    ctx: typer.Context,
    who: Annotated[str, WHO],
    amount_: Annotated[str, typer.Argument(help="Such as 20.00.", metavar="AMOUNT")],
    by: Annotated[Means, BY] = Means.CASH,
    memo: Annotated[str, typer.Option()] = "",
) -> None:
    """Give credit back, never more than there is."""
    with desk(ctx) as at:
        account, currency = books.find_account(at.session, who), at.settings.currency
        till.refund(at.session, account, amount(amount_), currency, by, AUTHOR, at.now_ms, memo)
        owes = books.owed_micro(at.session, account, currency.code)
    print(f"Given back. The account now owes {plain(owes, currency)}.")


@app.command()
def units(
    ctx: typer.Context,
    who: Annotated[str, WHO],
    unit: Annotated[str, typer.Argument(help="The space's own unit, such as COIN.")],
    count: Annotated[int, typer.Argument(help="How many.")],
    by: Annotated[Means, BY] = Means.CASH,
) -> None:
    """Sell the space's own units by what the tariff says that they are worth."""
    with desk(ctx) as at:
        account, currency = books.find_account(at.session, who), at.settings.currency
        cost = till.price_of_units_micro(at.session, unit, count, currency, at.now_ms)
        till.buy_units(at.session, account, unit, count, currency, by, AUTHOR, at.now_ms)
    print(f"{count} {unit} for {plain(cost, currency)}.")


@item.command("list")
def list_items(
    ctx: typer.Context, low: Annotated[bool, typer.Option("--low", help="Only what is low.")] = False
) -> None:
    """List what is for sale, with what is left of it."""
    with reading(ctx) as (settings, database), database.read() as session:
        found = items.low(session) if low else items.listed(session)
    for one in found:
        left = "not counted" if one.stock_milli is None else f"{sales.shown(one.stock_milli)} {one.unit}"
        mark = " LOW" if _is_low(one) else ""
        print(f"{one.id:20.20} {one.name:32.32} {plain(one.price_micro, settings.currency):>12} {left}{mark}")


@item.command("import")
def import_items(
    ctx: typer.Context,
    file: Path,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read it.")] = False,
) -> None:
    """Add and change items by a TOML price list; what was counted stays as it is."""
    found = price_list.read(read_text(file), str(file))
    if not dry_run:
        with desk(ctx) as at:
            for one in found:
                items.put(at.session, one, at.settings.currency.code, AUTHOR, at.now_ms)
    print(f"{len(found)} items {'are good' if dry_run else 'taken'}.")


@item.command("export")
def export_items(ctx: typer.Context) -> None:
    """Print the price list as TOML."""
    with reading(ctx) as (_, database), database.read() as session:
        print(price_list.write(items.listed(session)), end="")


@item.command("stock")
def count_stock(
    ctx: typer.Context,
    id: str,
    quantity: Annotated[str, typer.Argument(help="What is there now, such as 12 or 0.5.")],
    reason: Annotated[str, typer.Option()] = "",
    more: Annotated[bool, typer.Option("--more", help="It came in on top of what was there.")] = False,
) -> None:
    """Take a count of an item, or a delivery."""
    with desk(ctx) as at:
        act = items.deliver if more else items.count_stock
        one = act(at.session, id, sales.read_quantity(quantity), AUTHOR, reason, at.now_ms)
    print(f"{one.name}: {sales.shown(one.stock_milli or 0)} {one.unit}")


@sale.command("add")
def sell(
    ctx: typer.Context,
    item_: Annotated[str, typer.Argument(help="The item's id.", metavar="ITEM")],
    quantity: Annotated[str, typer.Argument(help="Such as 2 or 0.5.")] = "1",
    to: Annotated[str, typer.Option(help="A member's number or an account; else it is paid at once.")] = "",
    by: Annotated[Means, BY] = Means.CASH,
) -> None:
    """Sell something to an account, or for cash or card."""
    with desk(ctx) as at:
        account = books.find_account(at.session, to) if to else None
        means = None if to else by
        basket = sales.Basket(item_, sales.read_quantity(quantity), account, None, means)
        sold = sales.sell(at.session, basket, at.settings.currency, AUTHOR, at.now_ms)
    print(f"{sold.name}: {plain(sold.total_micro, at.settings.currency)}  {sold.entry}")


@sale.command("list")
def list_sales(ctx: typer.Context) -> None:
    """List the last sales."""
    with reading(ctx) as (settings, database), database.read() as session:
        for one in sales.latest(session):
            state = "cancelled" if one.cancelled_ms else (one.means or "account")
            total = plain(one.total_micro, settings.currency)
            print(f"{one.entry}  {sales.shown(one.quantity_milli):>8} {one.name:32.32} {total:>12} {state}")


@sale.command("cancel")
def cancel_sale(ctx: typer.Context, entry: str, reason: Annotated[str, typer.Option()]) -> None:
    """Take a sale back by its reversal."""
    with desk(ctx) as at:
        sales.cancel(at.session, entry, reason, AUTHOR, at.now_ms)
    print("The sale is cancelled.")


def amount(text: str) -> int:
    """Read an amount in the space's currency; raises Refused."""
    try:
        return parse(text)
    except ValueError as error:
        raise Refused("amount_malformed", f"{str(error).capitalize()}.") from None


def _is_low(one: SaleItem) -> bool:
    return (
        one.stock_milli is not None and one.minimum_milli is not None and one.stock_milli < one.minimum_milli
    )

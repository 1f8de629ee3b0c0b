"""`makerfloor close` and `makerfloor costs`: what machines cost, and the books at the end of a month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, day_ms, desk, read_text, reading, shown_day, validated
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock
from booking_api.costing import importing, invoices, versions
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine, InvoiceSeen
from booking_api.periods import service
from booking_api.periods.people import names_in
from booking_api.periods.service import Outcome
from booking_api.periods.text import as_text
from floor.errors import ConfigError, Refused
from floor.money import Commodity, parse, plain

costs = typer.Typer(no_args_is_help=True, help="What machines cost: cost files and suppliers' invoices.")
app.add_typer(costs, name="costs")
Supplier = Annotated[str, typer.Argument(metavar="SUPPLIER")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="As on the invoice.")]


@app.command()
def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; post nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For programs: amounts in micro-units.")] = False,
    accept_exceptions: Annotated[
        bool, typer.Option("--accept-exceptions", help="Close although sessions wait for an operator.")
    ] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open the latest closed month again.")] = False,
    reason: Annotated[str, typer.Option(help="Why it is opened again.")] = "",
) -> None:
    """Close a month: state what each pool cost and recovered, carry it forward or give it back."""
    if reopen:
        with desk(ctx) as at:
            service.reopen(at.session, month, reason, AUTHOR, at.now_ms)
        typer.echo(f"{month} is open again: what its close posted is reversed.", err=True)
        return
    if dry_run:
        with reading(ctx) as (settings, database), database.read() as session:
            now_ms = Clock().now_ms()
            done = service.preview(
                session, month, settings.currency, now_ms, accept_exceptions=accept_exceptions
            )
            names = names_in(session, done.statement)
        zone = settings.timezone
    else:
        with desk(ctx) as at:
            done = service.close(
                at.session,
                month,
                at.settings.currency,
                AUTHOR,
                at.now_ms,
                accept_exceptions=accept_exceptions,
            )
            names = names_in(at.session, done.statement)
        zone = at.settings.timezone
    typer.echo(done.statement.model_dump_json(indent=2) if json else as_text(done.statement, names))
    typer.echo(_said(done, month, zone), err=True)


def _said(done: Outcome, month: str, zone: str) -> str:
    if done.posted:
        return f"{month} is closed."
    if done.closed_ms is None:
        return "Nothing was posted: this was a dry run."
    return (
        f"{month} was closed on {shown_day(done.closed_ms, zone)} by {done.closed_by}. Nothing was changed."
    )


@costs.command("add")
def add_costs(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="COSTS.toml", help="A cost file with valid_from.")],
) -> None:
    """Keep a version of the cost file; months are closed by the one in force."""
    with desk(ctx) as at:
        version = versions.add(at.session, read_text(file), AUTHOR, at.now_ms, str(file))
        pools = ", ".join(pool.id for pool in versions.costs_of(version).pools)
    print(f"Version {version.n} is in force from {version.valid_from}: {pools}.")


@costs.command("list")
def list_costs(ctx: typer.Context) -> None:
    """List the versions of the cost file, and suppliers' invoices, newest first."""
    with reading(ctx) as (settings, database), database.read() as session:
        for version in versions.listed(session):
            print(f"version {version.n:3}  from {version.valid_from}  {versions.costs_of(version).name}")
        for seen in invoices.listed(session):
            print(_invoice_line(seen, settings.timezone, settings.currency))


@costs.command("import")
def import_costs(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=",".join(importing.COLUMNS))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would enter.")] = False,
) -> None:
    """Enter all suppliers' invoices of a CSV file, or none when a row is bad."""
    text = read_text(file)
    with desk(ctx) as at:
        seen = importing.preview(at.session, text)
        for one in seen.found:
            details = one.details
            total = plain(details.total_micro, at.settings.currency)
            known = "  (is in the books)" if one.known else ""
            day = shown_day(details.dated_ms, at.settings.timezone)[:10]
            print(f"{day}  {details.supplier}  {details.number}  {total}{known}")
        if seen.problems:
            for problem in seen.problems:
                typer.echo(f"{file}: {problem}", err=True)
            raise ConfigError(str(file), "", "has bad rows", "Correct them; nothing was imported.")
        entered = [] if dry_run else importing.bring_in(at.session, text, AUTHOR, at.now_ms)
    new = sum(not one.known for one in seen.found)
    print(f"{new} would be entered." if dry_run else f"{len(entered)} invoices were entered.")


@costs.command("enter")
def enter_invoice(
    ctx: typer.Context,
    supplier: Supplier,
    number: Number,
    date: Annotated[str, typer.Argument(metavar="DATE", help="Such as 2026-10-31.")],
    lines: Annotated[list[str], typer.Argument(metavar="POOL:KIND=AMOUNT …", help="Amounts without tax.")],
    tax: Annotated[str, typer.Option(help="Input tax that the space gets back.")] = "0",
    memo: Annotated[str, typer.Option()] = "",
) -> None:
    """Enter one invoice of a supplier."""
    with desk(ctx) as at:
        values = {
            "supplier": supplier,
            "number": number,
            "dated_ms": day_ms(date, at.settings.timezone),
            "lines": [_line(text) for text in lines],
            "tax_micro": _amount(tax),
            "memo": memo,
        }
        entered = invoices.enter(at.session, validated(InvoiceDetails, values), AUTHOR, at.now_ms)
        print(_invoice_line(invoices.get(at.session, entered.id), at.settings.timezone, at.settings.currency))


@costs.command("pay")
def pay_invoice(
    ctx: typer.Context,
    supplier: Supplier,
    number: Number,
    paid_from: Annotated[str, typer.Option("--from", help=" | ".join(invoices.PAYERS))] = "bank",
) -> None:
    """Post that an invoice was paid."""
    with desk(ctx) as at:
        id = invoices.find(at.session, supplier, number).invoice.id
        seen = invoices.pay(at.session, id, paid_from, AUTHOR, at.now_ms)
        print(_invoice_line(seen, at.settings.timezone, at.settings.currency))


@costs.command("reverse")
def reverse_invoice(
    ctx: typer.Context,
    supplier: Supplier,
    number: Number,
    reason: Annotated[str, typer.Option(help="Why it is undone.")],
) -> None:
    """Undo an invoice that is not paid; it may then be entered again."""
    with desk(ctx) as at:
        id = invoices.find(at.session, supplier, number).invoice.id
        seen = invoices.reverse(at.session, id, reason, AUTHOR, at.now_ms)
        print(_invoice_line(seen, at.settings.timezone, at.settings.currency))


def _line(text: str) -> InvoiceLine:
    place, equals, amount = text.partition("=")
    pool, colon, kind = place.partition(":")
    if not equals or not colon:
        raise Refused("line_malformed", f"{text!r} is not POOL:KIND=AMOUNT, such as laser:upkeep=120.00.")
    return validated(InvoiceLine, {"pool": pool, "kind": kind, "amount_micro": _amount(amount)})


def _amount(text: str) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise Refused("amount_malformed", f"{error}.") from None


def _invoice_line(seen: InvoiceSeen, zone: str, currency: Commodity) -> str:
    one = seen.invoice
    state = "reversed" if seen.reversed else "paid" if seen.paid else "owed"
    total = plain(one.total_micro, Commodity(one.commodity, currency.exponent))
    return f"{shown_day(one.dated_ms, zone)[:10]}  {one.supplier}  {one.number}  {total}  {state}"

"""Commands for what is owed: reminders, blocks, mandates and direct debits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import Desk, desk, read_date, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.payments import books, debits, levels, mandates, overdue, reminders
from booking_api.payments.debits import SCHEMAS, Creditor
from floor.errors import ConfigError, Refused
from floor.money import Commodity, plain

mandate = typer.Typer(help="Leave to collect by SEPA direct debit.", no_args_is_help=True)
debit = typer.Typer(help="Files of direct debits.", no_args_is_help=True)
block = typer.Typer(help="Accounts that are blocked because they are overdue.", no_args_is_help=True)
EURO = Commodity("EUR")
ALL = typer.Option("--all", help="All that is owed, not only what is due by then.")


def remind(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
    ] = False,
) -> None:
    """Write reminders to who is overdue, charge their fees, and block who is overdue too long."""
    with desk(ctx) as at:
        settings, currency = at.settings.payments, at.settings.currency
        steps = levels.load(settings.reminders)
        days = settings.block_after_days
        dues = reminders.plan(at.session, steps, days, currency, at.now_ms)
        for due in dues:
            fee = steps[due.level - 1].fee_micro if due.level else 0
            what = [f"reminder {due.level}"] if due.level else []
            what += [f"fee {plain(fee, currency)}"] if fee else []
            what += ["blocked"] if due.blocks else []
            since = shown_day(due.due_ms, at.settings.timezone)[:10]
            amount = plain(due.overdue_micro, currency)
            print(f"{due.name:28.28} {amount:>14} since {since}  {', '.join(what)}")
        if dry_run:
            print(f"{len(dues)} accounts. Nothing was changed.")
            return
        space = at.settings.invoice.name
        written = reminders.run(at.session, dues, steps, days, currency, space, AUTHOR, at.now_ms)
    print(f"{len(written)} letters are in {at.settings.data / reminders.OUTBOX}; no mail was sent.")


@block.command("list")
def list_blocks(ctx: typer.Context) -> None:
    """List the accounts that are blocked."""
    with reading(ctx) as (settings, database), database.read() as session:
        for row in overdue.blocks(session):
            since = shown_day(row.since_ms, settings.timezone)
            print(f"{row.account}  {books.name_of(session, row.account):28.28} since {since}")


@block.command("lift")
def lift_block(ctx: typer.Context, account: str) -> None:
    """Take a block away; the next run of reminders puts it back while the debt stands."""
    with desk(ctx) as at:
        if not overdue.lift(at.session, books.find_account(at.session, account), at.now_ms):
            raise Refused("block_not_found", "This account is not blocked.")
    print("The block is lifted.")


@mandate.command("add")
def add_mandate(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="The mandate's reference, as the member signed it.")],
    account: Annotated[str, typer.Argument(help="A member's number or email, or an account's id.")],
    iban: Annotated[str, typer.Argument()],
    signed: Annotated[str, typer.Argument(help="The day of the signature, such as 2026-10-01.")],
    holder: Annotated[str, typer.Option(help="Whose bank account it is; else the member's name.")] = "",
    bic: Annotated[str, typer.Option()] = "",
    once: Annotated[bool, typer.Option("--once", help="For one collection only.")] = False,
) -> None:
    """Keep a mandate; its IBAN is sealed."""
    with desk(ctx) as at:
        target = books.find_account(at.session, account)
        kept = mandates.add(
            at.session,
            at.vault,
            id=id,
            account=target,
            holder=holder or books.name_of(at.session, target),
            iban=iban,
            bic=bic,
            signed=read_date(signed),
            recurring=not once,
            now_ms=at.now_ms,
        )
    print(f"Mandate {kept.id}: {kept.holder}, account …{kept.tail}")


@mandate.command("list")
def list_mandates(ctx: typer.Context) -> None:
    """List the mandates in force."""
    with reading(ctx) as (_, database), database.read() as session:
        for one in mandates.listed(session):
            used = "used" if one.collected else "new"
            print(f"{one.id:35} {one.holder:28.28} …{one.tail} signed {one.signed} {used}")


@mandate.command("revoke")
def revoke_mandate(ctx: typer.Context, id: str) -> None:
    """Collect no more by a mandate."""
    with desk(ctx) as at:
        mandates.revoke(at.session, id, at.now_ms)
    print("The mandate is revoked.")


@debit.command("preview")
def preview_debits(ctx: typer.Context, day: str, everything: Annotated[bool, ALL] = False) -> None:
    """Say what a run for that day would collect."""
    with reading(ctx) as (_, database), database.read() as session:
        found = debits.plan(session, read_date(day), everything=everything)
    for one in found:
        words = ", ".join(one.invoices)
        print(f"{one.mandate.id:35} {one.mandate.holder:28.28} {plain(one.amount_micro, EURO):>14} {words}")
    print(f"{len(found)} debits, {plain(sum(one.amount_micro for one in found), EURO)}")


@debit.command("run")
def run_debits(
    ctx: typer.Context,
    day: Annotated[str, typer.Argument(help="The day of collection, such as 2026-11-05.")],
    out: Annotated[Path, typer.Option(help="The file to write; it must not exist.")],
    everything: Annotated[bool, ALL] = False,
    schema: Annotated[str, typer.Option(help=" | ".join(SCHEMAS))] = SCHEMAS[1],
) -> None:
    """Write a file of direct debits (pain.008); they are posted when the bank books them."""
    with desk(ctx) as at:
        made, sent, xml = debits.run(
            at.session,
            at.vault,
            _creditor(at),
            read_date(day),
            AUTHOR,
            at.now_ms,
            schema=schema,
            everything=everything,
        )
        _write(out, xml)
    print(
        f"Run {made.id}: {len(sent)} debits, {plain(sum(one.amount_micro for one in sent), EURO)}, in {out}"
    )


@debit.command("list")
def list_debits(ctx: typer.Context) -> None:
    """List the last runs, and what became of each debit."""
    with reading(ctx) as (_, database), database.read() as session:
        for run, found in debits.runs(session):
            print(f"{run.id} collects on {run.collection}")
            for one in found:
                amount = plain(one.amount_micro, EURO)
                print(f"    {one.id} {one.mandate:24} {amount:>14} {one.state} {one.reason}")


@debit.command("drop")
def drop_debits(ctx: typer.Context, run: str) -> None:
    """Take back a run whose file never went to the bank."""
    with desk(ctx) as at:
        count = debits.drop(at.session, run)
    print(f"{count} debits are dropped; what they asked for may be collected anew.")


def _creditor(at: Desk) -> Creditor:
    invoice = at.settings.invoice
    return Creditor(invoice.name, at.settings.payments.creditor_id, invoice.iban, invoice.bic)


def _write(out: Path, data: bytes) -> None:
    """Write a new file for its owner alone: it holds bank accounts; raises ConfigError when it exists."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ConfigError(str(out), "", problem, "Name another file.") from error

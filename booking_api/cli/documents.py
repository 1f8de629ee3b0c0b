"""Commands for invoices and statements."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from booking_api.cli.base import app, day_ms, desk, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock
from booking_api.documents import content as contents
from booking_api.documents import pdf, service
from booking_api.documents.content import Content
from booking_api.documents.models import InvoiceKind
from booking_api.documents.paper import invoice_paper
from booking_api.documents.statements import statement_paper
from booking_api.ledger.statement import Statement
from booking_api.ledger.statement import statement as read_statement
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.periods.calendar import bounds
from booking_api.settings import Settings
from booking_api.web.formats import Formats
from floor.errors import ConfigError, Refused
from floor.money import Commodity, plain
from floor.texts import LANGUAGES

invoice = typer.Typer(help="Invoices and credit notes.", no_args_is_help=True)
app.add_typer(invoice, name="invoice")
Month = Annotated[str, typer.Argument(help="Such as 2026-10.")]
Number = Annotated[str, typer.Argument(help="Such as INV-2026-0001.")]
Out = Annotated[Path | None, typer.Option(help="The file to write; else NUMBER.pdf here.")]


@invoice.command("run")
def run(
    ctx: typer.Context,
    month: Month,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be issued; issue nothing.")
    ] = False,
) -> None:
    """Issue what was charged until the end of a month, for all accounts; again, it issues nothing new."""
    with desk(ctx) as at:
        done = service.run(at.session, month, at.settings, AUTHOR, at.now_ms, dry=dry_run)
        called = service.names(at.session, [one.account for one in done.issued])
        for one in done.issued:
            _print(one, called.get(one.account, one.account), at.settings)
        for account, why in done.waiting:
            print(f"{'waits':18} {account}: {why}")
        sums = ", ".join(plain(micro, _unit(code, at.settings)) for code, micro in done.totals.items())
        word = "would be issued" if dry_run else "were issued"
        print(f"{len(done.issued)} documents {word}" + (f": {sums}" if sums else ""))


@invoice.command("list")
def list_invoices(
    ctx: typer.Context,
    month: Annotated[str, typer.Option(help="Of one month only, such as 2026-10.")] = "",
) -> None:
    """List invoices, newest first."""
    with reading(ctx) as (settings, database), database.read() as session:
        found = service.listed(session, None, month)
        called = service.names(session, [one.account for one in found])
        for one in found:
            _print(contents.read(one.content), called.get(one.account, one.account), settings)


@invoice.command("show")
def show(ctx: typer.Context, number: Number) -> None:
    """Print an invoice as text."""
    with reading(ctx) as (settings, database), database.read() as session:
        content = contents.read(service.get(session, number).content)
        unit = _unit(content.commodity, settings)
        paper = invoice_paper(content)
        print(paper.title)
        for line in (*paper.recipient, *(f"{name}: {value}" for name, value in paper.facts)):
            print(line)
        for item in content.items:
            print(f"{item.what:58.58} {plain(item.amount_micro, unit):>16}")
            for detail in item.details:
                print(f"    {detail}")
        for name, value in (*paper.sums, paper.total, *paper.included, *paper.after_total):
            print(f"{name:58.58} {value:>16}")


@invoice.command("pdf")
def make_pdf(ctx: typer.Context, number: Number, out: Out = None) -> None:
    """Write an invoice as PDF; the same invoice gives the same file."""
    with reading(ctx) as (_, database), database.read() as session:
        kept = service.get(session, number)
        made = pdf.pdf("document", invoice_paper(contents.read(kept.content)).data())
    _write(out or Path(f"{kept.number}.pdf"), made)


@app.command()
def statement(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")],
    month: Annotated[
        str, typer.Argument(help="Of one month, such as 2026-10; else from the beginning.")
    ] = "",
    since: Annotated[str | None, typer.Option(help="The first day; else from the beginning.")] = None,
    until: Annotated[str | None, typer.Option(help="The day before which it ends; else now.")] = None,
    pdf_file: Annotated[Path | None, typer.Option("--pdf", help="Write the month as PDF instead.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the PDF: en or zh; else the member's.")] = None,
) -> None:
    """Print a member's account: where it stood, what happened, where it stands."""
    with reading(ctx) as (settings, database), database.read() as session:
        owner, zone = members.find(session, who), settings.timezone
        if pdf_file is not None:
            now_ms = Clock().now_ms()
            if not month:
                raise Refused("month_missing", "Name the month of the PDF, such as 2026-10.")
            bounds(month, ZoneInfo(zone))
            spoken = next((one for one in (language, owner.language) if one in LANGUAGES), settings.language)
            f = Formats(spoken, ZoneInfo(zone))
            paper = statement_paper(session, owner.account, month, settings, now_ms, f)
            _write(pdf_file, pdf.pdf("document", paper.data()))
            return
        if month:
            period = bounds(month, ZoneInfo(zone))
        else:
            period = (day_ms(since, zone) or 0, day_ms(until, zone) or (1 << 46))
        _print_account(
            read_statement(session, owner.account, settings.currency.code, *period), owner, settings
        )


def _print_account(account: Statement, owner: Member, settings: Settings) -> None:
    currency = settings.currency
    print(f"{owner.number} {owner.whole_name}")
    print(f"{'Before':52} {plain(account.opening_micro, currency):>16}")
    for item in reversed(account.items):
        text = f"{shown_day(item.at_ms, settings.timezone)}  {item.kind}  {item.memo}"
        print(f"{text:52.52} {plain(item.amount_micro, currency):>16}")
        for line in item.lines:
            print(f"    {line.component}: {line.billed} {line.unit} ({line.tariff_version})")
    print(f"{'Owed':52} {plain(account.closing_micro, currency):>16}")


def _write(file: Path, data: bytes) -> None:
    """Write a file and say so; raises ConfigError."""
    try:
        file.write_bytes(data)
    except OSError as error:
        words = f"cannot be written ({error.strerror})"
        raise ConfigError(str(file), "", words, "Name another file.") from error
    print(f"{file}: {len(data)} bytes")


def _print(one: Content, name: str, settings: Settings) -> None:
    kind = "credit note" if one.kind is InvoiceKind.CREDIT_NOTE else "invoice"
    amount = plain(one.total_micro, _unit(one.commodity, settings))
    print(f"{one.number or 'draft':18} {one.month}  {kind:12} {name:36.36} {amount:>16}")


def _unit(code: str, settings: Settings) -> Commodity:
    return settings.currency if code == settings.currency.code else Commodity(code)

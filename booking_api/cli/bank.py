"""`makerfloor bank` and `makerfloor balances`: what the bank says, and what another system left."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import desk, read_text, reading
from booking_api.cli.floor import AUTHOR
from booking_api.payments import bank as lines
from booking_api.payments import bank_csv, camt, opening
from booking_api.payments.booking import Booking
from booking_api.payments.models import BankLine
from floor.errors import ConfigError
from floor.money import Commodity, plain


class _Undone(Exception):
    """Leaves a transaction so that nothing of it is kept."""


bank = typer.Typer(help="The bank's account statements.", no_args_is_help=True)
balances = typer.Typer(help="Opening balances of another system.", no_args_is_help=True)
DRY = typer.Option("--dry-run", help="Say what would happen, and change nothing.")


@bank.command("import")
def import_file(
    ctx: typer.Context,
    file: Path,
    preset: Annotated[str, typer.Option(help=f"For CSV: {' | '.join(bank_csv.PRESETS)}.")] = "plain",
    mapping: Annotated[Path | None, typer.Option(help="For CSV: a mapping of one's own, TOML.")] = None,
    dry_run: Annotated[bool, DRY] = False,
) -> None:
    """Import a statement, camt.053 or CSV; the same file again changes nothing."""
    bookings = _read(file, preset, mapping)
    with contextlib.suppress(_Undone), desk(ctx) as at:
        currency = at.settings.currency
        done = lines.take(at.session, bookings, currency, AUTHOR, at.now_ms, file.name)
        for line in done.lines:
            print(_shown(line, currency))
        if dry_run:
            raise _Undone
    words = "Nothing was changed. " if dry_run else ""
    print(f"{words}{done.new} new, {done.known} known, {done.posted} posted, {done.waiting} to be assigned.")


@bank.command("list")
def list_lines(
    ctx: typer.Context, done: Annotated[bool, typer.Option("--done", help="Those that are posted.")] = False
) -> None:
    """List the lines that wait for a person."""
    with reading(ctx) as (settings, database), database.read() as session:
        for line in lines.done(session) if done else lines.waiting(session):
            print(_shown(line, settings.currency))


@bank.command("assign")
def assign(
    ctx: typer.Context,
    line: str,
    target: Annotated[
        str, typer.Argument(help=f"A member's number, an account, or {' | '.join(lines.PLACES)}.")
    ],
) -> None:
    """Post a line to an account or a place."""
    with desk(ctx) as at:
        done = lines.assign(at.session, line, target, at.settings.currency, AUTHOR, at.now_ms)
    print(_shown(done, at.settings.currency))


@bank.command("ignore")
def ignore(ctx: typer.Context, line: str, reason: Annotated[str, typer.Option()]) -> None:
    """Take that a line is none of ours."""
    with desk(ctx) as at:
        lines.ignore(at.session, line, reason)
    print("The line is ignored.")


@bank.command("release")
def release(ctx: typer.Context, line: str, reason: Annotated[str, typer.Option()]) -> None:
    """Open a line again; what it posted is reversed."""
    with desk(ctx) as at:
        lines.release(at.session, line, reason, AUTHOR, at.now_ms)
    print("The line is open again.")


@balances.command("import")
def import_balances(ctx: typer.Context, file: Path, dry_run: Annotated[bool, DRY] = False) -> None:
    """Import opening balances (number, commodity, amount, as_of); twice changes nothing."""
    data = _bytes(file)
    with desk(ctx) as at:
        rows = opening.read(at.session, data, at.now_ms)
        wrong = [row for row in rows if row.problem]
        for row in wrong:
            print(f"{file}:{row.line}: {row.problem}. {row.remedy}")
        if dry_run or wrong:
            _preview(rows)
        if wrong and not dry_run:
            raise ConfigError(str(file), "", f"has {len(wrong)} wrong lines", "Nothing was imported.")
        posted = 0 if dry_run else opening.post(at.session, rows, AUTHOR, at.now_ms)
    if not dry_run:
        print(f"{posted} balances imported, {len(rows) - posted} known or 0.")


def _preview(rows: list[opening.Row]) -> None:
    good = [row for row in rows if not row.problem]
    for row in good:
        state = "known" if row.known else "new"
        amount = plain(row.amount_micro, Commodity(row.commodity, 6))
        print(f"{row.line:6} {row.number:12} {amount:>24} {row.as_of} {state}")
    print(f"{len(good)} of {len(rows)} lines are good. Nothing was changed.")


def _read(file: Path, preset: str, mapping: Path | None) -> list[Booking]:
    data = _bytes(file)
    if camt.looks_like_camt(data):
        return camt.read(data)
    if mapping is not None:
        return bank_csv.read(data, bank_csv.read_mapping(read_text(mapping), str(mapping)))
    if preset not in bank_csv.PRESETS:
        remedy = f"Use one of: {', '.join(bank_csv.PRESETS)}; or --mapping FILE."
        raise ConfigError("--preset", "", f"{preset!r} is none", remedy)
    return bank_csv.read(data, bank_csv.PRESETS[preset])


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError(str(file), "", problem, "Name another file.") from error


def _shown(line: BankLine, currency: Commodity) -> str:
    amount = plain(line.amount_micro, Commodity(line.commodity, currency.exponent))
    words = (
        f"{line.name} {line.remittance} [{line.words}]" if line.words else f"{line.name} {line.remittance}"
    )
    clean = "".join(sign if sign.isprintable() else " " for sign in words)
    return f"{line.id} {line.day} {amount:>16} {line.state:8} {clean:.100}"

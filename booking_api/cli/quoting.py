"""`makerfloor quote`, `tariff check` and `tariff compare`: thin words around booking_api.tariffs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, day_ms, read_text, reading
from booking_api.cli.floor import tariff
from booking_api.clock import Clock
from booking_api.tariffs import compare_words
from booking_api.tariffs.check import check
from booking_api.tariffs.compare import Comparison, compare_usage
from booking_api.tariffs.past import Window, compare_past, labels
from booking_api.tariffs.quote import as_json, lines_of, quote_files
from booking_api.tariffs.source import read
from floor.errors import ConfigError
from floor.tariff import Tariff


@app.command()
def quote(
    tariffs: Annotated[Path, typer.Argument(help="A tariff file, or a folder of versions and lists.")],
    usage: Annotated[Path, typer.Argument(help="What was used, as docs/tariffs.md says.")],
    as_data: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
) -> None:
    """Price a list of uses in order, and explain every line; ends with 1 where the file expects otherwise."""
    try:
        quoted = quote_files(tariffs, usage)
    except (ConfigError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if as_data:
        typer.echo(json.dumps(as_json(quoted), indent=2, ensure_ascii=False))
    else:
        for line in lines_of(quoted):
            typer.echo(line)
    if quoted.unexpected():
        raise typer.Exit(1)


@tariff.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(help="Tariff files to read.")],
) -> None:
    """Name file, line, key and remedy of each error, and warn of what is likely meant otherwise.

    Ends with 2 when a file is wrong, and with 0 when there are at most warnings.
    """
    wrong = False
    for file in files:
        found = check(file)
        for error in found.errors:
            typer.echo(str(error), err=True)
        for warning in found.warnings:
            typer.echo(f"warning: {warning}", err=True)
        wrong = wrong or bool(found.errors)
        if not found.errors:
            typer.echo(f"{file}: {found.summary}")
    if wrong:
        raise typer.Exit(2)


@tariff.command("compare")
def compare_tariffs(
    ctx: typer.Context,
    old: Annotated[str, typer.Argument(help="A tariff file, or the id of a kept tariff: as it was charged.")],
    new: Annotated[Path, typer.Argument(help="The tariff file that would take its place.")],
    since: Annotated[str, typer.Option(help="The first day of the use, such as 2026-01-01.")] = "",
    until: Annotated[str, typer.Option(help="The first day after it; else until now.")] = "",
    tariff_id: Annotated[str, typer.Option("--tariff", help="Whose use; else that of OLD's id.")] = "",
    usage: Annotated[Path | None, typer.Option(help="Compare over a usage file, without a database.")] = None,
    as_data: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
) -> None:
    """Show who would have paid more and who less by another tariff; the books are not touched."""
    before = read(read_text(Path(old)), old) if Path(old).is_file() else None
    after = read(read_text(new), str(new))
    if usage is not None:
        if before is None:
            raise ConfigError(old, "", "is no file", "Name the old tariff's file: a usage file needs both.")
        made, known = compare_usage(read_text(usage), str(usage), before, after), dict[str, str]()
        span = str(usage)
    else:
        if not since:
            raise ConfigError("--since", "", "is missing", "Write --since 2026-01-01, or --usage FILE.")
        id = tariff_id or (before.id if before else old)
        made, known = _past(ctx, id, since, until, before, after)
        span = f"{since} to before {until}" if until else f"since {since}"
    if as_data:
        typer.echo(json.dumps(compare_words.as_json(made, known), indent=2, ensure_ascii=False))
        return
    for line in compare_words.lines_of(made, known, span):
        typer.echo(line)


def _past(
    ctx: typer.Context, id: str, since: str, until: str, before: Tariff | None, after: Tariff
) -> tuple[Comparison, dict[str, str]]:
    with reading(ctx) as (settings, database), database.read() as session:
        since_ms = day_ms(since, settings.timezone) or 0
        until_ms = day_ms(until or None, settings.timezone) or Clock().now_ms()
        made = compare_past(session, Window(id, since_ms, until_ms), before, after)
        return made, labels(session, (account for account, _ in made.most_affected()))

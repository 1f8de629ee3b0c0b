"""Commands for reports to boards and funders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, desk, reading
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock
from floor import money
from floor.errors import ConfigError, Refused

reports = typer.Typer(help="Reports for boards and funders.", no_args_is_help=True)
app.add_typer(reports, name="reports")
Out = Annotated[Path | None, typer.Option(help="Write it to this file.")]


@reports.command("year")
def year(
    ctx: typer.Context,
    time: Annotated[
        str, typer.Argument(help="A year (2026), a quarter (2026-Q2) or a month; else this year.")
    ] = "",
    first: Annotated[str, typer.Option("--from", help="The first month, such as 2026-03.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last month.")] = "",
    csv: Out = None,
    pdf: Out = None,
    json: Out = None,
    language: Annotated[str, typer.Option(help="Of the paper: en or zh; else the space's.")] = "",
) -> None:
    """Give the figures of a year, or of other whole months, as text, CSV, JSON or a paper."""
    from booking_api.periods.calendar import month_at
    from booking_api.reports import making, tables, year_page, year_paper
    from booking_api.web.formats import Formats

    with reading(ctx) as (settings, database):
        now_ms = Clock().now_ms()
        asked = f"{first}..{last or first}" if first else time or month_at(now_ms, database.zone)[:4]
        report, found = making.make(database, settings, asked, now_ms)
    f = Formats(language if language in ("en", "zh") else settings.language, database.zone)
    if csv:
        _write(csv, tables.as_csv(report).encode())
    if json:
        seen = tables.as_json(report, found, settings.space_name, settings.timezone)
        _write(json, f"{seen.model_dump_json(indent=2)}\n".encode())
    if pdf:
        _write(pdf, year_paper.pdf(f, settings.space_name, report, found))
    if csv or pdf or json:
        return
    for section, rows in year_page.Shown(f, report).sections():
        print(f"\n{section}")
        for row in rows:
            print(f"  {'  ' if row.part else ''}{row.name}: {row.value or '–'}  ({row.before or '–'})")


@reports.command("fact")
def enter(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="Such as events, mentors, area_m2; see docs/reports.md.")],
    number: Annotated[str, typer.Argument(help="The number, or a sum of money.")],
    day: Annotated[str, typer.Option(help="The day that it is of, such as 2026-12-31.")],
    note: Annotated[str, typer.Option(help="Where it is from.")] = "",
) -> None:
    """Enter what the software cannot know."""
    from booking_api.reports import facts

    try:
        amount_micro = money.parse(number)
    except ValueError:
        raise Refused("input_invalid", f"{number[:40]!r} is not a number.") from None
    with desk(ctx) as at:
        fact = facts.enter(at.session, kind, day, amount_micro, note, AUTHOR, at.now_ms)
        print(f"{fact.kind} of {fact.day} is entered.")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        words = f"cannot be written ({error.strerror})"
        raise ConfigError(str(file), "", words, "Name another file.") from error

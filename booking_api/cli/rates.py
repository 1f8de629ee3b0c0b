"""`makerfloor rates`: what machines cost, and the rates that break even."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, read_text, reading
from booking_api.costing.actuals import as_table, carried_on, read_books
from booking_api.costing.actuals import as_text as compared
from booking_api.costing.source import read_costs
from booking_api.costing.study import as_json, as_text, read, study_of

rates = typer.Typer(no_args_is_help=True, help="What machines cost, and the rates that break even.")
app.add_typer(rates, name="rates")


@rates.callback()
def root() -> None:
    """What machines cost, and the rates that break even."""


@rates.command()
def study(
    ctx: typer.Context,
    costs: Annotated[Path, typer.Argument(metavar="COSTS.toml", help="a cost file (docs/cost-sharing.md)")],
    json: Annotated[bool, typer.Option("--json", help="for programs: amounts in micro-units")] = False,
    actuals: Annotated[
        str, typer.Option(metavar="YEAR", help="take what that year's closed months carry on, and compare")
    ] = "",
) -> None:
    """Show what each pool costs, the rate that breaks even, and who pays what."""
    if not actuals:
        found = read(costs)
        typer.echo(as_json(found) if json else as_text(found))
        return
    with reading(ctx) as (_, database), database.read() as session:
        books = read_books(session, actuals)
    text = read_text(costs)
    found = study_of(carried_on(read_costs(text, str(costs)), books), text, str(costs))
    if json:
        typer.echo(as_json(found, actuals=as_table(books)))
    else:
        typer.echo(f"{as_text(found)}\n\n{compared(books, found)}")

"""`makerfloor rates`: what machines cost, and the rates that break even."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app
from booking_api.costing.study import as_json, as_text, read

rates = typer.Typer(no_args_is_help=True, help="What machines cost, and the rates that break even.")
app.add_typer(rates, name="rates")


@rates.callback()
def root() -> None:
    """What machines cost, and the rates that break even."""


@rates.command()
def study(
    costs: Annotated[Path, typer.Argument(metavar="COSTS.toml", help="a cost file (docs/cost-sharing.md)")],
    json: Annotated[bool, typer.Option("--json", help="for programs: amounts in micro-units")] = False,
) -> None:
    """Show what each pool costs, the rate that breaks even, and who pays what."""
    found = read(costs)
    typer.echo(as_json(found) if json else as_text(found))

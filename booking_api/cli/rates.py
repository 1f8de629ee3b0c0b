"""`makerfloor rates`: what machines cost, and the rates that break even."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.costing.study import as_json, as_text, read
from floor.errors import ConfigError

USAGE_ERROR = 2

app = typer.Typer(no_args_is_help=True, help="What machines cost, and the rates that break even.")


@app.callback()
def rates() -> None:
    """What machines cost, and the rates that break even."""


@app.command()
def study(
    costs: Annotated[Path, typer.Argument(metavar="COSTS.toml", help="a cost file (docs/cost-sharing.md)")],
    json: Annotated[bool, typer.Option("--json", help="for programs: amounts in micro-units")] = False,
) -> None:
    """Show what each pool costs, the rate that breaks even, and who pays what."""
    try:
        found = read(costs)
    except ConfigError as error:
        typer.echo(f"makerfloor: {error}", err=True)
        raise typer.Exit(USAGE_ERROR) from error
    typer.echo(as_json(found) if json else as_text(found))

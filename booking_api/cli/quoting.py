"""`makerfloor quote` and `makerfloor tariff check`: thin words around booking_api.tariffs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app
from booking_api.cli.floor import tariff
from booking_api.tariffs.check import check
from booking_api.tariffs.quote import as_json, lines_of, quote_files
from floor.errors import ConfigError


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

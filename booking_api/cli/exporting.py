"""`makerfloor export`: the books for other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, reading
from booking_api.exports import service
from booking_api.exports.books import span_of
from booking_api.exports.service import Format
from floor.errors import ConfigError


@app.command()
def export(
    ctx: typer.Context,
    form: Annotated[Format, typer.Argument(help="Which program reads it.", metavar="csv|hledger|beancount")],
    out: Annotated[Path, typer.Option(help="The file to write; one that is there is replaced.")],
    first: Annotated[str, typer.Option("--from", help="The first month, such as 2026-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last month, within.")] = "",
) -> None:
    """Write the books, or some months of them, for another program; the file is for its owner alone."""
    with reading(ctx) as (settings, database):
        text = service.export(database, settings, form, span_of(first, last, database.zone))
        part = out.with_name(f"{out.name}.part")
        try:
            with open(part, "w", encoding="utf-8", newline="", opener=_private) as file:
                file.writelines(text)
            part.replace(out)
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise ConfigError(str(out), "", problem, "Name another file.") from error
    typer.echo(f"{out} is written.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""`makerfloor audit`: what staff did."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from booking_api.audit.export import Form
from booking_api.audit.export import export as write_export
from booking_api.audit.service import Filters
from booking_api.cli.base import app, day_ms, reading
from floor.errors import ConfigError

audit = typer.Typer(help="What staff and commands did.", no_args_is_help=True)
app.add_typer(audit, name="audit")


@audit.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="The file to write; one that is there is replaced.")],
    form: Annotated[Form, typer.Option("--as", help="A table, or a line of JSON for each act.")] = Form.CSV,
    first: Annotated[str | None, typer.Option("--from", help="The first day, such as 2026-10-01.")] = None,
    until: Annotated[str | None, typer.Option(help="The day before which it ends.")] = None,
    member: Annotated[str, typer.Option(help="Only what this member's id did.")] = "",
    about: Annotated[str, typer.Option(help="Only what concerns this member's id.")] = "",
) -> None:
    """Write the audit log, oldest act first; the file is for its owner alone."""
    with reading(ctx) as (settings, database):
        zone = settings.timezone
        wanted = Filters(member, about, "", "", day_ms(first, zone), day_ms(until, zone))
        part = out.with_name(f"{out.name}.part")
        try:
            with open(part, "w", encoding="utf-8", newline="", opener=_private) as file:
                file.writelines(write_export(database, form, wanted))
            part.replace(out)
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise ConfigError(str(out), "", problem, "Name another file.") from error
    typer.echo(f"{out} is written.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""The command that moves a space to another database."""

import time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from booking_api.cli.base import app, settings_of
from booking_api.start import open_database


@app.command()
def move(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            envvar="MAKERFLOOR_MOVE_TO",
            help="An empty database: postgresql://user:password@host/name or sqlite:////absolute/path.db.",
        ),
    ],
) -> None:
    """Move the space into another database, from SQLite to PostgreSQL or back, while no server runs."""
    from booking_api.db import Database, check_reachable
    from booking_api.moving import ends, service

    settings, began_s = settings_of(ctx), time.monotonic()
    old = open_database(settings)
    old.engine.dispose()
    new = Database(ends.address(to), settings.data, ZoneInfo(settings.timezone))
    check_reachable(new, "makerfloor move", "--to")
    try:
        moved = service.move(old, new, print)
    finally:
        old.close()
        new.close()
    took = f"{time.monotonic() - began_s:.0f} s"
    print(f"Moved {moved.rows:,} rows of {moved.tables} tables in {took}; each table reads back the same.")
    print(f"Ledger: {moved.entries:,} entries, {moved.balances:,} balances, as before.")
    if moved.findings:
        print(f"makerfloor doctor finds {moved.findings} things on both sides alike: look at them.")
    print(f"Now write in {settings.file}, or set MAKERFLOOR_DATABASE_URL:")
    print(f'[database]\nurl = "{ends.shown(new.url)}"')
    print("Then start the server. Put the old database away, and start no server on it again:")
    print(ends.shown(old.url))

"""`makerfloor notices`: whether mails go out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from booking_api.cli.base import app, settings_of
from floor.errors import ConfigError

notices = typer.Typer(help="Mails and notices to people.", no_args_is_help=True)
app.add_typer(notices, name="notices")


@notices.callback()
def group() -> None:
    """Mails and notices to people."""


@notices.command()
def test(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="A mail address, or an address of Apprise.")],
) -> None:
    """Send one test now, by the settings, and say whether it was taken."""
    from booking_api.notices.sending import send_mail, send_push
    from booking_api.notices.trying import NotSent

    settings = settings_of(ctx)
    title, body = f"{settings.space_name}: test", f"Sent at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.\n"
    try:
        if "://" in address:
            send_push(address, title, body, None)
        else:
            send_mail(settings.notices, address, title, body)
    except NotSent as error:
        remedy = "Correct [notices], and look at what the server there says."
        raise ConfigError(str(settings.file), "notices", f"sends nothing: {error}", remedy) from error
    typer.echo(f"{address} was sent a test.")

"""Commands for the broker of a real floor: what Mosquitto reads."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from booking_api.broker.certificates import make_certificates
from booking_api.broker.plan import (
    Identity,
    IdentityKind,
    Listener,
    Tls,
    render_acl,
    render_mosquitto,
    render_nats,
    render_passwords,
)
from booking_api.broker.settings import BrokerSettings
from booking_api.cli.base import app, reading, write_secret
from booking_api.gateways import enrol as gateways
from booking_api.vault import open_vault

broker = typer.Typer(help="The broker between server and gateways.", no_args_is_help=True)
app.add_typer(broker, name="broker")
Folder = Annotated[Path, typer.Argument(help="Where the broker reads its files.")]
HOSTS = ("localhost", "127.0.0.1")


@broker.command()
def certificates(
    folder: Folder,
    host: Annotated[
        list[str] | None, typer.Option(help="A name or address of the broker; repeat it.")
    ] = None,
) -> None:
    """Make a certificate authority of your own and the broker's certificate; again renews the latter."""
    made = make_certificates(folder, [], (*HOSTS, *(host or ())))
    print(f'Wrote {made.cafile}. Write ca = "{made.cafile}" below [broker] in makerfloor.toml.')


@broker.command()
def files(ctx: typer.Context, folder: Folder) -> None:
    """Write mosquitto.conf, passwords and acl: each gateway may speak under its own name only.

    With broker.others, a cluster of NATS, its nats-users.conf instead.
    """
    with reading(ctx) as (settings, database), database.read() as session:
        words = gateways.passwords(session, open_vault(settings.data))
    write_files(settings.broker, words, folder)


def write_files(broker: BrokerSettings, words: Mapping[str, str], folder: Path) -> None:
    """Write the broker's three files; `words` are the gateways' passwords by name."""
    server = Identity(broker.username, broker.password, IdentityKind.SERVER)
    identities = [server, *(Identity(name, word, IdentityKind.GATEWAY) for name, word in words.items())]
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = (
        {"nats-users.conf": render_nats(identities)}
        if broker.others
        else {
            "mosquitto.conf": render_mosquitto(_listener(broker, folder), folder, as_root=os.geteuid() == 0),
            "passwords": render_passwords(identities),
            "acl": render_acl(identities),
        }
    )
    for name, text in texts.items():
        (folder / name).unlink(missing_ok=True)
        write_secret(folder / name, text)
    print(f"Wrote {', '.join(texts)} for {len(identities)} identities to {folder}.")


def _listener(broker: BrokerSettings, folder: Path) -> Listener:
    """Listen where the server connects, with TLS where the server speaks it."""
    if broker.ca is None:
        return Listener(broker.host, broker.port)
    tls = Tls(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    return Listener(broker.host, broker.port, tls)

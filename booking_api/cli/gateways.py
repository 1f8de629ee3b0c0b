"""Commands for the Pis on the floor: enrolled, replaced, given other keys, looked at."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import Session, col, select

from booking_api.cli.base import Desk, app, desk, reading, settings_of, shown_day, write_secret
from booking_api.cli.broker import write_files
from booking_api.gateways import enrol as gateways
from booking_api.gateways import wiring
from booking_api.gateways.keys import Signer, open_signer
from booking_api.gateways.models import Gateway
from booking_api.gateways.software import lags
from booking_api.gateways.toml_text import render
from booking_api.vault import open_vault
from floor.errors import Refused

gateway = typer.Typer(help="Gateways: the Pis on the floor.", no_args_is_help=True)
app.add_typer(gateway, name="gateway")
Name = Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")]
Out = Annotated[Path, typer.Option(help="The gateway.toml to write; it holds secrets.")]
BrokerFolder = Annotated[
    Path | None, typer.Option(help="Write the broker's files there too, as `broker files` does.")
]
FILES = frozenset({"ca", "mapping"})
"""Settings that name a file beside gateway.toml, which the server has no copy of."""


@gateway.command()
def enrol(
    ctx: typer.Context,
    name: Name,
    out: Out,
    again: Annotated[bool, typer.Option("--again", help="For a Pi that takes a dead one's place.")] = False,
) -> None:
    """Enrol a gateway and write its gateway.toml; --again writes it once more, with what was wired to it."""
    with desk(ctx) as at:
        if again:
            _write(at, gateways.recall(at.session, at.vault, name), out)
        else:
            _write(at, gateways.enrol(at.session, at.vault, name, at.now_ms), out)


@gateway.command()
def rotate(ctx: typer.Context, name: Name, out: Out, broker_files: BrokerFolder = None) -> None:
    """Give a gateway another password and badge key, for a Pi that was stolen; write its gateway.toml."""
    with desk(ctx) as at:
        _write(at, gateways.rotate(at.session, at.vault, name, at.now_ms), out)
        words, settings = gateways.passwords(at.session, at.vault), at.settings
    if broker_files:
        write_files(settings.broker, words, broker_files)
        print("Have the broker read them (kill -HUP): until then it takes the old password.")
    else:
        print("The broker takes the old password until `makerfloor broker files` is run and it reads them.")


@gateway.command("rotate-signing")
def rotate_signing(
    ctx: typer.Context,
    finish: Annotated[bool, typer.Option("--finish", help="Sign with the next key, drop the old.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Finish though a gateway was not told.")] = False,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Replace it at once: somebody else has it.")
    ] = False,
) -> None:
    """Replace the key that orders are signed with: first tell gateways of the next one, then --finish."""
    signer = open_signer(settings_of(ctx).data)
    if compromised:
        signer.replace_at_once()
        print(f"Every gateway now obeys nobody. Write this into each gateway.toml: {signer.public_key}")
        return
    if not finish:
        signer.announce()
        print("Gateways are told of the next key. When `gateway list` shows that all know it: --finish.")
        return
    with reading(ctx) as (_, database), database.read() as session:
        untold = [] if anyway else list(_untold(session, signer))
    if untold:
        words = f"Not told of the next key yet: {', '.join(untold)}. Wait, or use --anyway."
        raise Refused("key_not_known", words)
    signer.finish()
    print("Orders are signed with the new key; gateways drop the old one.")


@gateway.command("list")
def list_gateways(ctx: typer.Context) -> None:
    """List the gateways: what they run, when they were heard, whose signature they take, what is kept."""
    with reading(ctx) as (settings, database), database.read() as session:
        signer, vault = open_signer(settings.data), open_vault(settings.data)
        for one in session.exec(select(Gateway).order_by(col(Gateway.name))):
            seen = shown_day(one.last_seen_ms, settings.timezone) if one.last_seen_ms else "never heard"
            behind = " (older than the server)" if lags(one.software) else ""
            copy = wiring.kept(session, vault, one.name)
            since = shown_day(copy.since_ms, settings.timezone) if copy else "none"
            known = one.server_key == signer.newest_key
            key = "known" if known else "NOT KNOWN" if one.last_seen_ms else "not heard of"
            print(
                f"{one.name:20} {seen:16} {one.software or '-'}{behind}; "
                f"newest signing key {key}; wiring of {since}"
            )


def _write(at: Desk, enrolment: gateways.Enrolment, out: Path) -> None:
    """Write gateway.toml inside the transaction: without its file, a gateway is not enrolled."""
    settings, copy = at.settings, wiring.kept(at.session, at.vault, enrolment.name)
    signer = open_signer(settings.data)
    parts = copy.parts if copy else None
    values = gateways.config_values(enrolment, signer, settings.broker, settings.address, parts)
    write_secret(out, render(values))
    if settings.broker.ca is not None:
        shutil.copyfile(settings.broker.ca, out.parent / "ca.pem")
    wiring.begin_anew(at.session, enrolment.name)
    if copy is None:
        print(f"Copy {out} to the Pi, add its [[stations]], and run `makerfloor-gateway check`.")
        print("Then tell the broker of it: `makerfloor broker files`, and have the broker read them again.")
        return
    since = shown_day(copy.since_ms, settings.timezone)
    print(f"Copy {out} to the Pi and run `makerfloor-gateway check`. Its wiring is that of {since}.")
    if named := sorted(set(_files(copy.parts))):
        print(f"It names files that are not kept here, copy them too: {', '.join(named)}")


def _untold(session: Session, signer: Signer) -> Iterator[str]:
    """Return the gateways that are at work and do not know the next key."""
    for one in session.exec(select(Gateway).order_by(col(Gateway.name))):
        if one.last_seen_ms and one.server_key != signer.newest_key:
            yield one.name


def _files(value: object) -> Iterator[str]:
    """Return the files that settings name, however deep."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in FILES and isinstance(inner, str) and inner:
                yield inner
            yield from _files(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _files(inner)

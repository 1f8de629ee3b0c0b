"""Commands for a network of sites."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, shown_day
from booking_api.cli.root import load
from booking_api.cli.server import listen
from booking_api.clock import Clock
from booking_api.exports.sheet import written
from booking_api.settings import SECRETS, tables_of
from booking_api.sites import settlement
from booking_api.sites.courier import Courier, opened
from booking_api.sites.network import FILE, network_of, read_network
from booking_api.sites.standing import Standings
from floor.errors import ConfigError
from floor.money import Commodity, parse, plain

network = typer.Typer(help="Several spaces in one installation.", no_args_is_help=True)
app.add_typer(network, name="network")
File = Annotated[Path, typer.Option("--file", help="The network's file.")]
HERE = Path(FILE)
COLUMNS = ("settlement", "host", "home", "charge", "day", "what", "amount", "currency", "member")


@network.command("add")
def add(
    site: Annotated[str, typer.Argument(help="Its short name.")],
    settings: Annotated[Path, typer.Argument(help="Its makerfloor.toml.")],
    file: File = HERE,
) -> None:
    """Add a site to the network's file, which is begun where there is none."""
    if not file.parent.is_dir():
        raise ConfigError(str(file), "", "lies in no folder that there is", "Make the folder first.")
    trial = file.with_name(f".{file.name}.new")
    where = settings if settings.is_absolute() else Path(os.path.relpath(settings, file.parent))
    block = f"\n[[site]]\nid = {_quoted(site)}\nsettings = {_quoted(str(where))}\n"
    begin = f"name = {_quoted(file.resolve().parent.name)}".encode()
    try:
        before = file.read_bytes() if file.exists() else begin
        content = before.rstrip(b"\n") + b"\n" + block.encode()
        network_of(file, tables_of(file, content))
        trial.write_bytes(content)
        trial.replace(file)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ConfigError(str(file), "", problem, "Name another file with --file.") from error
    finally:
        trial.unlink(missing_ok=True)
    print(f"{site} is in {file}.")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@network.command("serve")
def serve(
    file: File = HERE,
    sites: Annotated[bool, typer.Option(help="Run the sites' servers too; else they run elsewhere.")] = True,
) -> None:
    """Run the servers of all sites, carry between them, and serve the network's board."""
    if sites:
        _check_environment()
    known = read_network(file)
    with listen(known.host, known.port, str(file), "port") as door:
        serving = load("booking_api.sites.serving")
        logs = file.parent / "logs"
        logs.mkdir(exist_ok=True)
        with opened(known, migrate=True, absent=True) as courier:
            print(f"The network's board is at http://{known.host}:{door.getsockname()[1]}", flush=True)
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it is ended
                asyncio.run(serving.serve(courier, logs, door, sites=sites))


def _check_environment() -> None:
    for key, name in SECRETS.items():
        if name in os.environ:
            remedy = f"Unset it, and write {key} into each site's makerfloor.toml."
            problem = "is set, and every site would read it"
            raise ConfigError("makerfloor network serve", name, problem, remedy)


@network.command("status")
def status(file: File = HERE) -> None:
    """Say how each site stands."""
    with opened(read_network(file), absent=True) as courier:
        for one in Standings(courier, Clock().now_ms).read():
            if not one.reached:
                print(f"{one.id:16} cannot be reached")
                continue
            machines = f"{one.free} free, {one.in_use} in use, {one.out_of_order} out of order"
            people = f"{one.members} members, {one.visitors} visitors"
            print(f"{one.id:16} {machines}; {people}; {one.alarms} alarms")


@network.command("carry")
def carry(file: File = HERE) -> None:
    """Carry what waits between the sites, once; `serve` does it each second."""
    with opened(read_network(file)) as courier:
        courier.look(Clock().now_ms())
        for charge, why in courier.waiting.items():
            print(f"charge {charge} waits: {why}")


@network.command("give")
def give(
    home: Annotated[str, typer.Argument(help="The member's site.")],
    member: Annotated[str, typer.Argument(help="Their number, email or id.")],
    host: Annotated[str, typer.Argument(help="The site that they may use.")],
    limit: Annotated[str | None, typer.Option(help="At most so much before home has charged it.")] = None,
    file: File = HERE,
) -> None:
    """Let a member use another site."""
    try:
        limit_micro = None if limit is None else parse(limit)
    except ValueError as error:
        raise ConfigError("makerfloor network give", "--limit", str(error), "Write it like 50.00.") from None
    with opened(read_network(file)) as courier:
        given = courier.give(home, member, host, limit_micro, Clock().now_ms())
        currency = courier.sites[host].settings.currency
    print(f"They may use {host}, for {plain(given.limit_micro, currency)} at a time.")


@network.command("end")
def end(
    home: Annotated[str, typer.Argument(help="The member's site.")],
    member: Annotated[str, typer.Argument(help="Their number, email or id.")],
    host: Annotated[str, typer.Argument(help="The site that they may use no more.")],
    file: File = HERE,
) -> None:
    """Let a member use another site no more."""
    with opened(read_network(file)) as courier:
        courier.end(home, member, host, Clock().now_ms())
    print(f"They may use {host} no more.")


@network.command("settle")
def settle(
    month: Annotated[str, typer.Argument(help="A month, such as 2026-11.")],
    out: Annotated[Path | None, typer.Option(help="Write each settlement's charges here, as CSV.")] = None,
    file: File = HERE,
) -> None:
    """Clear what sites owe each other until the end of a month, in both books."""
    with opened(read_network(file)) as courier:
        for one, other, row in courier.settle(month, Clock().now_ms()):
            owes, gets = (other, one) if row.net_micro >= 0 else (one, other)
            print(
                f"{row.id}: {owes} pays {gets} {plain(abs(row.net_micro), _currency(courier, row.commodity))}"
            )
            if out is not None:
                rows = _rows(courier, row.id)
                _write(out / f"{row.id.replace(':', '-')}.csv", rows)


def _rows(courier: Courier, id: str) -> list[tuple[str, ...]]:
    """Return the charges of a settlement, as the hosts have them."""
    found: list[tuple[str, ...]] = []
    for host in courier.sites.values():
        with host.db.read() as session:
            for charge in settlement.charges(session, id):
                day = shown_day(charge.occurred_ms, host.settings.timezone)
                amount = plain(charge.amount_micro, host.settings.currency).partition(" ")[0]
                row = (id, host.id, charge.site, charge.id, day, charge.what, amount, charge.commodity)
                found.append((*row, charge.ref))
    return found


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written((COLUMNS, *rows)), encoding="utf-8", newline="")
    print(f"Wrote {path}.")


@network.command("paid")
def paid(
    id: Annotated[str, typer.Argument(help="The settlement, as `settle` named it.")], file: File = HERE
) -> None:
    """Post at both sites that a settlement was paid by bank."""
    with opened(read_network(file)) as courier:
        for site, row in courier.paid(id, "command", Clock().now_ms()):
            print(f"{site}: entry {row.paid}")


@network.command("check")
def check(file: File = HERE) -> None:
    """Compare the books of each two sites, and name each difference."""
    with opened(read_network(file)) as courier:
        found = courier.compare()
    for where, words in found:
        print(f"{where}: {words}")
    if found:
        raise typer.Exit(1)
    print("The sites agree.")


def _currency(courier: Courier, code: str) -> Commodity:
    return next(one.settings.currency for one in courier.sites.values() if one.code == code)

"""Commands for a network of sites."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, shown_day
from booking_api.cli.root import load
from booking_api.clock import Clock
from booking_api.sites import settlement
from booking_api.sites.courier import Courier, opened
from booking_api.sites.network import FILE, read_network
from floor.errors import ConfigError
from floor.money import Commodity, parse, plain

network = typer.Typer(help="Several spaces in one installation.", no_args_is_help=True)
app.add_typer(network, name="network")
File = Annotated[Path, typer.Option("--file", help="The network's file.")]
HERE = Path(FILE)
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
COLUMNS = ("settlement", "host", "home", "charge", "day", "what", "amount", "currency", "member")


@network.command("add")
def add(
    site: Annotated[str, typer.Argument(help="Its short name.")],
    settings: Annotated[Path, typer.Argument(help="Its makerfloor.toml.")],
    file: File = HERE,
) -> None:
    """Add a site to the network's file, which is begun where there is none."""
    before = (
        file.read_text(encoding="utf-8")
        if file.exists()
        else f"name = {json.dumps(file.resolve().parent.name)}\n"
    )
    block = f"\n[[site]]\nid = {json.dumps(site)}\nsettings = {json.dumps(str(settings))}\n"
    trial = file.with_name(f".{file.name}.new")
    trial.write_text(before.rstrip("\n") + "\n" + block, encoding="utf-8")
    try:
        read_network(trial)
        trial.replace(file)
    finally:
        trial.unlink(missing_ok=True)
    print(f"{site} is in {file}.")


@network.command("serve")
def serve(
    file: File = HERE,
    sites: Annotated[bool, typer.Option(help="Run the sites' servers too; else they run elsewhere.")] = True,
) -> None:
    """Run the servers of all sites, carry between them, and serve the network's board."""
    serving = load("booking_api.sites.serving")
    known = read_network(file)
    logs = file.parent / "logs"
    logs.mkdir(exist_ok=True)
    with opened(known, migrate=True) as courier:
        print(f"The network's board is at http://{known.host}:{known.port}", flush=True)
        asyncio.run(serving.serve(courier, logs, sites=sites))


@network.command("status")
def status(file: File = HERE) -> None:
    """Say how each site stands."""
    board = load("booking_api.sites.board")
    now_ms = Clock().now_ms()
    with opened(read_network(file)) as courier:
        for one in board.read_board(courier, now_ms):
            machines = f"{one.free} free, {one.in_use} in use, {one.out_of_order} out of order"
            people = f"{one.members} members, {one.visitors} visitors"
            print(f"{one.id:16} {machines}; {people}; {one.alarms} alarms" if one.reached else one.id)


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
    _check_month(month)
    with opened(read_network(file)) as courier:
        for one, other, row in courier.settle(month, Clock().now_ms()):
            net = row.receivable_micro - row.payable_micro
            owes, gets = (other, one) if net >= 0 else (one, other)
            print(f"{row.id}: {owes} pays {gets} {plain(abs(net), _currency(courier, row.commodity))}")
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
    with path.open("w", encoding="utf-8", newline="") as output:
        csv.writer(output).writerows((COLUMNS, *rows))
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


def _check_month(text: str) -> None:
    if not _MONTH.fullmatch(text):
        raise ConfigError("makerfloor network settle", "MONTH", f"is {text!r}", "Write it like 2026-11.")

"""Commands for machines, tariffs and sessions that wait."""

from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import (
    app,
    day_ms,
    desk,
    read_text,
    reading,
    shown_day,
    typed_policy,
    validated,
)
from booking_api.machines import service as machines
from booking_api.machines.service import MachineChanges, MachineDetails
from booking_api.sessions import service as sessions
from booking_api.tariffs import service as tariffs

AUTHOR = "command-line"
machine = typer.Typer(help="Machines.", no_args_is_help=True)
exception = typer.Typer(help="Sessions that wait for an operator.", no_args_is_help=True)
tariff = typer.Typer(help="Tariffs: versions of price lists.", no_args_is_help=True)
app.add_typer(machine, name="machine")
app.add_typer(tariff, name="tariff")
app.add_typer(exception, name="exception")


@machine.command("add")
def add_machine(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="A short name, such as laser-1.")],
    name: Annotated[str, typer.Argument(help="What people call it.")],
    gateway: Annotated[str | None, typer.Option(help="The gateway that it is wired to.")] = None,
    kind: Annotated[str, typer.Option(help="printer, laser, mill, saw, door …")] = "other",
    tariff: Annotated[str | None, typer.Option(help="Its tariff; without one its use costs nothing.")] = None,
    location: Annotated[str, typer.Option(help="Where it stands.")] = "",
    policy: Annotated[
        list[str] | None, typer.Option(help="key=value, such as run_on_s=120; repeat it.")
    ] = None,
    open_to_all: Annotated[bool, typer.Option("--open-to-all", help="Ask for no certification.")] = False,
) -> None:
    """Put a machine on the floor."""
    values = {
        "id": id,
        "name": name,
        "gateway": gateway,
        "kind": kind,
        "tariff": tariff,
        "location": location,
    }
    more = {"policy": typed_policy(policy or []), "requires_certification": not open_to_all}
    with desk(ctx) as at:
        added = machines.add(at.session, validated(MachineDetails, {**values, **more}), at.now_ms)
    print(f"{added.id}: {added.name}")


@machine.command("change")
def change_machine(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="Its short name.")],
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    gateway: Annotated[str | None, typer.Option(help="The gateway that it is wired to.")] = None,
    tariff: Annotated[str | None, typer.Option(help="Its tariff.")] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="key=value, in place of what the key had; repeat it.")
    ] = None,
) -> None:
    """Change a machine: what is given, and nothing else."""
    given = {"name": name, "gateway": gateway, "tariff": tariff}
    values: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    with desk(ctx) as at:
        if policy:
            values["policy"] = machines.get(at.session, id).policy | typed_policy(policy)
        changed = machines.change(at.session, id, validated(MachineChanges, values), at.now_ms)
        kept = ", ".join(f"{key}={str(value).lower()}" for key, value in changed.policy.items())
        print(f"{changed.id}: {changed.name}; policy {kept or 'as by default'}")


@machine.command("list")
def list_machines(ctx: typer.Context) -> None:
    """List the machines."""
    with reading(ctx) as (_, database), database.read() as session:
        for one in machines.listed(session):
            state = f"out of order: {one.lockout_reason}" if one.lockout_reason else ""
            place = f"{one.gateway or '-':16} {one.tariff or 'free':16}"
            print(f"{one.id:20} {one.name:30} {place} {state}".rstrip())


@tariff.command("add")
def add_tariff(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="A tariff's TOML.")]) -> None:
    """Keep a new version of a tariff; it is in force from its valid_from."""
    with desk(ctx) as at:
        version = tariffs.add(at.session, read_text(file), AUTHOR, at.now_ms, str(file))
    print(f"{version.id} is kept.")


@exception.command("list")
def list_exceptions(ctx: typer.Context) -> None:
    """List the sessions that could not be priced, and why."""
    with reading(ctx) as (settings, database), database.read() as session:
        for one in sessions.exceptions(session):
            when = shown_day(one.started_ms, settings.timezone)
            print(f"{one.id}  {when}  {one.machine or '-'}  {one.exception}")


@exception.command("settle")
def settle_exception(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="The session's id.")],
    day: Annotated[str | None, typer.Option(help="Its day, when its gateway did not know the time.")] = None,
) -> None:
    """Price a session once what it lacked was put right."""
    with desk(ctx) as at:
        settled = sessions.resolve(at.session, id, at.now_ms, day_ms(day, at.settings.timezone))
    print(f"{settled.id} is settled.")

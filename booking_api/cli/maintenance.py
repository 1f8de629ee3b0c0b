"""Commands for maintenance plans."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from booking_api.cli.base import app, desk, read_text, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock
from booking_api.maintenance import plans
from floor.errors import Refused
from floor.maintenance import Measure, Part

maintenance = typer.Typer(help="Maintenance: plans, what is due, and that it is done.", no_args_is_help=True)
app.add_typer(maintenance, name="maintenance")


@maintenance.command("apply")
def apply_file(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="A maintenance.toml.")]) -> None:
    """Add and change plans by what a file says; what it does not name stays."""
    with desk(ctx) as at:
        for plan, what in plans.put_file(at.session, read_text(file), str(file), at.now_ms):
            print(f"{plan.id:24} {what}")


@maintenance.command("due")
def show_due(
    ctx: typer.Context, machine: Annotated[str, typer.Argument(help="A machine; else all.")] = ""
) -> None:
    """Say how every plan stands, the most urgent first, and when it is due at today's rate of use."""
    now_ms = Clock().now_ms()
    with reading(ctx) as (settings, database), database.read() as session:
        for one in plans.standings(session, now_ms, machine):
            when = "unknown" if one.due.is_latest else "never at this rate"
            if one.due.due_ms is not None:
                bound = "at the latest " if one.due.is_latest else ""
                when = bound + shown_day(one.due.due_ms, settings.timezone)
            counts = ", ".join(_count(part) for part in one.due.parts)
            print(f"{one.due.state:8} {one.machine.id:16} {one.plan.id:24} {when}  ({counts})")


def _count(part: Part) -> str:
    used = "?" if part.used is None else f"{float(Fraction(part.used, part.measure.unit)):g}"
    return f"{used} of {float(Fraction(part.limit, part.measure.unit)):g} {part.measure}"


@maintenance.command("done")
def mark_done(
    ctx: typer.Context,
    plan: Annotated[str, typer.Argument(help="A plan's id.")],
    machine: Annotated[str, typer.Argument(help="A machine's id.")],
    used: Annotated[
        list[str] | None, typer.Option(help="What was used up already, such as laser_hours=300.")
    ] = None,
) -> None:
    """Say that a plan's work is done at a machine: it counts from now on."""
    with desk(ctx) as at:
        plans.done(at.session, plan, machine, AUTHOR, at.now_ms, dict(_used(one) for one in used or []))
    print(f"{plan} counts from now on at {machine}.")


def _used(text: str) -> tuple[Measure, int]:
    name, _, number = text.partition("=")
    try:
        amount = Fraction(number) * Measure(name.strip()).unit
    except (ValueError, ZeroDivisionError):
        amount = Fraction(-1)
    if amount < 0:
        words = f"{text[:40]!r} is not such as laser_hours=300. Name one of: {', '.join(Measure)}."
        raise Refused("input_invalid", words)
    return Measure(name.strip()), int(amount)

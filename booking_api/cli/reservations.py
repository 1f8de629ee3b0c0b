"""Commands for reservations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import Session, col, select

from booking_api.cli.base import Desk, desk, instant, read_text, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.cli.reservations_try import reservations
from booking_api.clock import Clock
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.reservations import blocks, booking, facts, policies
from booking_api.reservations.blocks import BlockDetails
from booking_api.reservations.booking import BookingDetails
from booking_api.reservations.diary import Diary
from booking_api.reservations.models import Reserved
from floor.errors import Refused
from floor.reservation.terms import Kind

MachineId = Annotated[str, typer.Argument(help="The machine's id.", metavar="MACHINE")]
Begins = Annotated[str, typer.Argument(help="On the space's clock, such as 2026-12-31T10:00.")]
Ends = Annotated[str, typer.Argument(help="The first instant after it.")]
Id = Annotated[str, typer.Argument(help="The reservation's id, as `reservations list` shows it.")]
Why = Annotated[str, typer.Option(help="Why.")]
KINDS = ("maintenance", "class")


@reservations.command("policy")
def put_policy(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file of rules, as docs/reservations.md says.")],
    since: Annotated[str, typer.Option("--from", help="When it comes into force; else at once.")] = "",
) -> None:
    """Put rules in force, for the reservations that are made from then on."""
    with desk(ctx) as at:
        valid_from_ms = instant(since, at.settings.timezone) if since else 0
        kept = policies.put(at.session, read_text(file), AUTHOR, at.now_ms, valid_from_ms, str(file))
        when = shown_day(kept.valid_from_ms, at.settings.timezone)
    typer.echo(f"{file} is in force from {when}.")


@reservations.command("list")
def list_reservations(
    ctx: typer.Context, machine: Annotated[str, typer.Option(help="Only this machine's.")] = ""
) -> None:
    """List what is reserved from now on, in order of time."""
    with reading(ctx) as (settings, database), database.read() as session:
        if machine:
            machines.get(session, machine)
        now_ms = Clock().now_ms()
        query = select(Reserved).where(
            col(Reserved.standing).in_(facts.HOLDS), col(Reserved.ends_ms) > now_ms
        )
        query = query.where(Reserved.machine == machine) if machine else query
        rows = session.exec(query.order_by(col(Reserved.begins_ms), col(Reserved.id))).all()
        for row, one in facts.by_now(session, rows, policies.read(session, now_ms), now_ms):
            typer.echo(f"{_line(session, row, settings.timezone)}  {one.standing}")


@reservations.command("book")
def book(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")],
    machine: MachineId,
    begins: Begins,
    ends: Ends,
    reason: Annotated[str, typer.Option(help="Why the rules do not count here.")] = "",
) -> None:
    """Book a slot for a member, by the rules that hold for them."""
    with desk(ctx) as at:
        details = BookingDetails(
            machine=machine,
            begins_ms=instant(begins, at.settings.timezone),
            ends_ms=instant(ends, at.settings.timezone),
            member=members.find(at.session, who).id,
            reason=reason,
        )
        row = booking.book(_diary(at), details)
        typer.echo(_line(at.session, row, at.settings.timezone))


@reservations.command("cancel")
def cancel(
    ctx: typer.Context,
    id: Id,
    reason: Why = "",
    waive: Annotated[bool, typer.Option("--waive", help="Charge nothing, though it is late.")] = False,
) -> None:
    """Cancel a reservation; who waits is offered its time."""
    with desk(ctx) as at:
        row = booking.cancel(_diary(at), id, reason, waive=waive)
    typer.echo(f"{id} is {row.standing}.")


@reservations.command("block")
def block(
    ctx: typer.Context,
    machine: MachineId,
    begins: Begins,
    ends: Ends,
    words: Annotated[str, typer.Option(help="What everybody reads.")] = "",
    kind: Annotated[str, typer.Option(help="maintenance or class.")] = "maintenance",
    class_session: Annotated[str, typer.Option("--class", help="The class whose people are let in.")] = "",
    displace: Annotated[bool, typer.Option("--displace", help="Reservations in it give way.")] = False,
) -> None:
    """Take a machine for maintenance or a class."""
    if kind not in KINDS:
        raise Refused("kind_malformed", "Write --kind maintenance or --kind class.")
    with desk(ctx) as at:
        details = BlockDetails(
            machine=machine,
            begins_ms=instant(begins, at.settings.timezone),
            ends_ms=instant(ends, at.settings.timezone),
            kind=Kind.CLASS if kind == "class" else Kind.MAINTENANCE,
            words=words,
            class_session=class_session or None,
            displace=displace,
        )
        row = blocks.block(_diary(at), details)
        typer.echo(_line(at.session, row, at.settings.timezone))


def _diary(at: Desk) -> Diary:
    return Diary(at.session, at.now_ms, AUTHOR, at.settings.currency.code, is_staff=True)


def _line(session: Session, row: Reserved, timezone: str) -> str:
    member = session.get_one(Member, row.member) if row.member else None
    who = member.whole_name if member else row.words or row.kind
    times = f"{shown_day(row.begins_ms, timezone)} to {shown_day(row.ends_ms, timezone)}"
    return f"{row.id}  {row.machine}  {times}  {who}".rstrip()

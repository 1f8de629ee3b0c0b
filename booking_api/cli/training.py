"""Commands for skills and who holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from booking_api.certifications import lapses, quizzes, service, skills
from booking_api.certifications.skills import DAY_MS
from booking_api.cli.base import app, day_ms, desk, read_text, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock
from booking_api.machines.models import Machine
from booking_api.members import service as members

training = typer.Typer(help="Skills: what is trained, and who holds it.", no_args_is_help=True)
app.add_typer(training, name="training")
Who = Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")]
Skill = Annotated[str, typer.Argument(help="A skill, or the machine that asks for it.", metavar="SKILL")]


@app.command()
def certify(
    ctx: typer.Context,
    who: Who,
    skill: Skill,
    until: Annotated[str | None, typer.Option(help="The day from which it has lapsed.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Without its prerequisites and its quiz.")] = False,
) -> None:
    """Give a member a skill, or let them use a machine."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        end_ms = day_ms(until, at.settings.timezone)
        held = service.grant(at.session, owner.id, skill, AUTHOR, at.now_ms, end_ms, checked=not anyway)
        is_machine = at.session.get(Machine, skill) is not None
        uses = is_machine and service.until_ms(at.session, owner.id, skill, at.now_ms) is not None
    name = owner.whole_name
    print(f"{name} may use {skill}." if uses else f"{name} has {held.skill}.")


@app.command()
def revoke(
    ctx: typer.Context,
    who: Who,
    skill: Skill,
    reason: Annotated[str, typer.Option(help="Why; the member reads it.")] = "",
) -> None:
    """Take a skill from a member, at every gateway."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        held = service.revoke(at.session, owner.id, skill, AUTHOR, at.now_ms, reason)
    print(f"{owner.whole_name} has {held.skill} no more.")


@training.command("apply")
def apply_file(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="A training.toml.")]) -> None:
    """Add and change skills by what a file says; what it does not name stays."""
    with desk(ctx) as at:
        for row, what in skills.put_file(at.session, read_text(file), str(file), at.now_ms):
            print(f"{row.id:24} {what}")


@training.command("list")
def list_skills(ctx: typer.Context) -> None:
    """List the skills, and the machines that ask for them."""
    with reading(ctx) as (_, database), database.read() as session:
        for row in skills.listed(session):
            machines = ", ".join(one.id for one in skills.machines_of(session, row.id))
            print(f"{row.id:24} {service.called(row):40} {machines}".rstrip())


@training.command("holders")
def holders(ctx: typer.Context, skill: Skill) -> None:
    """List who holds a skill, and until when."""
    now_ms = Clock().now_ms()
    with reading(ctx) as (settings, database), database.read() as session:
        for one in service.holders(session, skills.get(session, skill).id, now_ms):
            who = members.get(session, one.row.member)
            end = f"until {shown_day(one.until_ms, settings.timezone)}" if one.until_ms else "no end"
            lapsed = "  lapsed" if one.lapsed(now_ms) else ""
            print(f"{who.number:8} {who.whole_name}  {end}{lapsed}")


@training.command("lapsing")
def lapsing(ctx: typer.Context, days: Annotated[int, typer.Option(help="Within so many days.")] = 30) -> None:
    """List what lapses soon."""
    now_ms = Clock().now_ms()
    with reading(ctx) as (settings, database), database.read() as session:
        for member, skill, end_ms in lapses.lapsing(session, now_ms + days * DAY_MS, now_ms):
            who = members.get(session, member)
            when = shown_day(end_ms, settings.timezone)
            print(f"{when}  {skill:24} {who.number:8} {who.whole_name}")


@training.command("quiz-again")
def quiz_again(ctx: typer.Context, who: Who, skill: Skill) -> None:
    """Let a member try a quiz again; earlier tries are forgotten."""
    with desk(ctx) as at:
        quizzes.allow_again(at.session, skill, members.find(at.session, who).id)
    print("They may try again.")

"""Commands for the print queue."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlmodel import select

from booking_api.cli.base import app, desk, reading, shown_day
from booking_api.members.models import Member
from booking_api.prints.models import PrintJob, PrintState
from booking_api.prints.service import Queue, waiting

prints = typer.Typer(help="The print queue.", no_args_is_help=True)
app.add_typer(prints, name="prints")


@prints.command("list")
def list_prints(
    ctx: typer.Context, machine: Annotated[str, typer.Option(help="Only this machine's.")] = ""
) -> None:
    """List what waits, machine by machine, in the order in which gateways are told."""
    with reading(ctx) as (settings, database), database.read() as session:
        queued = select(PrintJob.machine).where(PrintJob.state == PrintState.QUEUED).distinct()
        found = waiting(session, [machine] if machine else session.exec(queued).all())
        for id, jobs in sorted(found.items()):
            typer.echo(id)
            for job in jobs:
                member = session.get_one(Member, job.member)
                when = shown_day(job.created_ms, settings.timezone)
                typer.echo(f"  {job.id}  {when}  {member.shown_name}  {job.name}  {job.words}".rstrip())


@prints.command("clean")
def clean(ctx: typer.Context) -> None:
    """Let old prints expire, and delete files that no print needs; each upload does the same."""
    with desk(ctx) as at:
        count = Queue(at.vault, at.settings.prints, at.now_ms).sweep(at.session)
    typer.echo(f"{count} files deleted.")

"""Commands for classes."""

from __future__ import annotations

from typing import Annotated

import typer

from booking_api.cli.base import app, desk, instant, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.courses import attendance, classes, waiting
from booking_api.courses.classes import ClassDetails
from booking_api.members import service as members
from booking_api.members.models import Member

class_app = typer.Typer(help="Classes: planned, signed up for, attended.", no_args_is_help=True)
app.add_typer(class_app, name="class")
Who = Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")]
ClassId = Annotated[str, typer.Argument(help="The class's id, as `class list` shows it.", metavar="CLASS")]


@class_app.command("list")
def list_classes(ctx: typer.Context) -> None:
    """List the classes to come, and who has a place."""
    with desk(ctx) as at:
        lines = waiting.lines(at.session)
        for seen in classes.listed(at.session, at.now_ms):
            when, name = shown_day(seen.row.starts_ms, at.settings.timezone), seen.course.names
            print(f"{seen.row.id}  {when}  {next(iter(name.values()))}  {seen.taken} of {seen.row.capacity}")
            for one in classes.people(at.session, seen.row.id):
                print(f"    {_name(members.get(at.session, one.member))}  {one.state}")
            for other in lines.get(seen.row.id, ()):
                print(f"    {_name(members.get(at.session, other.member))}  waits")


def _name(who: Member) -> str:
    return f"{who.number} {who.whole_name}"


@class_app.command("plan")
def plan_class(
    ctx: typer.Context,
    course: Annotated[str, typer.Argument(help="A course's id.")],
    instructor: Annotated[str, typer.Argument(help="Number, email or id.")],
    starts: Annotated[str, typer.Argument(help="Such as 2026-12-31T18:00, on the space's clock.")],
    capacity: Annotated[int | None, typer.Option(help="How many places; else the course's.")] = None,
    place: Annotated[str, typer.Option(help="Where.")] = "",
) -> None:
    """Plan a class."""
    with desk(ctx) as at:
        details = ClassDetails(
            course=course,
            instructor=members.find(at.session, instructor).id,
            starts_ms=instant(starts, at.settings.timezone),
            capacity=capacity,
            place=place,
        )
        print(classes.plan(at.session, details, at.now_ms).id)


@class_app.command("sign-up")
def sign_up(ctx: typer.Context, id: ClassId, who: Who) -> None:
    """Give a member a place, and charge it."""
    with desk(ctx) as at:
        member = members.find(at.session, who)
        classes.sign_up(at.session, id, member.id, AUTHOR, at.now_ms)
    print(f"{_name(member)} has a place.")


@class_app.command("wait")
def wait(ctx: typer.Context, id: ClassId, who: Who) -> None:
    """Put a member on the waiting list of a full class."""
    with desk(ctx) as at:
        member = members.find(at.session, who)
        classes.wait(at.session, id, member.id, at.now_ms)
    print(f"{_name(member)} waits for a place.")


@class_app.command("attended")
def attended(
    ctx: typer.Context,
    id: ClassId,
    who: Who,
    missed: Annotated[bool, typer.Option("--missed", help="They did not come.")] = False,
) -> None:
    """Note who came: they are certified for what the course teaches."""
    with desk(ctx) as at:
        member = members.find(at.session, who)
        attendance.attend(at.session, id, member.id, at.now_ms, came=not missed)
    print(f"{_name(member)} {'missed it' if missed else 'attended'}.")


@class_app.command("cancel")
def cancel_place(ctx: typer.Context, id: ClassId, who: Annotated[str, typer.Argument()] = "") -> None:
    """Give up a member's place, or without a member call the class off; what was charged is given back."""
    with desk(ctx) as at:
        if who:
            member = members.find(at.session, who).id
            classes.cancel(at.session, id, member, AUTHOR, at.now_ms, is_staff=True)
        else:
            classes.call_off(at.session, id, AUTHOR, at.now_ms)
    print("Cancelled.")

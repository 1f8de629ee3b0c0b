"""Courses and classes over HTTP: members take places, instructors plan and note who came."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, acts_for, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.courses import attendance, classes, waiting
from booking_api.courses.classes import ClassDetails, Seen
from booking_api.courses.models import SignUpState
from booking_api.idempotency import IdempotencyKey
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["classes"])
Teaches = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_WRITE))]


class ClassSeen(BaseModel):
    """A class to come, with its free places and how many wait. Times are UTC milliseconds."""

    id: str
    course: str
    names: dict[str, str]
    instructor: str
    starts_ms: int
    ends_ms: int
    place: str
    left: int
    waiting: int = 0
    opens_machines: bool = False


class PlaceSeen(BaseModel):
    """Somebody's place in a class."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    session: str
    member: str
    state: SignUpState


class Attendance(BaseModel):
    """Whether somebody came."""

    came: bool = True


class WaitingSeen(BaseModel):
    """Somebody's turn in a class's line; `until_ms` is set while a place is offered to them (UTC ms)."""

    session: str
    member: str
    asked_ms: int
    until_ms: int | None


@router.get("/classes")
def list_classes(session: Reading, context: Ctx, who: SignedIn) -> list[ClassSeen]:
    """List the classes to come."""
    line, now_ms = waiting.lines(session), context.clock.now_ms()
    return [_class(seen, len(line.get(seen.row.id, ()))) for seen in classes.listed(session, now_ms)]


def _class(seen: Seen, waits: int = 0) -> ClassSeen:
    return ClassSeen(
        id=seen.row.id,
        course=seen.course.id,
        names=seen.course.names,
        instructor=seen.row.instructor,
        starts_ms=seen.row.starts_ms,
        ends_ms=seen.row.ends_ms,
        place=seen.row.place,
        left=seen.left,
        waiting=waits,
        opens_machines=seen.course.opens_machines,
    )


@router.post("/classes", status_code=201)
def plan_class(
    who: Teaches, session: Writing, context: Ctx, details: ClassDetails, key: IdempotencyKey
) -> ClassSeen:
    """Plan a class."""
    now_ms = context.clock.now_ms()
    return _class(classes.seen(session, classes.plan(session, details, now_ms).id, now_ms))


@router.delete("/classes/{id}", status_code=204)
def call_off(
    who: Teaches,
    session: Writing,
    context: Ctx,
    id: str,
    reason: Annotated[str, Query(max_length=200)] = "",
) -> None:
    """Call a class off; everybody gets back what they paid."""
    check_teaches(who, classes.get(session, id).instructor)
    classes.call_off(session, id, who.id, context.clock.now_ms(), reason)


@router.get("/classes/{id}/places")
def list_places(session: Reading, who: Teaches, id: str) -> list[PlaceSeen]:
    """List who has a place in a class."""
    return [PlaceSeen.model_validate(one) for one in classes.people(session, id)]


@router.put("/classes/{id}/places/{member}", status_code=201)
def sign_up(who: SignedIn, session: Writing, context: Ctx, id: str, member: str) -> PlaceSeen:
    """Take a place; somebody who has one keeps it, and is charged once."""
    acts_for(who, member, Permission.MEMBERS_WRITE)
    kept = [one for one in classes.people(session, id) if one.member == member]
    made = kept[0] if kept else classes.sign_up(session, id, member, who.id, context.clock.now_ms())
    return PlaceSeen.model_validate(made)


@router.delete("/classes/{id}/places/{member}", status_code=204)
def give_up(who: SignedIn, session: Writing, context: Ctx, id: str, member: str) -> None:
    """Give a place up; in time, the fee comes back."""
    acts_for(who, member, Permission.MEMBERS_WRITE)
    staff = who.may(Permission.MEMBERS_WRITE) and member != who.id
    classes.cancel(session, id, member, who.id, context.clock.now_ms(), is_staff=staff)


@router.put("/classes/{id}/places/{member}/attendance")
def attend(who: Teaches, session: Writing, context: Ctx, id: str, member: str, seen: Attendance) -> PlaceSeen:
    """Note who came: they are certified for the course's machines."""
    now_ms = context.clock.now_ms()
    check_teaches(who, classes.get(session, id).instructor)
    return PlaceSeen.model_validate(attendance.attend(session, id, member, now_ms, came=seen.came))


@router.get("/classes/{id}/waiting")
def list_waiting(session: Reading, context: Ctx, who: Teaches, id: str) -> list[WaitingSeen]:
    """List who waits for a place, in the order of their turn."""
    return _line(session, id, context.clock.now_ms())


@router.put("/classes/{id}/waiting/{member}", status_code=201)
def wait(who: SignedIn, session: Writing, context: Ctx, id: str, member: str) -> WaitingSeen:
    """Wait for a place in a full class; who waits already keeps their turn."""
    acts_for(who, member, Permission.MEMBERS_WRITE)
    now_ms = context.clock.now_ms()
    classes.wait(session, id, member, now_ms)
    return next(one for one in _line(session, id, now_ms) if one.member == member)


@router.delete("/classes/{id}/waiting/{member}", status_code=204)
def stop_waiting(who: SignedIn, session: Writing, context: Ctx, id: str, member: str) -> None:
    """Wait no more; an offer passes on to the next."""
    acts_for(who, member, Permission.MEMBERS_WRITE)
    classes.stop_waiting(session, id, member, context.clock.now_ms())


def check_teaches(who: Who, instructor: str) -> None:
    """Raise Refused for whoever may not act in a class: its instructor may, and operators."""
    if who.id != instructor and not who.may(Permission.MEMBERS_WRITE):
        raise Refused("forbidden", "This is another instructor's class.")


def _line(session: Session, id: str, now_ms: int) -> list[WaitingSeen]:
    return [
        WaitingSeen(session=id, member=one.member, asked_ms=one.asked_ms, until_ms=until_ms)
        for one, until_ms in classes.line_of(session, id, now_ms)
    ]

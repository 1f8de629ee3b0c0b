"""Classes as pages: members take and give up places; instructors plan classes and note who came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.courses import attendance, classes
from booking_api.courses.classes import ClassDetails
from booking_api.courses.endpoints import check_teaches
from booking_api.courses.models import Course, SignUpState
from booking_api.members import service as members
from booking_api.web.formats import Formats
from booking_api.web.moments import instant
from booking_api.web.pages import Paged
from booking_api.web.training_words import skill_choices

router = Router(include_in_schema=False)
Teaches = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_WRITE))]
RECENT_MS = 14 * 86_400_000


@router.post("/training/classes/{id}")
def sign_up(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Take a place in a class."""
    require(who, Permission.ME_WRITE)
    classes.sign_up(session, id, who.id, who.id, page.context.clock.now_ms())
    return RedirectResponse("/training?notice=signed_up", 303)


@router.post("/training/classes/{id}/cancel")
def give_up(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Give a place up."""
    require(who, Permission.ME_WRITE)
    early = classes.cancel(session, id, who.id, who.id, page.context.clock.now_ms())
    return RedirectResponse(f"/training?notice={'gave_up' if early else 'gave_up_late'}", 303)


@router.post("/training/classes/{id}/wait")
def wait(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Wait for a place in a full class."""
    require(who, Permission.ME_WRITE)
    classes.wait(session, id, who.id, page.context.clock.now_ms())
    return RedirectResponse("/training?notice=waits", 303)


@router.post("/training/classes/{id}/wait/cancel")
def stop_waiting(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Wait no more, or refuse what was offered."""
    require(who, Permission.ME_WRITE)
    classes.stop_waiting(session, id, who.id, page.context.clock.now_ms())
    return RedirectResponse("/training?notice=left", 303)


@router.get("/classes")
def class_list(who: Teaches, page: Paged) -> Response:
    """Show the classes of the last days and those to come, with who has a place."""
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        found = classes.listed(session, now_ms - RECENT_MS, now_ms)
        people = {seen.row.id: classes.people(session, seen.row.id) for seen in found}
        ids = {one.member for rows in people.values() for one in rows} | {one.row.instructor for one in found}
        values = {
            "classes": found,
            "people": people,
            "names": {id: members.get(session, id) for id in ids},
            "taught": _taught(session, page.f),
            "courses": session.exec(select(Course).order_by(col(Course.id))).all(),
            "now_ms": now_ms,
        }
    return page.answer("classes.html", values)


@router.get("/classes/{id}")
def class_page(who: Teaches, page: Paged, id: str) -> Response:
    """Show one class as its instructor works with it: who comes, who waits; printed it is a list to sign."""
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        seen = classes.seen(session, id, now_ms)
        people, line = classes.people(session, id), classes.line_of(session, id, now_ms)
        came = [one.member for one in people if one.state is SignUpState.ATTENDED]
        ids = {one.member for one in people} | {one.member for one, _ in line} | {seen.row.instructor}
        values = {
            "seen": seen,
            "people": people,
            "line": line,
            "lacking": {one: attendance.lacking(session, seen.row, one) for one in came},
            "names": {one: members.get(session, one) for one in ids},
            "now_ms": now_ms,
        }
    return page.answer("class.html", values)


@router.post("/classes")
def plan(
    who: Teaches,
    session: Writing,
    page: Paged,
    course: Annotated[str, Form(max_length=40)],
    begin: Annotated[str, Form(max_length=16)],
    place: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Plan a class; who plans it teaches it."""
    details = ClassDetails(course=course, instructor=who.id, starts_ms=instant(begin, page.f), place=place)
    classes.plan(session, details, page.context.clock.now_ms())
    return RedirectResponse("/classes?notice=kept", 303)


@router.post("/classes/{id}/cancel")
def call_off(
    who: Teaches,
    session: Writing,
    page: Paged,
    id: str,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Call a class off."""
    check_teaches(who, classes.get(session, id).instructor)
    classes.call_off(session, id, who.id, page.context.clock.now_ms(), reason)
    return RedirectResponse("/classes?notice=called_off", 303)


@router.post("/classes/{id}/places/{member}")
def attend(
    who: Teaches,
    session: Writing,
    page: Paged,
    id: str,
    member: str,
    came: Annotated[str, Form(max_length=3)],
) -> Response:
    """Note whether somebody came."""
    check_teaches(who, classes.get(session, id).instructor)
    attendance.attend(session, id, member, page.context.clock.now_ms(), came=came == "yes")
    return RedirectResponse(f"/classes/{id}?notice=kept", 303)


def _taught(session: Session, formats: Formats) -> Callable[[Course], str]:
    """Return what writes the skills that a course teaches."""
    names = dict(skill_choices(session, formats))
    return lambda course: ", ".join(names.get(one, one) for one in course.certifies)

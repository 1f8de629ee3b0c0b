"""Training as pages: mine, a skill with who holds it, and staff who sign members off."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.certifications import quizzes, service, sign_off, skills
from booking_api.certifications.models import Skill
from booking_api.courses import classes
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.web.board import names_of
from booking_api.web.moments import day_ends
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.training_words import asked_words, rules_words
from floor.training import in_force

router = Router(include_in_schema=False)
Certifies = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_WRITE))]
Reads = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_READ))]


@router.get("/training")
def my_training(who: SignedIn, page: Paged) -> Response:
    """Show the reader's skills and when each lapses, their machines, quizzes, and classes to come."""
    require(who, Permission.ME_READ)
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        mine = service.holdings(session, who.id, now_ms)
        coming = classes.listed(session, now_ms)
        turns = {seen.row.id: classes.turn_of(session, seen.row.id, who.id, now_ms) for seen in coming}
        values = {
            "member": members.get(session, who.id),
            "certifications": mine,
            "now_ms": now_ms,
            "quizzes": _quizzes(session, who.id, now_ms),
            "machines": _machines(session, page, who.id, now_ms),
            "classes": coming,
            "turns": turns,
            "places": {one.session: one for one in classes.of_member(session, who.id)},
            "names": names_of(session, {seen.row.instructor for seen in coming}),
        }
    return page.answer("training.html", values)


@router.get("/skills")
def skill_list(who: Reads, page: Paged) -> Response:
    """Show the skills, and how many hold each."""
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        values = {
            "skills": skills.listed(session),
            "held": service.counts(session, now_ms),
        }
    return page.answer("skills.html", values)


@router.get("/skills/{id}")
def skill_page(who: SignedIn, page: Paged, id: str) -> Response:
    """Show a skill: its rules, the machines that ask for it, and to staff who holds it."""
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        skill = skills.get(session, id)
        held = service.holders(session, id, now_ms) if page.may(Permission.CERTIFICATIONS_READ) else []
        values = {
            "skill": skill,
            "rules": rules_words(session, skill, page.f),
            "machines": skills.machines_of(session, id),
            "courses": classes.that_teach(session, id),
            "held": held,
            "people": _whole_names(session, {one.row.member for one in held}),
            "instructors": names_of(session, set(skill.instructors)),
            "now_ms": now_ms,
        }
    return page.answer("skill.html", values)


@router.post("/members/{id}/certify")
def certify(
    who: Certifies,
    session: Writing,
    page: Paged,
    id: str,
    skill: Annotated[str, Form(max_length=64)] = "",
    machine: Annotated[str, Form(max_length=64)] = "",
    until: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Sign a member off for a skill until the end of a day, or for as long as it says."""
    until_ms = day_ends(until, page.f)
    sign_off.on_page(session, id, skill or machine, who.id, page.context.clock.now_ms(), until_ms)
    return RedirectResponse(f"/members/{id}?notice=granted", 303)


@router.post("/members/{id}/certifications/{skill}/revoke")
def revoke(
    who: Certifies,
    session: Writing,
    page: Paged,
    id: str,
    skill: str,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Take a skill away."""
    sign_off.revoke(session, id, skill, who.id, page.context.clock.now_ms(), reason)
    return RedirectResponse(f"/members/{id}?notice=revoked", 303)


def _quizzes(session: Session, member: str, now_ms: int) -> list[tuple[Skill, quizzes.Desk]]:
    found = [row for row in skills.listed(session) if row.quiz is not None]
    return [(row, quizzes.desk(session, row.id, member)) for row in found]


def _machines(session: Session, page: Page, member: str, now_ms: int) -> list[tuple[str, str, bool, str]]:
    """Return each machine that asks for training: id, name, whether the member may, and what it asks for."""
    there = [one for one in machines.listed(session) if machines.requirement_of(one) is not None]
    mine = service.allowed(session, member, there, now_ms)
    return [
        (one.id, one.name, in_force(mine.get(one.id), now_ms), asked_words(session, one, page.f))
        for one in there
    ]


def _whole_names(session: Session, ids: set[str]) -> dict[str, str]:
    found = session.exec(select(Member).where(col(Member.id).in_(ids)))
    return {one.id: one.whole_name for one in found}

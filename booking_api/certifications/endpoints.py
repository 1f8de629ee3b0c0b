"""Skills and certifications over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.certifications import service, sign_off, skills
from booking_api.certifications.models import Skill
from booking_api.certifications.service import Holding

router = Router(prefix="/api/v1", tags=["certifications"])
Reads = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_READ))]
Writes = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_WRITE))]
Plans = Annotated[Who, Depends(holds(Permission.MACHINES_WRITE))]
Reason = Annotated[str, Query(max_length=200)]


class SkillSeen(BaseModel):
    """A skill: its names by language, what must be had first, and when it lapses (docs/training.md)."""

    id: str
    names: dict[str, str]
    months: int | None
    unused_days: int
    hours: int
    practice_hours: int
    practice_days: int
    requires: Any
    lasting: bool
    at_machine: bool
    has_quiz: bool
    machines: list[str]


class SkillsFile(BaseModel):
    """The text of a training.toml."""

    text: Annotated[str, Field(min_length=1, max_length=1_000_000)]


class SkillKept(BaseModel):
    """What became of a skill of the file: "added", "changed" or "as it was"."""

    id: str
    what: str


class CertificationSeen(BaseModel):
    """That a member has a skill; `expires_ms` (UTC milliseconds) is None when it has no end of its own.

    `until_ms` is until when it stands by all its rules, 0 without end. `machine` is the skill's id again: a
    machine without skills of its own asks for the one that is called as it is.
    """

    member: str
    skill: str
    machine: str
    granted_by: str
    granted_ms: int
    expires_ms: int | None
    until_ms: int


class MayUse(BaseModel):
    """That a member may use a machine by their training until `until_ms` (UTC milliseconds; 0: no end).

    `expires_ms` says the same with None for no end.
    """

    member: str
    machine: str
    until_ms: int
    expires_ms: int | None


class Grant(BaseModel):
    """Until when a certification holds: UTC milliseconds, None for as long as the skill says."""

    expires_ms: Annotated[int, Field(ge=0, lt=1 << 47)] | None = None


def _seen(one: Holding) -> CertificationSeen:
    row = one.row
    return CertificationSeen(
        member=row.member,
        skill=row.skill,
        machine=row.skill,
        granted_by=row.granted_by,
        granted_ms=row.granted_ms,
        expires_ms=row.expires_ms,
        until_ms=one.until_ms,
    )


def _skill(row: Skill, machines: list[str]) -> SkillSeen:
    return SkillSeen(**row.model_dump(), has_quiz=row.quiz is not None, machines=machines)


@router.get("/skills")
def list_skills(session: Reading, who: SignedIn) -> list[SkillSeen]:
    """List the skills that can be trained, and the machines that ask for each."""
    return [
        _skill(row, [one.id for one in skills.machines_of(session, row.id)]) for row in skills.listed(session)
    ]


@router.post("/skills")
def keep_skills(who: Plans, session: Writing, context: Ctx, file: SkillsFile) -> list[SkillKept]:
    """Add and change skills by the text of a training.toml; what it does not name stays."""
    kept = skills.put_file(session, file.text, "training.toml", context.clock.now_ms())
    return [SkillKept(id=row.id, what=what) for row, what in kept]


@router.get("/skills/{id}/certifications")
def list_of_skill(session: Reading, who: Reads, context: Ctx, id: str) -> list[CertificationSeen]:
    """List who holds a skill."""
    skills.get(session, id)
    return [_seen(one) for one in service.holders(session, id, context.clock.now_ms())]


@router.get("/members/{member}/certifications")
def list_of_member(session: Reading, who: SignedIn, context: Ctx, member: str) -> list[CertificationSeen]:
    """List the skills that a member holds."""
    own_or(who, member, Permission.CERTIFICATIONS_READ)
    return [_seen(one) for one in service.holdings(session, member, context.clock.now_ms())]


@router.get("/machines/{machine}/certifications")
def list_of_machine(session: Reading, who: Reads, context: Ctx, machine: str) -> list[MayUse]:
    """List who may use a machine by their training, lapsed ones included."""
    found = service.of_machine(session, machine, context.clock.now_ms())
    return [
        MayUse(member=member, machine=machine, until_ms=end, expires_ms=end or None)
        for member, end in found.items()
    ]


@router.put("/members/{member}/certifications/{skill}")
def grant(
    who: Writes, session: Writing, context: Ctx, member: str, skill: str, given: Grant
) -> CertificationSeen:
    """Sign a member off for a skill, or renew it; a machine's id stands for the one skill it asks for."""
    now_ms = context.clock.now_ms()
    row = sign_off.on_page(session, member, skill, who.id, now_ms, given.expires_ms)
    return next(_seen(one) for one in service.holdings(session, member, now_ms) if one.skill.id == row.skill)


@router.delete("/members/{member}/certifications/{skill}", status_code=204)
def revoke(who: Writes, session: Writing, context: Ctx, member: str, skill: str, reason: Reason = "") -> None:
    """Take a skill away, at every gateway."""
    sign_off.revoke(session, member, skill, who.id, context.clock.now_ms(), reason)

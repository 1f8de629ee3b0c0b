"""Members over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, select

from booking_api.accounts import service as accounts
from booking_api.api.routes import Router
from booking_api.auth import letters
from booking_api.auth import service as auth
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or, require, require_recent
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members import care, service
from booking_api.members.models import Member
from booking_api.memberships.days import begin_ms
from booking_api.paging import Cursor, Limit, Page, page
from booking_api.reservations import freeing
from floor.errors import Refused
from floor.words import Role

router = Router(prefix="/api/v1/members", tags=["members"])
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Reads = Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]


class MemberSeen(BaseModel):
    """What instructors and technicians see of a member. Times are UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    number: str
    first_name: str
    last_name: str
    shown_name: str
    role: Role
    tier: str
    valid_until_ms: int | None
    suspended_reason: str | None
    suspended_until_ms: int | None


class MemberWhole(MemberSeen):
    """All of a member: for themselves and for operators.

    `account` is their own, and `credit_limit_micro` what it may owe. Machines charge `charges_to`, or the
    member's own account where that is None.
    """

    email: str | None
    language: str
    account: str
    charges_to: str | None
    credit_limit_micro: int | None
    created_ms: int


class Suspending(BaseModel):
    """Why a member is suspended, and the day from which they are not any more (None: until it is ended)."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    until: date | None = None


class SuspensionSeen(BaseModel):
    """A suspension: why, by whom ("" for nobody who signs in), since and until when (UTC milliseconds)."""

    model_config = ConfigDict(from_attributes=True)

    reason: str
    by: str
    at_ms: int
    until_ms: int | None
    ended_ms: int | None
    ended_by: str


class CareSeen(care.Contact):
    """Who is called in an emergency, until when a member is a minor, and who answers for them."""

    model_config = ConfigDict(from_attributes=True)

    member: str
    minor_until: date | None
    guardian: str | None
    guardian_name: str
    guardian_contact: str


class SignInDetails(BaseModel):
    """How a member signs in."""

    login: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("")
def list_members(
    session: Reading, who: Reads, text: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = "", limit: Limit = 50,
) -> Page[MemberSeen]:  # fmt: skip
    """List members in the order of their admission; `text` is a part of a name, a number or an email."""
    query = service.matching(select(Member), text)
    rows, following = page(session, query, Member.id, cursor, limit)
    return Page(items=[MemberSeen.model_validate(row) for row in rows], next=following)


@router.get("/me")
def get_me(session: Reading, who: SignedIn) -> MemberWhole:
    """Return who asks."""
    require(who, Permission.ME_READ)
    return _whole(session, service.get(session, who.id))


@router.get("/{id}")
def get_member(session: Reading, who: SignedIn, id: str) -> MemberWhole | MemberSeen:
    """Return a member: whole for themselves and operators, without address and account for other staff."""
    own_or(who, id, Permission.MEMBERS_READ)
    member = service.get(session, id)
    if who.may_see(id, Permission.MEMBERS_WRITE):
        return _whole(session, member)
    return MemberSeen.model_validate(member)


@router.post("", status_code=201)
def add_member(who: Writes, session: Writing, context: Ctx, details: service.MemberDetails) -> MemberWhole:
    """Admit a member."""
    _check_role(who, details.role, None)
    return _whole(session, service.add(session, details, context.clock.now_ms()))


@router.patch("/{id}")
def change_member(
    who: Writes, session: Writing, context: Ctx, id: str, changes: service.MemberChanges
) -> MemberWhole:
    """Change what is given of a member."""
    if "role" in changes.model_fields_set:
        require_recent(who, context)
        _check_role(who, changes.role, service.get(session, id))
    if "email" in changes.model_fields_set:
        _check_role(who, Role.MEMBER, service.get(session, id))  # a new password is sent there
    member, now_ms = service.get(session, id), context.wall.now_ms()
    email, role = member.email, member.role
    service.change(session, id, changes, context.clock.now_ms())
    letters.address_changed(session, member, email, now_ms)
    if member.role is not role:
        auth.end_links(session, id, now_ms)  # they were sent by who may have had fewer rights
    return _whole(session, member)


@router.post("/{id}/suspend")
def suspend_member(who: Writes, session: Writing, context: Ctx, id: str, why: Suspending) -> MemberWhole:
    """Stop a member from using machines, at every gateway."""
    until_ms = begin_ms(why.until, context.zone) if why.until else None
    now_ms = context.clock.now_ms()
    return _whole(session, freeing.suspend(session, id, why.reason, now_ms, until_ms, who.id))


@router.post("/{id}/restore")
def restore_member(who: Writes, session: Writing, context: Ctx, id: str) -> MemberWhole:
    """End a suspension."""
    return _whole(session, service.restore(session, id, context.clock.now_ms(), who.id))


@router.get("/{id}/suspensions")
def list_suspensions(session: Reading, who: Reads, id: str) -> list[SuspensionSeen]:
    """List a member's suspensions, the newest first."""
    return [
        SuspensionSeen.model_validate(row)
        for row in service.suspensions(session, service.get(session, id).id)
    ]


@router.get("/{id}/care")
def get_care(session: Reading, who: SignedIn, id: str) -> CareSeen:
    """Return who is called in an emergency, and who answers for a minor: for themselves and for staff."""
    own_or(who, id, Permission.MEMBERS_READ)
    return CareSeen.model_validate(care.of(session, service.get(session, id).id))


def _reaching(who: SignedIn, id: str) -> Who:
    if who.id != id or not who.may(Permission.ME_WRITE):
        require(who, Permission.MEMBERS_WRITE)
    return who


@router.put("/{id}/contact")
def set_contact(
    who: Annotated[Who, Depends(_reaching)], session: Writing, id: str, contact: care.Contact
) -> CareSeen:
    """Say how a member and their people are reached."""
    return CareSeen.model_validate(care.set_contact(session, id, contact))


@router.put("/{id}/guardianship")
def set_guardianship(
    who: Writes, session: Writing, context: Ctx, id: str, given: care.Guardianship
) -> CareSeen:
    """Say until when a member is a minor, and who answers for them."""
    return CareSeen.model_validate(care.set_guardianship(session, id, given, context.clock.now_ms()))


@router.put("/{id}/sign-in", status_code=204)
def set_sign_in(who: Writes, session: Writing, context: Ctx, id: str, details: SignInDetails) -> None:
    """Give a member a sign-in name and a password; whoever was signed in as them is signed out."""
    require_recent(who, context)
    _check_role(who, Role.MEMBER, service.get(session, id))
    auth.set_password(session, id, details.login, details.password, context.wall.now_ms())


def _whole(session: Session, member: Member) -> MemberWhole:
    limit = accounts.get(session, member.account).credit_limit_micro
    return MemberWhole.model_validate(member.model_dump() | {"credit_limit_micro": limit})


def _check_role(who: Who, given: Role, before: Member | None) -> None:
    """Let only those who may give roles touch anybody's but a plain member's: no operator makes an admin."""
    touched = {given} | ({before.role} if before else set())
    if touched != {Role.MEMBER} and not who.may(Permission.ROLES_WRITE):
        raise Refused("forbidden", "Only an admin gives or takes a role, or changes the sign-in of staff.")

"""Others' sign-in over HTTP: invitations, signing somebody out, a second factor that was lost."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth import letters, staff
from booking_api.auth.guards import Ctx, Reading, Writing, holds, require_recent
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from floor.words import Role

router = Router(prefix="/api/v1", tags=["sign-in"])
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]


class InvitationDetails(BaseModel):
    """Whom to invite, and as what; a role beyond a member's is an administrator's to give."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=3, max_length=254)]
    role: Role = Role.MEMBER


class InvitationSeen(BaseModel):
    """An open invitation. Its link stands in the letter alone. Times are UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    role: Role
    author: str
    created_ms: int
    expires_ms: int


class Reason(BaseModel):
    """Why it is done."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("/invitations")
def list_invitations(who: Writes, session: Reading, context: Ctx) -> list[InvitationSeen]:
    """List the invitations that nobody has taken yet, newest first."""
    return [
        InvitationSeen.model_validate(one) for one in letters.open_invitations(session, context.wall.now_ms())
    ]


@router.post("/invitations", status_code=201)
def invite(who: Writes, session: Writing, context: Ctx, details: InvitationDetails) -> InvitationSeen:
    """Invite somebody by letter; its link opens once."""
    staff.check_role(who, details.role)
    settings = context.settings
    made = letters.invite(
        session, details.email, details.role, who.id, settings.address, settings.language,
        settings.sign_in.invitation_days, context.wall.now_ms(),
    )  # fmt: skip
    return InvitationSeen.model_validate(made)


@router.delete("/invitations/{id}", status_code=204)
def call_back(who: Writes, session: Writing, context: Ctx, id: str) -> None:
    """Call an invitation back."""
    letters.call_back(session, id, context.wall.now_ms())


@router.post("/members/{id}/sign-out", status_code=204)
def sign_out(who: Writes, session: Writing, context: Ctx, id: str) -> None:
    """Sign a member out in every browser."""
    staff.sign_out(session, who, id, context.wall.now_ms())


@router.post("/members/{id}/reset-second-factor", status_code=204)
def reset_second_factor(who: Writes, session: Writing, context: Ctx, id: str, details: Reason) -> None:
    """Take codes and passkeys from a member who lost them, and sign them out; for staff, an administrator."""
    require_recent(who, context)
    staff.reset_second_factor(session, who, id, details.reason, context.wall.now_ms())

"""Who wants to join, over HTTP: for staff. Strangers write on the page `/join`."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.api.routes import Router
from booking_api.auth import letters
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.registrations import service
from booking_api.registrations.models import RegistrationState

router = Router(prefix="/api/v1/registrations", tags=["registrations"])
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]


class RegistrationSeen(BaseModel):
    """Somebody who wants to join; `member` is who they became."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    state: RegistrationState
    first_name: str
    last_name: str
    email: str
    language: str
    phone: str
    plan: str
    note: str
    minor_until: date | None
    guardian_name: str
    guardian_contact: str
    written_ms: int
    confirmed_ms: int | None
    decided_ms: int | None
    reason: str
    member: str | None


class Approval(BaseModel):
    """Which plan they are given; None is the one that they wish for, "" none."""

    model_config = ConfigDict(extra="forbid")

    plan: Annotated[str, Field(max_length=40)] | None = None


class Decline(BaseModel):
    """Why not; the letter says it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=400)]


@router.get("")
def list_registrations(session: Reading, who: Writes) -> list[RegistrationSeen]:
    """List who waits for an answer, then who was answered lately."""
    return [RegistrationSeen.model_validate(row) for row in service.listed(session)]


@router.post("/{id}/approve")
def approve(who: Writes, session: Writing, context: Ctx, id: str, answer: Approval) -> RegistrationSeen:
    """Admit somebody."""
    service.approve(
        session,
        id,
        who.id,
        context.wall.now_ms(),
        context.clock.now_ms(),
        welcome(session, context),
        plan=answer.plan,
    )
    return RegistrationSeen.model_validate(service.get(session, id))


@router.post("/{id}/decline")
def decline(who: Writes, session: Writing, context: Ctx, id: str, answer: Decline) -> RegistrationSeen:
    """Say no."""
    real_ms, now_ms = context.wall.now_ms(), context.clock.now_ms()
    return RegistrationSeen.model_validate(
        service.decline(session, id, who.id, answer.reason, real_ms, now_ms)
    )


def welcome(session: Session, context: Context) -> service.Welcome:
    """Return what writes to each new member how they sign in from now on."""
    settings = context.settings
    days, now_ms = settings.sign_in.invitation_days, context.wall.now_ms()
    return lambda member: letters.welcome(session, member, settings.address, days, now_ms)

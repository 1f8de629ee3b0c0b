"""Certifications over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.certifications import service

router = APIRouter(prefix="/api/v1", tags=["certifications"])
Writes = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_WRITE))]


class CertificationSeen(BaseModel):
    """That a member may use a machine; `expires_ms` (UTC milliseconds) is None when it has no end."""

    model_config = ConfigDict(from_attributes=True)

    member: str
    machine: str
    granted_by: str
    granted_ms: int
    expires_ms: int | None


class Grant(BaseModel):
    """Until when a certification holds: UTC milliseconds, None for no end."""

    expires_ms: Annotated[int, Field(ge=0, lt=1 << 47)] | None = None


@router.get("/members/{member}/certifications")
def list_of_member(session: Reading, who: SignedIn, member: str) -> list[CertificationSeen]:
    """List what a member is certified for."""
    own_or(who, member, Permission.CERTIFICATIONS_READ)
    return [CertificationSeen.model_validate(held) for held in service.of_member(session, member)]


@router.get("/machines/{machine}/certifications")
def list_of_machine(
    session: Reading, who: Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_READ))], machine: str
) -> list[CertificationSeen]:
    """List who is certified for a machine."""
    return [CertificationSeen.model_validate(held) for held in service.of_machine(session, machine)]


@router.put("/members/{member}/certifications/{machine}")
def grant(
    who: Writes, session: Writing, context: Ctx, member: str, machine: str, given: Grant
) -> CertificationSeen:
    """Certify a member for a machine, or renew it."""
    now_ms = context.clock.now_ms()
    held = service.grant(session, member, machine, who.id, now_ms, given.expires_ms)
    return CertificationSeen.model_validate(held)


@router.delete("/members/{member}/certifications/{machine}", status_code=204)
def revoke(who: Writes, session: Writing, context: Ctx, member: str, machine: str) -> None:
    """Take a certification away, at every gateway."""
    service.revoke(session, member, machine, who.id, context.clock.now_ms())

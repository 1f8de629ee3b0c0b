"""Waivers over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.machines import service as machines
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import day_of
from booking_api.waivers import service
from booking_api.waivers.models import How
from booking_api.waivers.service import Signing, WaiverDetails
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["waivers"])
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Reads = Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]


class WaiverSeen(BaseModel):
    """A version of a waiver, as in WaiverVersion."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    n: int
    names: dict[str, str]
    texts: dict[str, str]
    sha256: str
    again: bool
    due: date
    grace_days: int
    minors_only: bool
    required: bool
    machines: list[str]
    machine_kinds: list[str]


class AskedSeen(BaseModel):
    """A version that a member has to sign, from when on it is missing, and whether it is."""

    version: str
    due: date
    is_missing: bool


class SignatureSeen(BaseModel):
    """That a version was signed; `at_ms` is UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    version: str
    how: How
    name: str
    guardian: str
    language: str
    sha256: str
    at_ms: int


class WaiversOf(BaseModel):
    """What a member has to sign, and has signed."""

    asked: list[AskedSeen]
    signed: list[SignatureSeen]


class Agreement(BaseModel):
    """A whole name typed as a signature; `agreed` says that the text was read and agreed to."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    agreed: bool
    language: Annotated[str, Field(max_length=8)] = "en"


@router.get("/waivers")
def list_waivers(session: Reading, who: SignedIn) -> list[WaiverSeen]:
    """List the newest version of each waiver that has to be signed."""
    require(who, Permission.ME_READ)
    return [WaiverSeen.model_validate(row) for row in service.newest(session)]


@router.post("/waivers", status_code=201)
def publish(who: Writes, session: Writing, context: Ctx, details: WaiverDetails) -> WaiverSeen:
    """Publish a new version; who has to sign it is told."""
    return WaiverSeen.model_validate(service.publish(session, details, who.id, context.clock.now_ms()))


@router.get("/waivers/missing")
def list_missing(
    session: Reading, who: Reads, context: Ctx, machine: Annotated[str, Query(max_length=64)] = ""
) -> list[str]:
    """List the ids of all members who may not use a machine (none named: any) for want of a signature."""
    used = machines.get(session, machine) if machine else None
    found = service.missing(session, None, day_of(context.clock.now_ms(), context.zone), used)
    return list(session.exec(select(Member.id).where(col(Member.id).in_(found)).order_by(col(Member.sort))))


@router.get("/members/{id}/waivers")
def list_of_member(session: Reading, who: SignedIn, context: Ctx, id: str) -> WaiversOf:
    """List what a member has to sign, and has signed."""
    own_or(who, id, Permission.MEMBERS_READ)
    today = day_of(context.clock.now_ms(), context.zone)
    return WaiversOf(
        asked=[
            AskedSeen(version=one.version.id, due=one.due, is_missing=one.is_missing)
            for one in service.asked(session, members.get(session, id), today)
        ],
        signed=[SignatureSeen.model_validate(row) for row in service.signatures(session, id)],
    )


@router.post("/members/{id}/waivers/{version}", status_code=201)
def sign(
    who: SignedIn, session: Writing, context: Ctx, id: str, version: str, agreement: Agreement
) -> SignatureSeen:
    """Sign for oneself or for a minor whose guardian one is; staff note what was signed on paper."""
    signing = signing_of(session, who, context, id, agreement)
    row = service.sign(session, id, version, signing, context.clock.now_ms())
    return SignatureSeen.model_validate(row)


def signing_of(session: Session, who: Who, context: Context, member: str, agreement: Agreement) -> Signing:
    """Return who signs how; raises Refused for who may not, and where the text is not agreed to."""
    if not agreement.agreed:
        raise Refused("agreement_missing", "Say that you have read the text and agree.")
    today = day_of(context.clock.now_ms(), context.zone)
    if member == who.id and who.may(Permission.ME_WRITE):
        return Signing(agreement.name, agreement.language, How.PAGE, who.id)
    if who.may(Permission.ME_WRITE) and member in {one.id for one in care.wards(session, who.id, today)}:
        return Signing(agreement.name, agreement.language, How.PAGE, who.id, guardian=True)
    require(who, Permission.MEMBERS_WRITE)
    is_minor = care.is_minor(session, member, today)
    return Signing(agreement.name, agreement.language, How.DESK, who.id, guardian=is_minor)

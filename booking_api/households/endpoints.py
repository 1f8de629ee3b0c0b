"""Households over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.households import service
from booking_api.households.models import Household
from booking_api.households.service import HouseholdDetails
from booking_api.members import service as members

router = Router(prefix="/api/v1", tags=["households"])
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Reads = Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]


class HouseholdSeen(BaseModel):
    """A household: who is in it, and the member who pays for all on `account` (None: each for themselves)."""

    id: str
    name: str
    people: list[str]
    payer: str | None
    account: str | None


class HouseholdMade(HouseholdDetails):
    """A new household with its first member."""

    member: Annotated[str, Field(max_length=64)]


class Payer(BaseModel):
    """Who pays for all; None: each for themselves."""

    model_config = ConfigDict(extra="forbid")

    member: Annotated[str, Field(max_length=64)] | None


@router.post("/households", status_code=201)
def make(who: Writes, session: Writing, context: Ctx, details: HouseholdMade) -> HouseholdSeen:
    """Make a household."""
    member = members.get(session, details.member).id
    name = HouseholdDetails(name=details.name)
    return _seen(session, service.make(session, name, member, context.clock.now_ms()))


@router.get("/households/{id}")
def get(session: Reading, who: Reads, id: str) -> HouseholdSeen:
    """Return a household."""
    return _seen(session, service.get(session, id))


@router.get("/members/{id}/household")
def get_of_member(session: Reading, who: SignedIn, id: str) -> HouseholdSeen | None:
    """Return the household that a member is in."""
    own_or(who, id, Permission.MEMBERS_READ)
    row = service.of_member(session, members.get(session, id).id)
    return _seen(session, row) if row else None


@router.patch("/households/{id}")
def rename(who: Writes, session: Writing, id: str, details: HouseholdDetails) -> HouseholdSeen:
    """Call a household otherwise."""
    return _seen(session, service.rename(session, id, details))


@router.put("/households/{id}/people/{member}", status_code=204)
def put(who: Writes, session: Writing, context: Ctx, id: str, member: str) -> None:
    """Take a member in."""
    service.put(session, id, member, context.clock.now_ms())


@router.delete("/households/{id}/people/{member}", status_code=204)
def remove(who: Writes, session: Writing, context: Ctx, id: str, member: str) -> None:
    """Take a member out; a household that nobody is in any more is gone."""
    service.remove(session, id, member, context.clock.now_ms())


@router.put("/households/{id}/payer")
def set_payer(who: Writes, session: Writing, context: Ctx, id: str, payer: Payer) -> HouseholdSeen:
    """Have one member pay for all, or each for themselves."""
    now_ms = context.clock.now_ms()
    if payer.member is None:
        return _seen(session, service.pay_apart(session, id, now_ms))
    return _seen(session, service.pay_together(session, id, payer.member, now_ms))


def _seen(session: Session, row: Household) -> HouseholdSeen:
    return HouseholdSeen(
        id=row.id,
        name=row.name,
        people=[one.id for one in service.people(session, row.id)],
        payer=service.payer(session, row) or None,
        account=row.account,
    )

"""Disputes over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.disputes import service
from booking_api.disputes.models import DisputeState
from booking_api.disputes.service import WORDS_MAX, Standing
from booking_api.idempotency import IdempotencyKey
from booking_api.paging import LISTED_MAX
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["disputes"])
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Decides = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Words = Annotated[str, Field(min_length=1, max_length=WORDS_MAX)]


class EventSeen(BaseModel):
    """A step of a dispute; `entry` is what it posted, `amount_micro` what that gave back."""

    model_config = ConfigDict(from_attributes=True)

    state: DisputeState
    author: str
    at_ms: int
    words: str
    entry: str | None
    amount_micro: int | None


class DisputeSeen(BaseModel):
    """A dispute with its steps, oldest first. Times are UTC milliseconds, amounts micro-units."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    visit: str
    period: str
    charge: str
    account: str
    member: str
    state: DisputeState
    commodity: str
    amount_micro: int
    opened_ms: int
    closed_ms: int | None
    events: list[EventSeen]


class Opening(BaseModel):
    """Why a charge is wrong."""

    reason: Words


class Decision(BaseModel):
    """What is said to the member."""

    words: Words


class Adjustment(Decision):
    """What is given back, in micro-units of the charge's commodity."""

    amount_micro: Annotated[int, Field(gt=0, lt=1 << 53)]


@router.post("/charges/{charge}/disputes", status_code=201)
def open_dispute(who: SignedIn, session: Writing, context: Ctx, charge: str, details: Opening) -> DisputeSeen:
    """Dispute a charge: one's own, that of a team that one owns, or anybody's for an operator."""
    check_may_dispute(session, who, charge)
    return seen(service.open_dispute(session, charge, details.reason, who.id, context.clock.now_ms()))


@router.get("/members/{member}/disputes")
def list_own(session: Reading, who: SignedIn, member: str) -> list[DisputeSeen]:
    """List what a member disputed, newest first."""
    own_or(who, member, Permission.LEDGER_READ)
    return [seen(one) for one in service.of_member(session, member)]


@router.get("/disputes")
def list_disputes(
    session: Reading,
    who: Reads,
    state: DisputeState | None = None,
    at: Annotated[int, Query(ge=0, le=1_000_000, deprecated=True)] = 0,
) -> list[DisputeSeen]:
    """List disputes; open ones oldest first, others newest first."""
    return [seen(one) for one in service.listed(session, state, LISTED_MAX, at)]


@router.get("/disputes/{id}")
def get_dispute(session: Reading, who: SignedIn, id: str) -> DisputeSeen:
    """Return a dispute: for who opened it, who may dispute the charge, and operators."""
    found = service.get(session, id)
    check_may_read(session, who, found)
    return seen(found)


@router.post("/disputes/{id}/adjust", status_code=201)
def adjust(
    who: Decides, session: Writing, context: Ctx, id: str, details: Adjustment, key: IdempotencyKey
) -> DisputeSeen:
    """Give a part of the charge back."""
    now_ms = context.clock.now_ms()
    return seen(service.adjust(session, id, details.amount_micro, details.words, who.id, now_ms))


@router.post("/disputes/{id}/waive", status_code=201)
def waive(
    who: Decides, session: Writing, context: Ctx, id: str, details: Decision, key: IdempotencyKey
) -> DisputeSeen:
    """Take the whole charge back."""
    return seen(service.waive(session, id, details.words, who.id, context.clock.now_ms()))


@router.post("/disputes/{id}/refuse", status_code=201)
def refuse(who: Decides, session: Writing, context: Ctx, id: str, details: Decision) -> DisputeSeen:
    """Leave the charge as it is, and say why."""
    return seen(service.refuse(session, id, details.words, who.id, context.clock.now_ms()))


@router.post("/disputes/{id}/withdraw", status_code=201)
def withdraw(who: SignedIn, session: Writing, context: Ctx, id: str) -> DisputeSeen:
    """Take one's own dispute back."""
    require(who, Permission.ME_WRITE)
    return seen(service.withdraw(session, id, who.id, context.clock.now_ms()))


def check_may_dispute(session: Session, who: Who, charge: str) -> None:
    """Raise Refused for whoever may not dispute a charge."""
    own = service.may_dispute(session, billing.live_charge(session, charge), who.id)
    if not (own and who.may(Permission.ME_WRITE)) and not who.may(Permission.LEDGER_WRITE):
        raise Refused("forbidden", "This is another member's.")


def check_may_read(session: Session, who: Who, standing: Standing) -> None:
    """Raise Refused for whoever has no part in a dispute; what the desk opened for somebody is theirs too."""
    charge = session.get(Charge, standing.dispute.charge)
    theirs = charge is not None and service.is_theirs(session, standing.dispute, charge, who.id)
    if not (theirs and who.may(Permission.ME_READ)) and not who.may(Permission.LEDGER_READ):
        raise Refused("forbidden", "This is another member's.")


def seen(standing: Standing) -> DisputeSeen:
    """Return a dispute as it is shown."""
    events = [EventSeen.model_validate(event) for event in standing.events]
    return DisputeSeen(**standing.dispute.model_dump(), events=events)

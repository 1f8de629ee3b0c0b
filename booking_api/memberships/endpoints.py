"""Memberships over HTTP: members act for themselves and for teams that they own."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.accounts import teams
from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, acts_for, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.db import zone_of
from booking_api.idempotency import IdempotencyKey
from booking_api.memberships import billing, plans, service
from booking_api.memberships.days import day_of
from booking_api.memberships.models import Membership
from booking_api.memberships.service import By, Wish
from booking_api.memberships.standing import of_member
from floor.membership import Cycle

router = Router(prefix="/api/v1", tags=["memberships"])
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Bills = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]


class PlanSeen(BaseModel):
    """A plan in force: what a `cycle` of it costs (micro-units of `commodity`), and less for whom."""

    id: str
    version: str
    names: dict[str, str]
    cycle: Cycle
    price_micro: int
    minimum_micro: int | None
    commodity: str
    tariff: str
    tier: str
    reduced: dict[str, int]
    is_open: bool


class MembershipSeen(BaseModel):
    """A membership: from `first` to before `until`; `accepted_ms` None waits for staff (UTC milliseconds)."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    series: str
    member: str
    account: str
    plan: str
    group: str
    price_micro: int | None
    quantity: int
    first: date
    until: date | None
    proof_until: date | None
    accepted_ms: int | None


class Days(BaseModel):
    """From a day to before another; both may be left out."""

    model_config = ConfigDict(extra="forbid")

    first: date | None = None
    until: date | None = None


class Proof(BaseModel):
    """Until when a group's proof holds."""

    model_config = ConfigDict(extra="forbid")

    proof_until: date | None = None


class BillRun(BaseModel):
    """Which month to bill; "" is all that has come due."""

    model_config = ConfigDict(extra="forbid")

    month: Annotated[str, Field(max_length=7)] = ""


class BilledSeen(BaseModel):
    """What was charged (> 0) or given back (< 0) for a membership, in micro-units."""

    model_config = ConfigDict(from_attributes=True)

    membership: str
    account: str
    words: str
    amount_micro: int
    commodity: str


class BillsSeen(BaseModel):
    """What a run charged; a run again charges nothing."""

    bills: list[BilledSeen]


def by(who: Who, context: Context) -> By:
    """Return who acts, as staff where they have the right."""
    return By(who.id, context.clock.now_ms(), who.may(Permission.MEMBERS_WRITE))


def mine(session: Session, who: Who, id: str) -> Membership:
    """Return a membership that somebody may change: their own, their team's, or any for staff."""
    row = service.get(session, id)
    is_own = row.member == who.id or teams.owns(session, row.account, who.id)
    acts_for(who, who.id if is_own else row.member, Permission.MEMBERS_WRITE)
    return row


@router.get("/plans")
def list_plans(session: Reading, context: Ctx, who: SignedIn) -> list[PlanSeen]:
    """List the plans in force, cheapest first."""
    today = day_of(context.clock.now_ms(), zone_of(session))
    return [
        PlanSeen(
            id=plan.id,
            version=plan.version,
            names=plan.names,
            cycle=plan.cycle,
            price_micro=plan.price_micro,
            minimum_micro=plan.minimum_micro,
            commodity=plan.commodity.code,
            tariff=plan.tariff,
            tier=plan.tier,
            reduced={name: one.price_micro for name, one in plan.reduced.items()},
            is_open=plan.is_open,
        )
        for plan in plans.offered(session, today)
    ]


@router.get("/memberships")
def list_memberships(
    session: Reading, who: Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]
) -> list[MembershipSeen]:
    """List memberships, those that wait for staff first."""
    return [MembershipSeen.model_validate(row) for row in service.listed(session)]


@router.post("/memberships/bill")
def bill(who: Bills, session: Writing, context: Ctx, wish: BillRun, key: IdempotencyKey) -> BillsSeen:
    """Charge what has come due."""
    done = billing.run(session, context.clock.now_ms(), who.id, wish.month)
    return BillsSeen(bills=[BilledSeen.model_validate(one) for one in done if one.amount_micro])


@router.get("/members/{member}/memberships")
def list_of_member(session: Reading, who: SignedIn, member: str) -> list[MembershipSeen]:
    """List the memberships that cover a member: their own, and those of their teams."""
    own_or(who, member, Permission.MEMBERS_READ)
    return [MembershipSeen.model_validate(row) for row in of_member(session, member)]


@router.post("/members/{member}/memberships", status_code=201)
def join(
    who: SignedIn, session: Writing, context: Ctx, member: str, wish: Wish, key: IdempotencyKey
) -> MembershipSeen:
    """Take a plan, or ask staff for it."""
    acts_for(who, member, Permission.MEMBERS_WRITE)

    return MembershipSeen.model_validate(service.join(session, member, wish, by(who, context)))


@router.post("/memberships/{id}/accept")
def accept(who: Writes, session: Writing, context: Ctx, id: str, proof: Proof) -> MembershipSeen:
    """Accept a membership that was asked for."""
    row = service.accept(session, id, by(who, context), proof.proof_until)
    return MembershipSeen.model_validate(row)


@router.delete("/memberships/{id}", status_code=204)
def refuse(who: Writes, session: Writing, id: str) -> None:
    """Refuse a membership that was asked for."""
    service.refuse(session, id)


@router.post("/memberships/{id}/change")
def change(who: SignedIn, session: Writing, context: Ctx, id: str, wish: Wish) -> MembershipSeen:
    """Go over to another plan or price."""
    mine(session, who, id)
    return MembershipSeen.model_validate(service.change(session, id, wish, by(who, context)))


@router.post("/memberships/{id}/pause")
def pause(who: SignedIn, session: Writing, context: Ctx, id: str, days: Days) -> Days:
    """Pause a membership; the days that are paused come back."""
    mine(session, who, id)
    made = service.pause(session, id, days.first, days.until, by(who, context))
    return Days(first=made.first, until=made.until)


@router.post("/memberships/{id}/resume", status_code=204)
def resume(who: SignedIn, session: Writing, context: Ctx, id: str, days: Days) -> None:
    """End a pause, today or on `first`."""
    mine(session, who, id)
    service.resume(session, id, by(who, context), days.first)


@router.post("/memberships/{id}/end")
def end(who: SignedIn, session: Writing, context: Ctx, id: str, days: Days) -> Days:
    """Cancel a membership; `until` comes back, the first day without it. Staff may name it."""
    mine(session, who, id)
    return Days(until=service.end(session, id, by(who, context), days.until))

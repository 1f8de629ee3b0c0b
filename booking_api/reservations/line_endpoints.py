"""Waiting lists, offers and calendar addresses over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, own_or, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.reservations import booking, feeds, waiting
from booking_api.reservations.endpoints import diary_of, for_whom, settled
from booking_api.reservations.models import Offer, OfferState, Waiting
from booking_api.reservations.seen import (
    OfferSeen,
    ReservationSeen,
    WaitingSeen,
    offers_seen,
    seen,
    waiting_seen,
)
from booking_api.reservations.waiting import WaitDetails
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["reservations"])
Of = Annotated[str, Query(max_length=64)]


class FeedDetails(BaseModel):
    """A machine's calendar, or (None) one's own."""

    machine: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class FeedSeen(BaseModel):
    """A calendar address that is in use; only who made it knows the address."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    machine: str | None
    made_ms: int


class FeedMade(FeedSeen):
    """A new calendar address, which is shown this once. Whoever has it reads the calendar."""

    address: str


@router.get("/reservation-waiting", dependencies=[Depends(settled)])
def list_waiting(
    session: Reading, who: SignedIn, context: Ctx, machine: Of = "", member: Of = ""
) -> list[WaitingSeen]:
    """List who waits: oneself, or anybody with the right to reservations; each with the place in line."""
    rows = waiting_of(session, _whose(who, member), context.clock.now_ms(), machine)
    return waiting_seen(session, rows, context.clock.now_ms())


@router.post("/reservation-waiting", status_code=201)
def wait(session: Writing, who: SignedIn, context: Ctx, details: WaitDetails) -> WaitingSeen:
    """Wait for a machine: what comes free is offered in the order of the list."""
    for_whom(who, details.member)
    row = waiting.join(diary_of(context, session, who), details)
    return waiting_seen(session, [row], context.clock.now_ms())[0]


@router.delete("/reservation-waiting/{id}", status_code=204)
def leave(session: Writing, who: SignedIn, context: Ctx, id: str) -> None:
    """Wait no more."""
    waiting.leave(diary_of(context, session, who), own_waiting(session, who, id))


@router.get("/reservation-offers", dependencies=[Depends(settled)])
def list_offers(session: Reading, who: SignedIn, context: Ctx, member: Of = "") -> list[OfferSeen]:
    """List the offers that stand: one's own, or anybody's with the right to reservations."""
    return offers_seen(offers_of(session, _whose(who, member), context.clock.now_ms()))


@router.post("/reservation-offers/{id}/accept", status_code=201)
def accept(session: Writing, who: SignedIn, context: Ctx, id: str) -> ReservationSeen:
    """Book what was offered."""
    own_offer(session, who, id)
    row = booking.accept(diary_of(context, session, who), id)
    return seen(session, [row], who, context.clock.now_ms())[0]


@router.post("/reservation-offers/{id}/decline", status_code=204)
def decline(session: Writing, who: SignedIn, context: Ctx, id: str) -> None:
    """Let an offer go to the next in line; one goes on waiting for other slots."""
    waiting.decline(diary_of(context, session, who), own_offer(session, who, id))


@router.get("/calendar-feeds")
def list_feeds(session: Reading, who: SignedIn) -> list[FeedSeen]:
    """List one's calendar addresses, without their secrets."""
    require(who, Permission.ME_READ)
    return [FeedSeen.model_validate(row) for row in feeds.of_member(session, who.id)]


@router.post("/calendar-feeds", status_code=201)
def make_feed(session: Writing, who: SignedIn, context: Ctx, details: FeedDetails | None = None) -> FeedMade:
    """Make a calendar address; the one before, of the same calendar, shows nothing any more."""
    require(who, Permission.ME_WRITE)
    feed, secret = feeds.make(session, who.id, details.machine if details else None, context.clock.now_ms())
    address = f"{context.settings.address}/calendar/{secret}.ics"
    return FeedMade(id=feed.id, machine=feed.machine, made_ms=feed.made_ms, address=address)


@router.delete("/calendar-feeds/{id}", status_code=204)
def revoke_feed(session: Writing, who: SignedIn, context: Ctx, id: str) -> None:
    """End a calendar address."""
    require(who, Permission.ME_WRITE)
    feeds.revoke(session, id, who.id, context.clock.now_ms())


def waiting_of(session: Session, member: str, now_ms: int, machine: str = "") -> list[Waiting]:
    """Return where a member ("": anybody) waits for what is not over."""
    query = select(Waiting).where(col(Waiting.left_ms).is_(None), col(Waiting.to_ms) > now_ms)
    query = query.where(Waiting.member == member) if member else query
    query = query.where(Waiting.machine == machine) if machine else query
    return list(session.exec(query.order_by(col(Waiting.asked_ms), col(Waiting.id)).limit(1_000)))


def offers_of(session: Session, member: str, now_ms: int) -> list[Offer]:
    """Return the offers that stand, to a member ("": to anybody)."""
    query = select(Offer).where(Offer.state == OfferState.OPEN, col(Offer.until_ms) > now_ms)
    query = query.where(Offer.member == member) if member else query
    return list(session.exec(query.order_by(col(Offer.until_ms), col(Offer.id)).limit(1_000)))


def own_waiting(session: Session, who: Who, id: str) -> Waiting:
    """Return an entry of a waiting list that somebody may end."""
    row = session.get(Waiting, id)
    if row is None or row.left_ms is not None or not _theirs(who, row.member):
        raise Refused("waiting_not_found", "You do not wait there.")
    return row


def own_offer(session: Session, who: Who, id: str) -> Offer:
    """Return an offer that somebody may answer; raises Refused for another's."""
    row = session.get(Offer, id)
    if row is None or not _theirs(who, row.member):
        raise Refused("offer_not_found", "There is no such offer.")
    return row


def _theirs(who: Who, member: str) -> bool:
    return who.may(Permission.RESERVATIONS_WRITE) or (member == who.id and who.may(Permission.ME_WRITE))


def _whose(who: Who, member: str) -> str:
    if not member and who.may(Permission.RESERVATIONS_WRITE):
        return ""
    own_or(who, member or who.id, Permission.RESERVATIONS_WRITE)
    return member or who.id

"""Reservations over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlmodel import Session, col, or_, select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.paging import Cursor, Limit, Page, page
from booking_api.reservations import blocks, booking, facts, policies, series
from booking_api.reservations.blocks import BlockDetails
from booking_api.reservations.booking import BookingDetails, ChangeDetails, Millis, Reason
from booking_api.reservations.diary import Diary
from booking_api.reservations.models import Reserved
from booking_api.reservations.rounds import look
from booking_api.reservations.seen import ReservationSeen, seen, sees_all
from booking_api.reservations.series import SeriesDetails
from floor.errors import ConfigError, Refused
from floor.reservation import slots
from floor.reservation.terms import Slot, Turned

Text = Annotated[str, Query(max_length=64)]
AtMs = Annotated[int, Query(ge=0, lt=1 << 42)]
SPAN_MAX_MS = 100 * 86_400_000
Staff = Annotated[Who, Depends(holds(Permission.RESERVATIONS_WRITE))]
Reads = Annotated[Who, Depends(holds(Permission.MACHINES_READ))]


class Tried(BaseModel):
    """Whether a slot may be booked; if not, the rule that decided, why, and when asking again may help (0:
    unknown). `displaces` is how many reservations of lower priority would give way.
    """

    allowed: bool
    rule: str = ""
    sentence: str = ""
    values: dict[str, str] = Field(default_factory=dict)
    again_ms: int = 0
    displaces: int = 0


class FreeSlot(BaseModel):
    """A time of a machine that nobody has."""

    machine: str
    begins_ms: int
    ends_ms: int


class Cancelled(BaseModel):
    """Why; `waive`: staff charge nothing although it is late."""

    reason: Reason = ""
    waive: bool = False


class HandOver(BaseModel):
    """To whom."""

    member: Annotated[str, Field(min_length=1, max_length=64)]


class Extension(BaseModel):
    """Until when it is to go on."""

    ends_ms: Millis


class DateSeen(BaseModel):
    """One date of a recurring reservation: the reservation, or why it could not be had."""

    begins_ms: int
    ends_ms: int
    reservation: str | None
    rule: str
    sentence: str


class SeriesSeen(BaseModel):
    """What came of a recurring reservation, date by date; those that could not be had are not booked."""

    series: str
    made: int
    dates: list[DateSeen]


class PolicyDetails(BaseModel):
    """A policy file's text (docs/reservations.md), in force from an instant (0: at once)."""

    text: Annotated[str, Field(min_length=1, max_length=policies.TEXT_MAX)]
    valid_from_ms: Millis = 0


class PolicySeen(BaseModel):
    """A version of the rules."""

    id: str
    text: str
    sha256: str
    author: str
    valid_from_ms: int
    created_ms: int


def diary_of(context: Context, session: Session, who: Who) -> Diary:
    """Return what acts of a request work with."""
    staff = who.may(Permission.RESERVATIONS_WRITE)
    return Diary(session, context.clock.now_ms(), who.id, context.settings.currency.code, staff)


def settled(context: Ctx) -> None:
    """Write what has come due, if something has: so a list shows to whom a slot is offered by now."""
    look(context)


router = Router(prefix="/api/v1/reservations", tags=["reservations"])


@router.get("", dependencies=[Depends(settled)])
def list_reservations(
    session: Reading,
    who: Reads,
    context: Ctx,
    machine: Text = "",
    member: Text = "",
    from_ms: AtMs = 0,
    to_ms: AtMs = 0,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ReservationSeen]:
    """List reservations that touch a time, in the order in which they were made.

    Members see of others only what keeps a machine, by the name that its holder chose.
    """
    if member:
        own_or(who, member, Permission.MEMBERS_READ)
    query = select(Reserved)
    if not sees_all(who):
        query = query.where(or_(col(Reserved.member) == who.id, col(Reserved.standing).in_(facts.HOLDS)))
    for column, value in ((Reserved.machine, machine), (Reserved.member, member)):
        query = query.where(col(column) == value) if value else query
    query = query.where(col(Reserved.ends_ms) > from_ms) if from_ms else query
    query = query.where(col(Reserved.begins_ms) < to_ms) if to_ms else query
    rows, following = page(session, query, Reserved.id, cursor, limit)
    return Page(items=seen(session, rows, who, context.clock.now_ms()), next=following)


@router.post("", status_code=201)
def book(session: Writing, who: SignedIn, context: Ctx, details: BookingDetails) -> ReservationSeen:
    """Book a slot, for oneself, or by staff for anybody; `code` of a refusal names the rule that decided."""
    for_whom(who, details.member)
    return _one(session, who, context, booking.book(diary_of(context, session, who), details))


@router.post("/try", dependencies=[Depends(settled)])
def try_slot(session: Reading, who: SignedIn, context: Ctx, details: BookingDetails) -> Tried:
    """Say whether a slot could be booked and why not; nothing is booked."""
    for_whom(who, details.member)
    decision = booking.check(diary_of(context, session, who), details)
    if isinstance(decision, Turned):
        return Tried(
            allowed=False,
            rule=decision.rule,
            sentence=decision.sentence,
            values=decision.values,
            again_ms=decision.again_ms,
        )
    return Tried(allowed=True, displaces=len(decision.displaces))


@router.get("/free", dependencies=[Depends(settled)])
def free_slots(
    session: Reading, who: Reads, context: Ctx, machine: Text, from_ms: AtMs, to_ms: AtMs
) -> list[FreeSlot]:
    """List the times of a machine that are open and that nobody has, within at most 100 days."""
    diary = diary_of(context, session, who)
    return [
        FreeSlot(machine=one.machine, begins_ms=one.begins_ms, ends_ms=one.ends_ms)
        for one in free_of(diary, machine, from_ms, to_ms)
    ]


def free_of(diary: Diary, machine: str, from_ms: int, to_ms: int) -> list[Slot]:
    """Return what is free of a machine within a time; raises Refused for more than 100 days."""
    diary.machine(machine)
    if not 0 < to_ms - from_ms <= SPAN_MAX_MS:
        raise Refused("reservation_times_invalid", "Ask for a time of at most 100 days.")
    rules = diary.policies.of(machine).rules
    between = rules.buffer_before_ms + rules.buffer_after_ms
    rows = facts.rows(diary.session, [machine], from_ms - between, to_ms + between)
    told = [one for _, one in facts.by_now(diary.session, rows, diary.policies, diary.now_ms)]
    return slots.free(diary.policies, machine, told, from_ms, to_ms, diary.zone, diary.now_ms)


@router.post("/series", status_code=201)
def book_series(session: Writing, who: SignedIn, context: Ctx, details: SeriesDetails) -> SeriesSeen:
    """Book a slot again and again; the answer says of each date whether it could be had."""
    for_whom(who, details.member)
    made = series.book(diary_of(context, session, who), details)
    dates = [DateSeen(**asdict(one)) for one in made.dates]
    return SeriesSeen(series=made.id, made=sum(one.reservation is not None for one in dates), dates=dates)


@router.post("/blocks", status_code=201)
def block(session: Writing, who: Staff, context: Ctx, details: BlockDetails) -> ReservationSeen:
    """Take a machine for a class or for maintenance; with `displace` the reservations in it give way."""
    return _one(session, who, context, blocks.block(diary_of(context, session, who), details))


@router.get("/policies")
def list_policies(session: Reading, who: Reads) -> list[PolicySeen]:
    """List every version of the rules, the newest first."""
    return [PolicySeen(**row.model_dump()) for row in policies.listed(session)]


@router.post("/policies", status_code=201)
def put_policy(session: Writing, who: Staff, context: Ctx, details: PolicyDetails) -> PolicySeen:
    """Put other rules in force, for reservations that are made from then on."""
    now_ms = context.clock.now_ms()
    try:
        row = policies.put(session, details.text, who.id, now_ms, details.valid_from_ms)
    except ConfigError as error:
        raise Refused("policy_invalid", str(error)) from error
    return PolicySeen(**row.model_dump())


@router.get("/{id}")
def get_reservation(session: Reading, who: Reads, context: Ctx, id: str) -> ReservationSeen:
    """Return a reservation."""
    return _one(session, who, context, visible(session, who, id))


@router.patch("/{id}")
def change(session: Writing, who: SignedIn, context: Ctx, id: str, details: ChangeDetails) -> ReservationSeen:
    """Move a reservation that has not begun, or change its words."""
    manageable(session, who, id)
    return _one(session, who, context, booking.change(diary_of(context, session, who), id, details))


@router.post("/{id}/cancel")
def cancel(
    session: Writing, who: SignedIn, context: Ctx, id: str, why: Cancelled | None = None
) -> ReservationSeen:
    """Give a slot up; one that has begun ends now. Who waits is offered it."""
    manageable(session, who, id)
    why = why or Cancelled()
    waive = why.waive and who.may(Permission.RESERVATIONS_WRITE)
    row = booking.cancel(diary_of(context, session, who), id, why.reason, waive=waive)
    return _one(session, who, context, row)


@router.post("/{id}/hand-over")
def hand_over(session: Writing, who: SignedIn, context: Ctx, id: str, to: HandOver) -> ReservationSeen:
    """Hand a reservation over to another member who may use the machine; returns theirs."""
    manageable(session, who, id)
    return _one(session, who, context, booking.pass_on(diary_of(context, session, who), id, to.member))


@router.post("/{id}/extend")
def extend(session: Writing, who: SignedIn, context: Ctx, id: str, until: Extension) -> ReservationSeen:
    """Let a running reservation go on, where the rules let it and nobody waits."""
    manageable(session, who, id)
    return _one(session, who, context, booking.extend(diary_of(context, session, who), id, until.ends_ms))


def visible(session: Session, who: Who, id: str) -> Reserved:
    """Return a reservation that somebody may see: their own, one that keeps a machine, or staff any."""
    row = session.get(Reserved, id)
    if row is None or not (row.member == who.id or sees_all(who) or row.standing in facts.HOLDS):
        raise Refused("reservation_not_found", "There is no such reservation.")
    return row


def manageable(session: Session, who: Who, id: str) -> Reserved:
    """Return a reservation that somebody may change: their own, or any with the right to reservations."""
    row = visible(session, who, id)
    require(who, Permission.ME_WRITE if row.member == who.id else Permission.RESERVATIONS_WRITE)
    return row


def for_whom(who: Who, member: str) -> None:
    """Raise Refused for whoever books for others without the right to."""
    require(who, Permission.ME_WRITE if member in {"", who.id} else Permission.RESERVATIONS_WRITE)


def _one(session: Session, who: Who, context: Context, row: Reserved) -> ReservationSeen:
    return seen(session, [row], who, context.clock.now_ms())[0]

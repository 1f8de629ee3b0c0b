"""Reservations as they are shown to somebody: their own whole, others' only by the name that was chosen."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel
from sqlmodel import Session, col, select

from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members.models import Member
from booking_api.reservations import facts, policies
from booking_api.reservations.models import Offer, OfferState, Reserved, Waiting
from floor.reservation import slots
from floor.reservation.terms import Kind, Standing


class ReservationSeen(BaseModel):
    """A reservation. Times are UTC milliseconds, an end the first instant after.

    `standing` is what it is now. `released_ms` is the instant from which it counts no more if nobody has come
    (0: never). `shown` is the holder as they chose to be named, or what a block is for. `member`, `words`,
    `reason` and who made it are None for those whom they do not concern.
    """

    id: str
    machine: str
    kind: Kind
    member: str | None
    shown: str
    words: str | None
    reason: str | None
    begins_ms: int
    ends_ms: int
    standing: Standing
    begun_ms: int
    released_ms: int
    series: str | None
    class_session: str | None
    made_ms: int | None
    made_by: str | None
    closed_ms: int | None
    mine: bool


class WaitingSeen(BaseModel):
    """That somebody waits for `length_ms` at a machine between two instants; `place` is 1 for the first."""

    id: str
    machine: str
    member: str
    from_ms: int
    to_ms: int
    length_ms: int
    asked_ms: int
    place: int


class OfferSeen(BaseModel):
    """A slot that came free and is kept for one member until before `until_ms`."""

    id: str
    machine: str
    member: str
    begins_ms: int
    ends_ms: int
    until_ms: int
    state: OfferState


def sees_all(who: Who) -> bool:
    """Whether somebody may see who has reserved: staff may."""
    return who.may(Permission.MEMBERS_READ)


def seen(session: Session, found: Iterable[Reserved], who: Who, now_ms: int) -> list[ReservationSeen]:
    """Return reservations as somebody may see them."""
    rules = policies.read(session, now_ms)
    told = facts.by_now(session, found, rules, now_ms)
    members = {row.member for row, _ in told if row.member}
    query = select(Member.id, Member.shown_name).where(col(Member.id).in_(members))
    names = dict(session.exec(query).all())
    shown = []
    for row, one in told:
        mine = row.member == who.id
        whole = mine or sees_all(who)
        is_block = row.kind is not Kind.USE
        shown.append(
            ReservationSeen(
                id=row.id,
                machine=row.machine,
                kind=row.kind,
                member=row.member if whole else None,
                shown=names.get(row.member or "", row.words if is_block else ""),
                words=row.words if whole or is_block else None,
                reason=row.reason if whole else None,
                begins_ms=row.begins_ms,
                ends_ms=row.ends_ms,
                standing=one.standing,
                begun_ms=one.begun_ms if whole else 0,
                released_ms=slots.released_ms(one, rules.of(row.machine)),
                series=row.series if whole else None,
                class_session=row.class_session,
                made_ms=row.made_ms if whole else None,
                made_by=row.made_by if whole else None,
                closed_ms=row.closed_ms if whole else None,
                mine=mine,
            )
        )
    return shown


def waiting_seen(session: Session, rows: Iterable[Waiting], now_ms: int) -> list[WaitingSeen]:
    """Return waiting entries, each with its place in its machine's line."""
    found = list(rows)
    line = select(Waiting.machine, Waiting.id).where(
        col(Waiting.machine).in_({row.machine for row in found}),
        col(Waiting.left_ms).is_(None),
        col(Waiting.to_ms) > now_ms,
    )
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    for machine, id in session.exec(line.order_by(col(Waiting.asked_ms), col(Waiting.id))):
        counts[machine] = places[id] = counts.get(machine, 0) + 1
    return [
        WaitingSeen(**row.model_dump(include=set(WaitingSeen.model_fields)), place=places.get(row.id, 0))
        for row in found
    ]


def offers_seen(rows: Iterable[Offer]) -> list[OfferSeen]:
    """Return offers."""
    return [OfferSeen(**row.model_dump(include=set(OfferSeen.model_fields))) for row in rows]

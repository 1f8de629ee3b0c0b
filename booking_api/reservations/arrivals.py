"""Sessions that begin in a reservation of their member's make it begun, whenever they are heard of.

Those that begin in a slot that is offered to their member take it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session, col, select

from booking_api.db import one_of
from booking_api.gateways import walk_in
from booking_api.reservations import booking, facts, release
from booking_api.reservations.diary import SERVER, Diary
from booking_api.reservations.models import Offer, OfferState, Reserved, Waiting
from floor.reservation import slots
from floor.reservation.terms import Slot, Standing


def arrived(session: Session, sessions: Iterable[Mapping[str, Any]], now_ms: int) -> None:
    """Take sessions as a journal tells them (rows of `machine_session`); told again they change nothing."""
    used = [row for row in sessions if row["machine"] and row["member"]]
    if not used:
        return
    query = select(Reserved).where(
        one_of(Reserved.member, {row["member"] for row in used}),
        col(Reserved.standing).in_((Standing.BOOKED, Standing.RELEASED)),
        col(Reserved.begins_ms) <= now_ms,
        col(Reserved.ends_ms) > min(row["started_ms"] for row in used),
    )
    rows = list(session.exec(query))
    diary = Diary(session, now_ms, SERVER, "")
    offered = _offered(session, used, now_ms)
    news = {row["member"] for row in used if row["ended_ms"] is not None or not row["elapsed_ms"]}
    counts = bool(news) and walk_in.counts(session, now_ms)
    if rows or offered or counts:
        diary.hold()  # the book before rosters, as everywhere
    for row in rows:
        began = _began(used, row, row.ends_ms)
        if began and not _too_late(diary, row, min(began)):
            release.came(diary, row, min(began))
    for one in offered:
        if began := _began(used, one, one.until_ms):
            _take(diary, one, min(began))
    if counts:
        walk_in.used(session, news, now_ms)


def _began(used: Iterable[Mapping[str, Any]], kept: Reserved | Offer, until_ms: int) -> list[int]:
    """Return when sessions of its member were first in what is kept for them, until an instant."""
    return [
        max(one["started_ms"], kept.begins_ms)
        for one in used
        if (one["machine"], one["member"]) == (kept.machine, kept.member)
        and one["started_ms"] < until_ms
        and (one["ended_ms"] is None or one["ended_ms"] > kept.begins_ms)
    ]


def _offered(session: Session, used: Iterable[Mapping[str, Any]], now_ms: int) -> list[Offer]:
    """Return slots that have begun and that are or were offered to who used a machine."""
    found = list(used)
    query = select(Offer).where(
        one_of(Offer.member, {row["member"] for row in found}),
        col(Offer.machine).in_({row["machine"] for row in found}),
        col(Offer.state).in_((OfferState.OPEN, OfferState.LAPSED)),
        col(Offer.begins_ms) <= now_ms,
        col(Offer.ends_ms) > min(row["started_ms"] for row in found),
    )
    return list(session.exec(query.order_by(col(Offer.id))))


def _take(diary: Diary, one: Offer, began_ms: int) -> None:
    """Reserve an offered slot for its member from when they came; not what is somebody else's by now.

    What lapsed before it was heard that they had come is theirs unless it was offered on.
    """
    length_ms = diary.session.get_one(Waiting, one.waiting).length_ms
    slot = Slot(one.machine, began_ms, min(began_ms + length_ms, one.ends_ms))
    others = select(Offer.id).where(
        Offer.machine == one.machine,
        Offer.state == OfferState.OPEN,
        Offer.member != one.member,
        col(Offer.begins_ms) < slot.ends_ms,
        col(Offer.ends_ms) > slot.begins_ms,
    )
    if one.state is OfferState.LAPSED and diary.session.exec(others).first() is not None:
        return
    row = booking.take(replace(diary, by=one.member), slot)
    if row is not None:
        one.state = OfferState.ACCEPTED
        diary.session.add(one)
        release.came(diary, row, began_ms)


def _too_late(diary: Diary, row: Reserved, at_ms: int) -> bool:
    """Whether it had been released when its holder came."""
    if row.standing is Standing.RELEASED:
        return at_ms >= (row.closed_ms or 0)
    one = facts.reservation(row)
    return slots.standing_at(one, diary.policies.of(row.machine), at_ms) is Standing.RELEASED

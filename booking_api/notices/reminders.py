"""Reminds who has reserved before it begins. A timer only notifies: nothing else rests on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlmodel import Session

from booking_api.members.models import Member
from booking_api.notices import service
from booking_api.notices.kinds import REMINDER
from booking_api.notices.models import NoticeReminded
from booking_api.notices.settings import NoticeSettings
from booking_api.notices.wording import Place
from floor.reservation.terms import Reservation

MINUTE_MS = 60_000
Upcoming = Callable[[Session, int, int], Iterable[Reservation]]
"""Returns the reservations that stand and begin from an instant to before another (floor time, UTC ms)."""


def remind(
    session: Session,
    upcoming: Upcoming,
    settings: NoticeSettings,
    place: Place,
    floor_ms: int,
    now_ms: int,
) -> int:
    """Tell each holder once of what begins within `notices.remind_min`; returns how many were told.

    A reservation that was made later than that before its begin needs no reminder. `floor_ms` is floor time.
    """
    ahead_ms = settings.remind_min * MINUTE_MS
    found = [
        one
        for one in upcoming(session, floor_ms, floor_ms + ahead_ms)
        if one.member and one.made_ms < one.slot.begins_ms - ahead_ms
    ]
    told = 0
    for one in found:
        mark = (one.id, one.slot.begins_ms)
        member = session.get(Member, one.member)
        if member is None or session.get(NoticeReminded, mark) is not None:
            continue
        session.add(NoticeReminded(reservation=one.id, begins_ms=one.slot.begins_ms))
        data = {
            "machine": one.slot.machine,
            "begins_ms": one.slot.begins_ms,
            "ends_ms": one.slot.ends_ms,
        }
        names = service.machine_names(session, {one.slot.machine})
        service.tell(session, member, REMINDER, data, names, settings, place, now_ms)
        told += 1
    return told

"""Sessions that begin in a reservation of their member's make it begun, whenever they are heard of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session, col, select

from booking_api.reservations import facts, release
from booking_api.reservations.diary import SERVER, Diary
from booking_api.reservations.models import Reserved
from floor.reservation import slots
from floor.reservation.terms import Standing


def arrived(session: Session, sessions: Iterable[Mapping[str, Any]], now_ms: int) -> None:
    """Take sessions as a journal tells them (rows of `machine_session`); told again they change nothing."""
    used = [row for row in sessions if row["machine"] and row["member"]]
    if not used:
        return
    query = select(Reserved).where(
        col(Reserved.member).in_({row["member"] for row in used}),
        col(Reserved.standing).in_((Standing.BOOKED, Standing.RELEASED)),
        col(Reserved.begins_ms) <= now_ms,
        col(Reserved.ends_ms) > min(row["started_ms"] for row in used),
    )
    rows = list(session.exec(query))
    diary = Diary(session, now_ms, SERVER, "")
    if rows:
        diary.hold()  # the book before rosters, as everywhere
    for row in rows:
        began = [
            max(one["started_ms"], row.begins_ms)
            for one in used
            if (one["machine"], one["member"]) == (row.machine, row.member)
            and one["started_ms"] < row.ends_ms
            and (one["ended_ms"] is None or one["ended_ms"] > row.begins_ms)
        ]
        if began and not _too_late(diary, row, min(began)):
            release.came(diary, row, min(began))


def _too_late(diary: Diary, row: Reserved, at_ms: int) -> bool:
    """Whether it had been released when its holder came."""
    if row.standing is Standing.RELEASED:
        return at_ms >= (row.closed_ms or 0)
    one = facts.reservation(row)
    return slots.standing_at(one, diary.policies.of(row.machine), at_ms) is Standing.RELEASED

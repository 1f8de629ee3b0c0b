"""Who waits for a place in a class, and to whom one is offered (floor.waiting_places)."""

from __future__ import annotations

from collections import defaultdict

from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.courses.models import ClassSession, ClassWaiting, Course
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from floor import waiting_places
from floor.waiting_places import Waiting

HOUR_MS = 3_600_000


def lines(session: Session, id: str | None = None) -> dict[str, list[ClassWaiting]]:
    """Return who waits, by class, first come first; of one class, or of all."""
    query = select(ClassWaiting).where(col(ClassWaiting.left_ms).is_(None))
    if id is not None:
        query = query.where(ClassWaiting.session == id)
    found: dict[str, list[ClassWaiting]] = defaultdict(list)
    for one in session.exec(query.order_by(col(ClassWaiting.asked_ms), col(ClassWaiting.id))):
        found[one.session].append(one)
    return dict(found)


def offers(
    line: list[ClassWaiting], row: ClassSession, course: Course, taken: int, now_ms: int
) -> dict[str, int]:
    """Return to whom a place is offered now, and until when: never longer than until the class begins."""
    offer_ms = course.offer_hours * HOUR_MS
    return {
        member: min(one.offered_ms + offer_ms, row.starts_ms)
        for member, one in _now(line, row, offer_ms, taken, now_ms)
        if waiting_places.stands(one, offer_ms, now_ms) and now_ms < row.starts_ms
    }


def join(
    session: Session, line: list[ClassWaiting], id: str, member: str, offer_ms: int, now_ms: int
) -> ClassWaiting:
    """Put a member at the end of a line; who let an offer lapse begins anew, who waits keeps their turn."""
    for one in line:
        if one.member == member:
            if not one.offered_ms or one.offered_ms + offer_ms > now_ms:
                return one
            one.left_ms = now_ms
            session.add(one)
    made = ClassWaiting(id=make_id(now_ms), session=id, member=member, asked_ms=now_ms)
    session.add(made)
    session.flush()
    return made


def leave(session: Session, line: list[ClassWaiting], member: str, now_ms: int) -> bool:
    """Take a member out of a line; whether they were in it."""
    mine = [one for one in line if one.member == member]
    for one in mine:
        one.left_ms = now_ms
        session.add(one)
    session.flush()
    return bool(mine)


def settle(
    session: Session, line: list[ClassWaiting], row: ClassSession, course: Course, taken: int, now_ms: int
) -> None:
    """Write the offers down that were made by now; who has one that stands is told, once."""
    offer_ms = course.offer_hours * HOUR_MS
    for kept, (member, one) in zip(line, _now(line, row, offer_ms, taken, now_ms), strict=True):
        if kept.offered_ms == one.offered_ms:
            continue
        kept.offered_ms = one.offered_ms
        session.add(kept)
        if waiting_places.stands(one, offer_ms, now_ms):
            until_ms = min(one.offered_ms + offer_ms, row.starts_ms)
            about = {"starts_ms": row.starts_ms, "until_ms": until_ms}
            happened(session, Happening.CLASS_OFFERED, row.id, now_ms, member, course=course.id, **about)
    session.flush()


def _now(
    line: list[ClassWaiting], row: ClassSession, offer_ms: int, taken: int, now_ms: int
) -> list[tuple[str, Waiting]]:
    waits = [Waiting(one.id, one.offered_ms) for one in line]
    made = waiting_places.offered(waits, max(0, row.capacity - taken), offer_ms, now_ms)
    return [(kept.member, one) for kept, one in zip(line, made, strict=True)]

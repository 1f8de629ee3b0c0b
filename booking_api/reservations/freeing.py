"""What is reserved for somebody who may not come, or at a machine that is gone, is free for others.

Nobody pays for it, and it counts as no late cancellation. It is so in the transaction of who acts.
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.reservations import facts, waiting
from booking_api.reservations.diary import SERVER, Diary
from booking_api.reservations.models import Offer, OfferState, Reserved
from floor.reservation.terms import Slot, Standing

GONE = "the machine is no longer there"
SUSPENDED = "the member is suspended"


def archive(session: Session, machine: str, by: str, now_ms: int) -> Machine:
    """Take a machine off the floor: what is reserved there is called off, nobody waits any more."""
    diary = Diary(session, now_ms, by or SERVER, "")
    diary.hold()
    rows = _coming(diary, Reserved.machine == machine)
    archived = machines.archive(session, machine, now_ms)
    for row in rows:
        _call_off(diary, row, GONE)
    for offered in _offers(session, Offer.machine == machine):
        offered.state = OfferState.WITHDRAWN
        session.add(offered)
    for waits in waiting.of_machine(diary, machine):
        waits.left_ms = now_ms
        session.add(waits)
    session.flush()
    return archived


def suspend(
    session: Session, member: str, reason: str, now_ms: int, until_ms: int | None = None, by: str = ""
) -> Member:
    """Suspend a member: what begins for them until it ends is called off, and offered to who waits."""
    diary = Diary(session, now_ms, by or SERVER, "")
    diary.hold()
    suspended = members.suspend(session, member, reason, now_ms, until_ms, by)
    for row in _coming(diary, Reserved.member == member):
        if until_ms is None or row.begins_ms < until_ms:
            _call_off(diary, row, SUSPENDED)
            waiting.offer(diary, Slot(row.machine, max(row.begins_ms, now_ms), row.ends_ms))
    for offered in _offers(session, Offer.member == member):
        if until_ms is None or offered.begins_ms < until_ms:
            waiting.pass_on(diary, offered)
    return suspended


def slots_of(diary: Diary, member: str) -> list[Slot]:
    """Return what is kept for a member: reserved and not begun, or offered. The caller holds the diary."""
    rows = _coming(diary, Reserved.member == member)
    kept: list[Reserved | Offer] = [*rows, *_offers(diary.session, Offer.member == member)]
    return [Slot(one.machine, max(one.begins_ms, diary.now_ms), one.ends_ms) for one in kept]


def _coming(diary: Diary, whose: bool) -> list[Reserved]:
    """Return reservations that are not over, and that nobody has begun to use."""
    query = select(Reserved).where(
        whose, Reserved.standing == Standing.BOOKED, col(Reserved.ends_ms) > diary.now_ms
    )
    rows = diary.session.exec(query.order_by(col(Reserved.begins_ms), col(Reserved.id)))
    told = facts.by_now(diary.session, rows, diary.policies, diary.now_ms)
    return [row for row, one in told if one.standing is Standing.BOOKED]


def _offers(session: Session, whose: bool) -> list[Offer]:
    return list(session.exec(select(Offer).where(whose, Offer.state == OfferState.OPEN)))


def _call_off(diary: Diary, row: Reserved, why: str) -> None:
    diary.close(row, Standing.CANCELLED, why, excused=True)
    diary.tell(Happening.RESERVATION_CANCELLED, row, reason=row.reason, charged=0)

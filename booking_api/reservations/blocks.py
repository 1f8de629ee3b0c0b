"""Machines that staff take for a class or for maintenance."""

from __future__ import annotations

from typing import Literal

from sqlmodel import Session, col, select

from booking_api.courses.models import ClassSession
from booking_api.happenings.words import Happening
from booking_api.reservations import facts, release, waiting
from booking_api.reservations.booking import Reason, SlotDetails, check_times
from booking_api.reservations.diary import SERVER, Diary, taken
from booking_api.reservations.models import Reserved
from floor.errors import Refused
from floor.reservation.terms import Kind, Slot, Standing


class BlockDetails(SlotDetails):
    """What a machine is taken for: `words` are what everybody reads. `class_session` is the class whose
    people are let in. With `displace` the reservations in it give way, and their holders are told.
    """

    kind: Literal[Kind.CLASS, Kind.MAINTENANCE] = Kind.MAINTENANCE
    words: Reason = ""
    class_session: str | None = None
    displace: bool = False
    reason: Reason = ""


def block(diary: Diary, details: BlockDetails) -> Reserved:
    """Take a machine; raises Refused where the time is taken, and nothing is to be displaced."""
    diary.hold()
    diary.machine(details.machine)
    check_times(details)
    if details.class_session is not None and diary.session.get(ClassSession, details.class_session) is None:
        raise Refused("class_not_found", "There is no such class.")
    release.settle(diary, details.machine)
    row = Reserved(
        **details.model_dump(exclude={"displace"}),
        id=diary.new_id(),
        blocks_from_ms=details.begins_ms,
        blocks_to_ms=details.ends_ms,
        made_ms=diary.now_ms,
        made_by=diary.by,
        changed_ms=diary.now_ms,
    )
    rules = diary.policies.of(details.machine).rules
    from_ms, to_ms = details.begins_ms - rules.buffer_before_ms, details.ends_ms + rules.buffer_after_ms
    inside = facts.rows(diary.session, [details.machine], from_ms, to_ms)
    if inside and not details.displace:
        raise taken()
    for other in inside:
        diary.displace(other, row, details.reason)
    diary.write(row)
    waiting.served(diary, row)
    diary.tell(Happening.RESERVATION_MADE, row, kind=row.kind)
    return row


def class_changed(session: Session, id: str, by: str, now_ms: int) -> None:
    """Take that who comes to a class has changed, or that it does not take place: its blocks follow."""
    query = select(Reserved).where(Reserved.class_session == id, col(Reserved.standing).in_(facts.HOLDS))
    rows = list(session.exec(query))
    if not rows:
        return
    planned = session.get(ClassSession, id)
    diary = Diary(session, now_ms, by or SERVER, "")
    diary.hold()
    for row in rows:
        if planned is None or planned.cancelled_ms is None:
            diary.tell_gateway(row.machine)
            continue
        diary.close(row, Standing.CANCELLED, "the class was called off")
        diary.tell(Happening.RESERVATION_CANCELLED, row, reason=row.reason)
        waiting.offer(diary, Slot(row.machine, max(row.begins_ms, now_ms), row.ends_ms))

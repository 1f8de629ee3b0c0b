"""What time has made of reservations, written down: begun, ended, released because nobody came.

Reading needs none of it (`facts.by_now` computes it): it is written in the transaction that needs the slot,
and by whoever looks after it has come due, so that fees are charged and people told.
"""

from __future__ import annotations

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.happenings.words import Happening
from booking_api.machines.models import Machine
from booking_api.reservations import charging, facts, waiting
from booking_api.reservations.diary import Diary
from booking_api.reservations.models import Offer, OfferState, Reserved
from floor.reservation import fees, slots
from floor.reservation.terms import Reservation, Slot, Standing

SWEEP_MAX = 500
"""So many reservations are written in one sweep."""


def settle(diary: Diary, machine: str) -> None:
    """Write what has become of a machine's reservations and offers; the caller holds the diary."""
    diary = diary.as_server()
    query = _past(diary.now_ms).where(Reserved.machine == machine)
    _write(diary, list(diary.session.exec(query.execution_options(populate_existing=True))))
    waiting.lapse(diary, machine)


def sweep(diary: Diary) -> int:
    """Write what has become of any machine's; return how many machines had something due."""
    diary.hold()
    found = due(diary)
    for machine in found:
        settle(diary, machine)
    return len(found)


def due(diary: Diary) -> list[str]:
    """Return the machines with something to be written; only looks."""
    rows = list(diary.session.exec(_past(diary.now_ms).limit(SWEEP_MAX)))
    told = facts.by_now(diary.session, rows, diary.policies, diary.now_ms)
    found = {row.machine for row, one in told if one.standing is not row.standing}
    lapsed = select(Offer.machine).where(Offer.state == OfferState.OPEN, col(Offer.until_ms) <= diary.now_ms)
    return sorted(found | set(diary.session.exec(lapsed)))


def came(diary: Diary, row: Reserved, began_ms: int) -> None:
    """Write that a holder has begun to use what they reserved, perhaps long ago and only heard of now.

    What was released in the meantime is theirs again if nobody has taken it, and is not charged.
    """
    was_released = row.standing is Standing.RELEASED
    row.begun_ms, row.changed_ms = began_ms, diary.now_ms
    if was_released:
        charging.give_back(diary, row, "The member had come")
    over = row.ends_ms <= diary.now_ms or (was_released and _taken(diary.session, row))
    row.standing = Standing.ENDED if over else Standing.BEGUN
    row.closed_ms = min(row.ends_ms, diary.now_ms) if over else None
    diary.session.add(row)
    diary.session.flush()
    diary.tell_gateway(row.machine)


def _past(now_ms: int) -> SelectOfScalar[Reserved]:
    """Return the query for what has begun and is not over yet, by what is written."""
    open_ = col(Reserved.standing).in_(facts.HOLDS)
    return select(Reserved).where(open_, col(Reserved.begins_ms) <= now_ms).order_by(col(Reserved.begins_ms))


def _write(diary: Diary, rows: list[Reserved]) -> None:
    for row, one in facts.by_now(diary.session, rows, diary.policies, diary.now_ms):
        if one.standing is row.standing:
            continue
        match one.standing:
            case Standing.BEGUN:
                came(diary, row, one.begun_ms)
            case Standing.RELEASED:
                _release(diary, row, one)
            case Standing.ENDED:
                row.begun_ms = one.begun_ms
                diary.close(row, Standing.ENDED, at_ms=row.ends_ms)


def _release(diary: Diary, row: Reserved, one: Reservation) -> None:
    at_ms = slots.released_ms(facts.reservation(row), diary.policies.of(row.machine))
    machine = diary.session.get_one(Machine, row.machine)
    if machine.archived_ms is not None or machine.lockout_reason is not None:
        diary.close(row, Standing.CANCELLED, "out of order", at_ms, excused=True)  # nobody could come
        diary.tell(Happening.RESERVATION_CANCELLED, row, reason=row.reason, charged=0)
        return
    diary.close(row, Standing.RELEASED, at_ms=at_ms)
    fee = fees.of_no_show(one, diary.policies.of(row.machine))
    charged = charging.no_show(diary, row, fee) if fee is not None else False
    diary.tell(Happening.RESERVATION_RELEASED, row, released_ms=at_ms, charged=int(charged))
    waiting.offer(diary, Slot(row.machine, at_ms, row.ends_ms), at_ms)


def _taken(session: Session, row: Reserved) -> bool:
    """Whether somebody else has a part of a reservation that was released."""
    others = facts.rows(session, [row.machine], row.blocks_from_ms, row.blocks_to_ms)
    return any(other.id != row.id for other in others)

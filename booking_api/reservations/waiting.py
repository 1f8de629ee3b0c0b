"""Who waits for a machine, and to whom a slot that came free is offered. The caller holds the diary."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col, func, select

from booking_api.certifications import service as certifications
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.members import service as members
from booking_api.reservations import facts
from booking_api.reservations.diary import Diary, refusal
from booking_api.reservations.models import Offer, OfferState, Reserved, Waiting
from floor.errors import Refused
from floor.reservation import queue
from floor.reservation.decide import case_of, own, standing
from floor.reservation.terms import Slot, Turned, Wanted

Millis = Annotated[int, Field(ge=0, lt=1 << 42)]
WAITING_MAX = 20
"""So many times a member may wait at once, over all machines."""
PIECES_MAX = 50
"""A slot that came free is offered in so many pieces at most."""


class WaitDetails(BaseModel):
    """What somebody waits for: `length_ms` at a machine between two instants; without a member the asker."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    machine: Annotated[str, Field(min_length=1, max_length=64)]
    from_ms: Millis
    to_ms: Millis
    length_ms: Annotated[int, Field(ge=60_000, le=366 * 86_400_000)]
    member: Annotated[str, Field(max_length=64)] = ""


def join(diary: Diary, details: WaitDetails) -> Waiting:
    """Put a member on the waiting list; raises Refused where the rules have none, or they may not book."""
    diary.hold()
    machine = diary.machine(details.machine)
    member = members.get(diary.session, details.member or diary.by)
    begins_ms = max(details.from_ms, diary.now_ms)
    if details.to_ms - begins_ms < details.length_ms:
        raise Refused("waiting_times_invalid", "What you wait for must lie in the future, within that time.")
    there = of_machine(diary, machine.id)
    may = queue.may_wait(diary.policies, machine.id, member.tier, len(there))
    if isinstance(may, Turned):
        raise refusal(may)
    if not diary.policies.of(machine.id).rules_for(member.tier).reserve:
        raise Refused("reservation_waiting", "There is no waiting list for this machine.")
    if certifications.until_ms(diary.session, member.id, machine.id, diary.now_ms) is None:
        raise Refused("reservation_certified", "You may not use this machine yet. Ask an instructor.")
    mine = select(func.count()).where(Waiting.member == member.id, col(Waiting.left_ms).is_(None))
    if diary.session.exec(mine.where(col(Waiting.to_ms) > diary.now_ms)).one() >= WAITING_MAX:
        raise Refused("waiting_many", "You wait for as much as one may. Leave another list first.")
    row = Waiting(
        id=diary.new_id(),
        machine=machine.id,
        member=member.id,
        from_ms=details.from_ms,
        to_ms=details.to_ms,
        length_ms=details.length_ms,
        asked_ms=diary.now_ms,
    )
    diary.session.add(row)
    diary.session.flush()
    diary.tell_gateway(row.machine)
    return row


def leave(diary: Diary, row: Waiting) -> None:
    """Take somebody off the list; what was offered to them goes to the next."""
    diary.hold()
    row.left_ms = diary.now_ms
    diary.session.add(row)
    diary.tell_gateway(row.machine)
    open_ = select(Offer).where(Offer.waiting == row.id, Offer.state == OfferState.OPEN)
    for one in list(diary.session.exec(open_)):
        _pass_on(diary, one, OfferState.DECLINED, diary.now_ms)


def decline(diary: Diary, one: Offer) -> None:
    """Let an offer go to the next in line; who declines goes on waiting for other slots."""
    diary.hold()
    one = stands(diary, one.id)
    _pass_on(diary, one, OfferState.DECLINED, diary.now_ms)


def pass_on(diary: Diary, one: Offer) -> None:
    """Let an offer go to the next, as its member may not have it any more."""
    _pass_on(diary, one, OfferState.DECLINED, diary.now_ms)


def of_machine(diary: Diary, machine: str) -> list[Waiting]:
    """Return who waits for a machine, in the order in which they asked."""
    query = select(Waiting).where(
        Waiting.machine == machine, col(Waiting.left_ms).is_(None), col(Waiting.to_ms) > diary.now_ms
    )
    return list(diary.session.exec(query.order_by(col(Waiting.asked_ms), col(Waiting.id))))


def offer(diary: Diary, freed: Slot, at_ms: int | None = None) -> None:
    """Offer a slot that came free at an instant (None: now) to the next in line, and its rest to others.

    What is over by now is offered to nobody, however late it is written.
    """
    pieces = [freed] if freed.ends_ms > diary.now_ms else []
    for _ in range(PIECES_MAX):
        if not pieces:
            return
        piece = pieces.pop()
        made = _offer_one(diary, piece, diary.now_ms if at_ms is None else at_ms)
        if made is not None:
            pieces += [
                Slot(piece.machine, from_ms, to_ms)
                for from_ms, to_ms in ((piece.begins_ms, made.begins_ms), (made.ends_ms, piece.ends_ms))
                if from_ms < to_ms
            ]


def lapse(diary: Diary, machine: str) -> None:
    """End the offers of a machine whose time is over; each goes to the next, from when it ended."""
    while True:
        query = select(Offer).where(
            Offer.machine == machine, Offer.state == OfferState.OPEN, col(Offer.until_ms) <= diary.now_ms
        )
        one = diary.session.exec(query.order_by(col(Offer.until_ms)).limit(1)).first()
        if one is None:
            return
        _pass_on(diary, one, OfferState.LAPSED, one.until_ms)


def served(diary: Diary, row: Reserved) -> None:
    """Take off the list who has booked what they waited for; offers of the same time are no more."""
    open_ = select(Offer).where(Offer.machine == row.machine, Offer.state == OfferState.OPEN)
    for one in diary.session.exec(open_):
        if row.begins_ms < one.ends_ms and one.begins_ms < row.ends_ms:
            one.state = OfferState.ACCEPTED if one.member == row.member else OfferState.WITHDRAWN
            diary.session.add(one)
    for waits in of_machine(diary, row.machine):
        if waits.member == row.member and waits.from_ms < row.ends_ms and row.begins_ms < waits.to_ms:
            waits.left_ms = diary.now_ms
            diary.session.add(waits)
            for one in list(diary.session.exec(open_.where(Offer.waiting == waits.id))):
                _pass_on(diary, one, OfferState.DECLINED, diary.now_ms)
    diary.session.flush()


def stands(diary: Diary, id: str) -> Offer:
    """Return an offer that stands; raises Refused for none, and for one that is over."""
    one = diary.session.get(Offer, id, populate_existing=True)
    if one is None:
        raise Refused("offer_not_found", "There is no such offer.")
    _check_stands(diary, one)
    return one


def _check_stands(diary: Diary, one: Offer) -> None:
    if one.state is not OfferState.OPEN or one.until_ms <= diary.now_ms:
        raise Refused("offer_over", "This offer is over. It went to the next in line.")


def _offer_one(diary: Diary, freed: Slot, at_ms: int) -> Offer | None:
    """Offer a part of a slot to the first in line who could book it; None where nobody is."""
    asks = select(Offer.waiting).where(Offer.machine == freed.machine, Offer.state == OfferState.OPEN)
    has_one = set(diary.session.exec(asks))
    line = {row.id: row for row in of_machine(diary, freed.machine) if row.id not in has_one}
    asked = {id: _as_asked(diary, row, freed) for id, row in line.items()}
    while (one := queue.next_in_line(asked.values(), freed, diary.policies, at_ms)) is not None:
        row = line[one.id]
        begins_ms = max(freed.begins_ms, row.from_ms, at_ms)
        slot = Slot(freed.machine, begins_ms, begins_ms + row.length_ms)
        if refused(diary, Wanted(slot, row.member, one.tier, at_ms)) is None:
            until_ms = queue.offer_until_ms(one, freed, diary.policies, at_ms)
            ends_ms = min(max(begins_ms, until_ms) + row.length_ms, freed.ends_ms, row.to_ms)
            return _write(diary, row, Slot(freed.machine, begins_ms, ends_ms), at_ms, until_ms)
        del asked[one.id]
    return None


def refused(diary: Diary, wanted: Wanted) -> Turned | None:
    """Return why somebody may not have a slot that is offered, or None.

    What is left of a slot that runs already is theirs whatever length or lead the rules ask of a new one.
    """
    if wanted.slot.begins_ms > wanted.now_ms:
        decision = diary.decide(wanted)
        return decision if isinstance(decision, Turned) else None
    known = facts.known(diary.session, diary.policies, wanted, diary.zone)
    case = case_of(diary.policies, wanted, known, diary.zone)
    return standing(case) or own(case)


def _as_asked(diary: Diary, row: Waiting, freed: Slot) -> queue.Waiting:
    """Return a row of the list as the rules know it. Who let a part of this slot go is not asked again."""
    had = select(Offer.begins_ms, Offer.ends_ms).where(
        Offer.waiting == row.id, col(Offer.state).in_((OfferState.DECLINED, OfferState.LAPSED))
    )
    let_go = any(freed.overlaps(begins_ms, ends_ms) for begins_ms, ends_ms in diary.session.exec(had))
    return queue.Waiting(
        id=row.id,
        member=row.member,
        tier=members.get(diary.session, row.member).tier,
        machines=(row.machine,),
        from_ms=row.from_ms,
        to_ms=row.to_ms,
        asked_ms=row.asked_ms,
        length_ms=row.length_ms,
        declined=frozenset({(freed.machine, freed.begins_ms)} if let_go else ()),
    )


def _write(diary: Diary, row: Waiting, slot: Slot, at_ms: int, until_ms: int) -> Offer:
    made = Offer(
        id=diary.new_id(),
        waiting=row.id,
        machine=slot.machine,
        member=row.member,
        begins_ms=slot.begins_ms,
        ends_ms=slot.ends_ms,
        made_ms=at_ms,
        until_ms=until_ms,
    )
    diary.session.add(made)
    diary.session.flush()
    diary.tell_gateway(made.machine)
    happened(
        diary.session,
        Happening.RESERVATION_OFFERED,
        made.id,
        diary.now_ms,
        made.member,
        machine=made.machine,
        begins_ms=made.begins_ms,
        ends_ms=made.ends_ms,
        until_ms=made.until_ms,
    )
    return made


def _pass_on(diary: Diary, one: Offer, state: OfferState, at_ms: int) -> None:
    one.state = state
    diary.session.add(one)
    diary.session.flush()
    offer(diary, Slot(one.machine, max(one.begins_ms, at_ms), one.ends_ms), at_ms)

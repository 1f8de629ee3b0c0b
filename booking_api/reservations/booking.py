"""Reservations are made, changed, handed over, extended and cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col, or_, select

from booking_api.happenings.words import Happening
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.reservations import charging, facts, release, waiting
from booking_api.reservations.diary import Diary, refusal
from booking_api.reservations.models import Reserved, Waiting
from floor.errors import Refused
from floor.reservation import calendar, extension, fees, hand_over
from floor.reservation.calendar import LENGTH_MAX_MS
from floor.reservation.decide import STANDING
from floor.reservation.terms import Allowed, Decision, Kind, Slot, Standing, Turned, Wanted

Millis = Annotated[int, Field(ge=0, lt=1 << 42)]
Reason = Annotated[str, Field(max_length=200)]
NEVER = ("overlap", "buffer", "past", "length")
"""No reason overrides that a slot is taken, has begun (it would be a no-show at once, with its fee), or is no
time."""


class SlotDetails(BaseModel):
    """A slot at a machine, in UTC milliseconds; its end is the first instant after."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    machine: Annotated[str, Field(min_length=1, max_length=64)]
    begins_ms: Millis
    ends_ms: Millis


class BookingDetails(SlotDetails):
    """What is to be booked: without a member for the asker. `words` are for the holder and staff.

    `reason` is why staff book against the rules ("" where they do not).
    """

    member: Annotated[str, Field(max_length=64)] = ""
    words: Reason = ""
    reason: Reason = ""


class ChangeDetails(BaseModel):
    """What changes of a reservation; what is not given stays. `reason` as for a new one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    machine: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    begins_ms: Millis | None = None
    ends_ms: Millis | None = None
    words: Reason | None = None
    reason: Reason = ""


def check_times(details: SlotDetails) -> None:
    """Refuse what ends before it begins, and what lasts longer than a year."""
    if not 0 < details.ends_ms - details.begins_ms <= LENGTH_MAX_MS:
        raise Refused("reservation_times_invalid", "A reservation ends after it begins, within a year.")


def wanted(diary: Diary, details: SlotDetails, member: str, changes: str = "") -> Wanted:
    """Return a request as the rules know it; raises Refused for an unknown machine or member, or no time."""
    check_times(details)
    diary.machine(details.machine)
    slot = Slot(details.machine, details.begins_ms, details.ends_ms)
    tier = members.get(diary.session, member).tier
    return Wanted(slot, member, tier, diary.now_ms, changes=changes)


def check(diary: Diary, details: BookingDetails) -> Decision:
    """Say whether a slot may be booked, and if not why; nothing is written."""
    return diary.decide(wanted(diary, details, details.member or diary.by))


def book(diary: Diary, details: BookingDetails, series: str | None = None) -> Reserved:
    """Book a slot. Raises Refused with the rule that decided; staff with a reason override all but a slot
    that is taken or has begun.
    """
    diary.hold()
    asked = wanted(diary, details, details.member or diary.by)
    release.settle(diary, details.machine)
    displaces = _allowed(diary, asked, details.reason)
    return _write(diary, asked, details, displaces, series)


def _write(
    diary: Diary,
    asked: Wanted,
    details: BookingDetails,
    displaces: tuple[str, ...],
    series: str | None = None,
) -> Reserved:
    row = Reserved(
        id=diary.new_id(),
        machine=details.machine,
        member=asked.member,
        tier=asked.tier,
        words=details.words,
        reason=details.reason,
        series=series,
        begins_ms=details.begins_ms,
        ends_ms=details.ends_ms,
        blocks_from_ms=details.begins_ms,
        blocks_to_ms=details.ends_ms,
        made_ms=diary.now_ms,
        made_by=diary.by,
        changed_ms=diary.now_ms,
    )
    _displace(diary, displaces, row)
    diary.write(row)
    waiting.served(diary, row)
    diary.tell(Happening.RESERVATION_MADE, row)
    return row


def change(diary: Diary, id: str, changes: ChangeDetails) -> Reserved:
    """Move a reservation that has not begun, or change its words. Raises Refused as `book` does."""
    diary.hold()
    row = diary.get(id)
    release.settle(diary, row.machine)
    _check_open(diary, row, Standing.BOOKED)
    given = changes.model_dump(exclude_none=True, exclude={"reason"})
    if "words" in given:
        row.words = given.pop("words")
    before = Slot(row.machine, row.begins_ms, row.ends_ms)
    slot = SlotDetails(
        **({"machine": row.machine, "begins_ms": row.begins_ms, "ends_ms": row.ends_ms} | given)
    )
    if Slot(slot.machine, slot.begins_ms, slot.ends_ms) == before:
        return diary.write(row, keeps=True)
    release.settle(diary, slot.machine)
    if row.kind is Kind.USE and row.member:
        _check_not_late(diary, row)
        asked = wanted(diary, slot, row.member, changes=row.id)
        _displace(diary, _allowed(diary, asked, changes.reason), row)
    row.machine, row.begins_ms, row.ends_ms = slot.machine, slot.begins_ms, slot.ends_ms
    row.reason = changes.reason or row.reason
    diary.write(row)
    if slot.machine != before.machine:
        diary.tell_gateway(before.machine)
    diary.tell(Happening.RESERVATION_CHANGED, row, before_machine=before.machine, before_ms=before.begins_ms)
    now_free = [(before.begins_ms, before.ends_ms)]
    if slot.machine == before.machine:
        now_free = calendar.without(now_free, [(slot.begins_ms, slot.ends_ms)])
    for from_ms, to_ms in now_free:
        waiting.offer(diary, Slot(before.machine, from_ms, to_ms))
    return row


def cancel(diary: Diary, id: str, reason: str = "", *, waive: bool = False) -> Reserved:
    """Give a slot up. One that has begun ends now; what was given up too late is charged, unless staff
    waive it. What came free is offered to who waits.
    """
    diary.hold()
    row = diary.get(id)
    release.settle(diary, row.machine)
    _check_open(diary, row, Standing.BOOKED, Standing.BEGUN)
    one = diary.by_now(row)
    has_begun = one.standing is Standing.BEGUN
    fee = (
        None
        if has_begun or waive
        else fees.of_cancel(one, diary.policies.of(row.machine), diary.now_ms, diary.zone)
    )
    diary.close(row, Standing.ENDED if has_begun else Standing.CANCELLED, reason, excused=waive)
    charged = charging.late_cancel(diary, row, fee) if fee is not None else False
    if not has_begun:
        diary.tell(Happening.RESERVATION_CANCELLED, row, reason=reason.strip()[:200], charged=int(charged))
    waiting.offer(diary, Slot(row.machine, max(row.begins_ms, diary.now_ms), row.ends_ms))
    return row


def pass_on(diary: Diary, id: str, member: str) -> Reserved:
    """Hand a reservation over to another member who may use the machine then, by id or number."""
    diary.hold()
    row = diary.get(id)
    release.settle(diary, row.machine)
    _check_open(diary, row, Standing.BOOKED)
    if row.member is None:
        raise Refused(
            "reservation_standing", "A class or maintenance is nobody's: make a reservation instead."
        )
    slot = SlotDetails(machine=row.machine, begins_ms=row.begins_ms, ends_ms=row.ends_ms)
    to = wanted(diary, slot, _called(diary, member), row.id)
    member = to.member
    known = facts.known(diary.session, diary.policies, to, diary.zone)
    decision = hand_over.decide(
        diary.policies, facts.reservation(row), member, to.tier, known, diary.now_ms, diary.zone
    )
    granted(_of_another(decision, members.get(diary.session, member).number, row.machine))
    made = Reserved(
        **row.model_dump(include={"machine", "kind", "words", "series", "begins_ms", "ends_ms"}),
        id=diary.new_id(),
        member=member,
        tier=to.tier,
        blocks_from_ms=row.blocks_from_ms,
        blocks_to_ms=row.blocks_to_ms,
        made_ms=diary.now_ms,
        made_by=diary.by,
        changed_ms=diary.now_ms,
    )
    diary.close(row, Standing.HANDED_OVER)
    diary.write(made, keeps=True)
    waiting.served(diary, made)
    diary.tell(Happening.RESERVATION_HANDED_OVER, row, to=member, made=made.id)
    diary.tell(Happening.RESERVATION_MADE, made, **{"from": row.id})
    return made


def extend(diary: Diary, id: str, ends_ms: int) -> Reserved:
    """Let a running reservation go on; raises Refused where somebody waits or has booked what follows."""
    diary.hold()
    row = diary.get(id)
    release.settle(diary, row.machine)
    _check_open(diary, row, Standing.BEGUN)
    if ends_ms <= row.ends_ms:
        raise Refused("reservation_times_invalid", "An extension ends later than the reservation does.")
    if row.member is None:
        raise Refused("reservation_standing", "Change the block instead.")
    asked = wanted(
        diary,
        SlotDetails(machine=row.machine, begins_ms=row.begins_ms, ends_ms=ends_ms),
        row.member,
        changes=row.id,
    )
    known = facts.known(diary.session, diary.policies, asked, diary.zone)
    one = diary.by_now(row)
    granted(extension.decide(diary.policies, one, ends_ms, known, diary.now_ms, diary.zone))
    row.ends_ms = ends_ms
    diary.write(row)
    diary.tell(Happening.RESERVATION_CHANGED, row, extended=1)
    return row


def _allowed(diary: Diary, asked: Wanted, reason: str) -> tuple[str, ...]:
    """Return the reservations that give way to a request; raises Refused unless it is allowed."""
    decision = diary.decide(asked)
    match decision:
        case Allowed(displaces=displaces):
            return displaces
        case Turned(rule=rule) if rule not in NEVER and diary.is_staff and reason.strip():
            return ()
    return granted(decision)


def granted(decision: Decision) -> tuple[str, ...]:
    """Return the reservations that give way; raises Refused with the rule that decided."""
    if isinstance(decision, Turned):
        raise refusal(decision)
    return decision.displaces


def _of_another(decision: Decision, number: str, machine: str) -> Decision:
    """Say of a member what a rule says to them; why they may not use a machine is for them alone to read."""
    if not isinstance(decision, Turned) or decision.rule in hand_over.OF_THE_RESERVATION:
        return decision
    sentence = f"Member {number} cannot take it over: they have another reservation then, or reach a limit."
    if decision.rule in STANDING:
        sentence = f"Member {number} may not use {machine} then."
    return replace(decision, sentence=sentence)


def _called(diary: Diary, text: str) -> str:
    """Return the id of the member with an id or a number; an email would tell who is a member."""
    query = select(Member.id).where(or_(col(Member.id) == text, col(Member.number) == text))
    found = diary.session.exec(query).first()
    if found is None:
        raise Refused("member_not_found", "There is no member with this number.")
    return found


def accept(diary: Diary, id: str) -> Reserved:
    """Take what is offered: what was waited for, from now on where the slot runs already."""
    diary.hold()
    one = waiting.stands(diary, id)
    release.settle(diary, one.machine)
    begins_ms = max(one.begins_ms, diary.now_ms)
    length_ms = diary.session.get_one(Waiting, one.waiting).length_ms
    slot = SlotDetails(
        machine=one.machine, begins_ms=begins_ms, ends_ms=min(begins_ms + length_ms, one.ends_ms)
    )
    asked = wanted(diary, slot, one.member)
    if turned := waiting.refused(diary, asked):
        raise refusal(turned)
    return _write(diary, asked, BookingDetails(**slot.model_dump()), ())


def take(diary: Diary, slot: Slot) -> Reserved | None:
    """Reserve what somebody has begun to use, who was offered it; None where it is taken, or the rules bar
    them. They act themselves; the caller holds the diary.
    """
    rules = diary.policies.of(slot.machine).rules
    from_ms, to_ms = slot.begins_ms - rules.buffer_before_ms, slot.ends_ms + rules.buffer_after_ms
    if slot.ends_ms <= slot.begins_ms or facts.rows(diary.session, [slot.machine], from_ms, to_ms):
        return None
    asked = Wanted(slot, diary.by, members.get(diary.session, diary.by).tier, diary.now_ms)
    if waiting.refused(diary, asked) is not None:
        return None
    details = BookingDetails(machine=slot.machine, begins_ms=slot.begins_ms, ends_ms=slot.ends_ms)
    return _write(diary, asked, details, ())


def _displace(diary: Diary, ids: tuple[str, ...], by: Reserved) -> None:
    """Take reservations of lower priority away, in favour of one; their holders are told, and pay nothing."""
    for id in ids:
        diary.displace(diary.get(id), by)


def _check_open(diary: Diary, row: Reserved, *standings: Standing) -> None:
    if row.standing not in standings:
        raise Refused("reservation_standing", "This reservation has begun, or is over already.")


def _check_not_late(diary: Diary, row: Reserved) -> None:
    """Refuse to move what is too late to be cancelled freely: moved away, it could be cancelled."""
    policy = diary.policies.of(row.machine)
    if fees.is_late(facts.reservation(row), policy, diary.now_ms, diary.zone) and not diary.is_staff:
        raise Refused(
            "reservation_change_late", "It is too late to move this reservation. You may still cancel it."
        )

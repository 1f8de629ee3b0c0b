"""What a reservation means at the machine, what a class lets in, who is signed off: said as rows."""

from __future__ import annotations

from dataclasses import replace

from test_floor_access import GOOD, NOW_MS, badge, member

from floor.access import (
    BadgeStanding,
    Denied,
    Granted,
    MemberStanding,
    Request,
    decide,
    may_sign_off,
    may_supervise,
    not_signed_off,
)
from floor.reservation.at_machine import NOTHING, begins, holds, look
from floor.wire.roster import Booking, OnReserved
from floor.words import BadgeKind, DenialReason

MINUTE_MS = 60_000
ANN, BOB = MemberStanding("ann", "Ann", "t", "ann"), MemberStanding("bob", "Bob", "t", "bob")
IVY = MemberStanding("ivy", "Ivy", "t", "ivy", supervisor=True)
TEC = MemberStanding("tec", "Tec", "t", "tec", technician=True)
MINE = Booking(id="r1", begins_ms=NOW_MS, ends_ms=NOW_MS + 60 * MINUTE_MS, member="ann", shown="Ann")
LATER = Booking(id="r2", begins_ms=MINE.ends_ms, ends_ms=MINE.ends_ms + MINUTE_MS, member="bob")
CLASS = Booking(id="c1", begins_ms=NOW_MS, ends_ms=NOW_MS + 60 * MINUTE_MS, guests=["bob"], opens=True)
RELEASED_MS = NOW_MS + 15 * MINUTE_MS


def test_who_is_let_in_and_who_is_refused() -> None:
    def said(at_ms: int, who: MemberStanding | None, *bookings: Booking) -> tuple[str, str, str, bool]:
        seen = look(bookings, who, at_ms, ())
        named = [one.id if one else "" for one in (seen.mine, seen.other, seen.coming)]
        return (*named, seen.refuses)  # type: ignore[return-value]

    both = (MINE, LATER)
    assert said(NOW_MS - 1, ANN, *both) == ("", "", "r2", False)
    assert said(NOW_MS - 1, BOB, *both) == ("", "", "r1", False)
    assert said(NOW_MS, ANN, *both) == ("r1", "", "r2", False)
    assert said(NOW_MS, BOB, *both) == ("", "r1", "", True)
    assert said(NOW_MS, None, *both) == ("", "r1", "r2", True)
    assert said(NOW_MS, IVY, *both) == said(NOW_MS, TEC, *both) == ("", "r1", "r2", True)
    assert said(MINE.ends_ms, ANN, *both) == ("", "r2", "", True)
    assert said(LATER.ends_ms, ANN, *both) == ("", "", "", False)
    warns = MINE.model_copy(update={"on_others": OnReserved.WARN})
    assert said(NOW_MS, BOB, warns) == ("", "r1", "", False)
    with_guest = MINE.model_copy(update={"guests": ["bob"]})
    assert said(NOW_MS, BOB, with_guest) == ("r1", "", "", False)
    for who, mine in ((ANN, False), (BOB, True), (IVY, True), (TEC, True)):
        assert said(NOW_MS, who, CLASS) == (("c1", "", "", False) if mine else ("", "c1", "", True)), who
    taken = LATER.model_copy(update={"begins_ms": NOW_MS, "id": "r0"})
    assert said(NOW_MS, ANN, taken, MINE) == ("r1", "", "", False), "who holds one too is let in"
    assert look((), ANN, NOW_MS, ()) == NOTHING


def test_a_no_show_holds_no_more() -> None:
    released = MINE.model_copy(update={"released_ms": RELEASED_MS})
    assert holds(released, RELEASED_MS - 1, ())
    assert not holds(released, RELEASED_MS, ())
    assert holds(released, RELEASED_MS, {"r1"}), "begun here, as this gateway knows by itself"
    assert holds(released.model_copy(update={"begun": True}), RELEASED_MS, ())
    assert not holds(released.model_copy(update={"begun": True}), MINE.ends_ms, {"r1"})
    assert look([released], BOB, RELEASED_MS, ()).other is None


def test_what_a_session_begins() -> None:
    released = MINE.model_copy(update={"released_ms": RELEASED_MS})
    assert begins([released], ANN, NOW_MS, NOW_MS) == {"r1"}
    assert begins([released], ANN, NOW_MS - MINUTE_MS, NOW_MS - 1) == set()
    assert begins([released], ANN, NOW_MS - MINUTE_MS, RELEASED_MS + 1) == {"r1"}
    assert begins([released], ANN, RELEASED_MS, RELEASED_MS + 1) == set(), "it was released before they came"
    assert begins([released], BOB, NOW_MS, NOW_MS) == set()
    assert begins([MINE, LATER], ANN, MINE.ends_ms, MINE.ends_ms) == set()


def guest(request: Request) -> Request:
    return replace(
        member(request, allowed={}), class_ends_ms=NOW_MS + 5 * MINUTE_MS + 999, class_opener="ivy"
    )


def reason(request: Request) -> DenialReason | None:
    decision = decide(request)
    return decision.reason if isinstance(decision, Denied) else None


def test_a_class_lets_its_guests_in_and_no_further() -> None:
    granted = decide(guest(GOOD))
    assert isinstance(granted, Granted)
    assert (granted.lease.max_duration_s, granted.lease.supervisor) == (300, "ivy")
    short = replace(guest(GOOD), policy=replace(GOOD.policy, max_duration_s=60))
    granted = decide(short)
    assert isinstance(granted, Granted)
    assert granted.lease.max_duration_s == 60
    trained = decide(replace(guest(GOOD), member=GOOD.member))
    assert isinstance(trained, Granted)
    assert (trained.lease.max_duration_s, trained.lease.supervisor) == (600, ""), "their own right, as ever"
    assert reason(replace(guest(GOOD), class_ends_ms=NOW_MS)) is DenialReason.NOT_CERTIFIED
    assert reason(replace(guest(GOOD), class_ends_ms=0)) is DenialReason.NOT_CERTIFIED
    assert reason(member(guest(GOOD), allowed={"saw": NOW_MS})) is None, "a lapsed training is none"
    assert reason(member(guest(GOOD), suspended=True)) is DenialReason.MEMBER_SUSPENDED
    assert reason(badge(guest(GOOD), lost=True)) is DenialReason.BADGE_LOST
    no_clock = replace(member(guest(GOOD), allowed={"saw": 1}, until_ms=None), clock_known=False)
    assert reason(no_clock) is DenialReason.CLOCK_UNKNOWN
    assert reason(member(guest(GOOD), spendable_micro=0)) is DenialReason.NO_CREDIT


def test_who_is_supervised_is_above_nothing() -> None:
    assert not may_supervise(member(GOOD, supervisor=True, supervised=True))
    assert may_supervise(member(replace(GOOD, reserved=True), supervisor=True))
    assert not may_supervise(member(guest(GOOD), supervisor=True)), "a guest is trained in nothing"
    broken = replace(GOOD, roster_age_s=GOOD.policy.max_roster_age_s + 1)
    assert reason(member(broken, technician=True)) is None
    assert reason(member(broken, technician=True, supervised=True)) is DenialReason.ROSTER_TOO_OLD
    repair = member(replace(GOOD, reserved=True, out_of_order=True), technician=True)
    assert reason(repair) is None, "what is out of order is repaired, whoever reserved it"


def test_who_signs_off_and_who_is_signed_off() -> None:
    ivy = member(GOOD, supervisor=True, signs_off=True)
    assert may_sign_off(ivy)
    assert may_sign_off(replace(ivy, machine_reachable=False)), "nothing runs"
    assert not may_sign_off(member(GOOD, supervisor=True))
    assert not may_sign_off(member(GOOD, signs_off=True))
    assert not may_sign_off(member(ivy, allowed={}))
    assert not may_sign_off(badge(ivy, lost=True))
    phone = replace(ivy, badge=BadgeStanding("m1", BadgeKind.PHONE), proven=BadgeKind.PHONE)
    assert not may_sign_off(phone)
    student = member(GOOD, allowed={}, until_ms=NOW_MS - 1)
    assert not_signed_off(student) is None
    assert not_signed_off(replace(student, badge=None)) is DenialReason.UNKNOWN_BADGE
    assert not_signed_off(replace(student, member=None)) is DenialReason.UNKNOWN_BADGE
    assert not_signed_off(badge(student, lost=True)) is DenialReason.BADGE_LOST
    assert not_signed_off(replace(student, proven=BadgeKind.UID_13MHZ)) is DenialReason.BADGE_NOT_PROVEN
    assert not_signed_off(replace(phone, member=student.member)) is DenialReason.BADGE_NOT_PROVEN
    assert not_signed_off(member(student, suspended=True)) is DenialReason.MEMBER_SUSPENDED

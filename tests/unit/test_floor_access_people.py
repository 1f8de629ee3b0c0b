"""What a class lets in, who stands above nothing, who signs off and who is signed off: said as rows."""

from __future__ import annotations

from dataclasses import replace

from test_floor_access import GOOD, NOW_MS, badge, member

from floor.access import (
    BadgeStanding,
    Denied,
    Granted,
    Request,
    decide,
    may_sign_off,
    may_supervise,
    not_signed_off,
)
from floor.words import BadgeKind, DenialReason

MINUTE_MS = 60_000


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
    assert may_supervise(member(replace(GOOD, reserved=True, not_walk_in=True), supervisor=True))
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

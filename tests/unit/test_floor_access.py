"""floor.access.decide as a table: one row for each reason, their order, and what a grant says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import floor
from floor.access import (
    AccountStanding,
    BadgeStanding,
    Denied,
    Granted,
    Lease,
    MemberStanding,
    Request,
    choose,
    decide,
    may_supervise,
    raise_hold,
)
from floor.policy import DAY_S, MachinePolicy
from floor.words import BadgeKind, DenialReason, Purpose

NOW_MS = 1_800_000_000_000
R = DenialReason
Change = Callable[[Request], Request]

GOOD = Request(
    machine="saw",
    policy=MachinePolicy(
        max_duration_s=600, max_roster_age_s=DAY_S, needs_machine_reachable=True, accepts_weak_badges=False
    ),
    badge_reference="b1",
    badge=BadgeStanding("m1", BadgeKind.DESFIRE),
    proven=BadgeKind.DESFIRE,
    member=MemberStanding(
        "m1",
        "Ann",
        "staff",
        "acc1",
        until_ms=NOW_MS + 1,
        spendable_micro=1,
        allowed={"saw": NOW_MS + 1},
    ),
    session_id="s1",
    now_ms=NOW_MS,
    clock_known=True,
    roster_age_s=DAY_S,
)
"""A request that only just passes every rule: each row below moves one value past its edge."""


def badge(request: Request, **changes: object) -> Request:
    assert request.badge
    return replace(request, badge=replace(request.badge, **changes))


def member(request: Request, **changes: object) -> Request:
    assert request.member
    return replace(request, member=replace(request.member, **changes))


ROWS: list[tuple[str, DenialReason, Change]] = [
    ("nobody knows the badge", R.UNKNOWN_BADGE, lambda r: replace(r, badge=None)),
    ("the badge's member is not known", R.UNKNOWN_BADGE, lambda r: replace(r, member=None)),
    ("lost", R.BADGE_LOST, lambda r: badge(r, lost=True)),
    ("shown by its UID alone", R.BADGE_NOT_PROVEN, lambda r: replace(r, proven=BadgeKind.UID_13MHZ)),
    ("another proof", R.BADGE_NOT_PROVEN, lambda r: replace(r, proven=BadgeKind.NTAG424)),
    ("a UID alone", R.BADGE_TOO_WEAK, lambda r: badge(r, kind=BadgeKind.UID_13MHZ)),
    ("suspended", R.MEMBER_SUSPENDED, lambda r: member(r, suspended=True)),
    ("the rules not signed", R.WAIVER_MISSING, lambda r: member(r, waiver_missing=True)),
    ("not signed for it", R.WAIVER_MISSING, lambda r: member(r, waiver_missing_at=("x", r.machine))),
    ("no clock for a membership", R.CLOCK_UNKNOWN, lambda r: member(no_clock(r), allowed={"saw": 0})),
    ("the membership ends now", R.MEMBERSHIP_EXPIRED, lambda r: member(r, until_ms=NOW_MS)),
    ("a roster a second too old", R.ROSTER_TOO_OLD, lambda r: replace(r, roster_age_s=DAY_S + 1)),
    ("power not proven off", R.MACHINE_NOT_SAFE, lambda r: replace(r, power_proven_off=False)),
    ("the building closes", R.CLOSING, lambda r: replace(r, closing=True)),
    ("the machine is silent", R.MACHINE_UNREACHABLE, lambda r: replace(r, machine_reachable=False)),
    ("trained on another machine", R.NOT_CERTIFIED, lambda r: member(r, allowed={"laser": 0})),
    ("no clock for a training", R.CLOCK_UNKNOWN, lambda r: member(no_clock(r), until_ms=None)),
    ("the training ends now", R.CERTIFICATION_EXPIRED, lambda r: member(r, allowed={"saw": NOW_MS})),
    ("somebody else reserved it", R.RESERVED, lambda r: replace(r, reserved=True)),
    ("the rules refuse a walk-in", R.WALK_IN, lambda r: replace(r, not_walk_in=True)),
    ("nothing left", R.NO_CREDIT, lambda r: member(r, spendable_micro=0)),
    ("owes", R.NO_CREDIT, lambda r: member(r, spendable_micro=-1)),
]
"""In the order of the rules: what stands higher is the reason that a member is told first."""


def no_clock(request: Request) -> Request:
    return replace(request, clock_known=False)


def test_a_request_that_only_just_passes_is_granted_with_the_terms_of_the_roster() -> None:
    expected = Lease("s1", "saw", "m1", "acc1", "b1", "staff", "Ann", NOW_MS, 600, limit_micro=1)
    assert decide(GOOD) == Granted(expected)


def test_each_rule_refuses_by_itself() -> None:
    for name, reason, change in ROWS:
        who = None if reason is R.UNKNOWN_BADGE else "m1"
        assert decide(change(GOOD)) == Denied(reason, who), name


def test_of_two_reasons_the_earlier_rule_is_told() -> None:
    for higher, (first_name, reason, first) in enumerate(ROWS):
        for lower, (second_name, _, second) in enumerate(ROWS):
            request = first(second(GOOD)) if higher <= lower else second(first(GOOD))
            earlier = reason if higher <= lower else ROWS[lower][1]
            if _same_value(first_name, second_name):
                continue
            answer = decide(request)
            assert isinstance(answer, Denied)
            assert answer.reason is earlier, f"{first_name} with {second_name}"


def _same_value(one: str, two: str) -> bool:
    """Whether two rows set the same value, so that only one of them can hold."""
    sets = [
        {"no clock for a membership", "the membership ends now", "no clock for a training"},
        {"no clock for a membership", "no clock for a training", "trained on another machine"}
        | {"the training ends now"},
        {"nothing left", "owes"},
        {"shown by its UID alone", "another proof", "a UID alone"},
    ]
    return one != two and any({one, two} <= rows for rows in sets)


def test_where_a_policy_or_a_roster_asks_for_nothing_nothing_is_refused() -> None:
    lenient: list[Change] = [
        lambda r: replace(badge(r, kind=BadgeKind.UID_125KHZ), policy=MachinePolicy()),
        lambda r: replace(r, machine_reachable=False, policy=MachinePolicy()),
        lambda r: member(no_clock(r), until_ms=None, allowed={"saw": 0}),
        lambda r: member(r, until_ms=None, allowed={"saw": 0}, spendable_micro=None),
    ]
    for change in lenient:
        assert isinstance(decide(change(GOOD)), Granted), change(GOOD)


def test_a_copyable_badge_is_weak_and_a_cryptographic_one_is_not() -> None:
    strong = {BadgeKind.NTAG424, BadgeKind.DESFIRE, BadgeKind.PHONE}
    for kind in BadgeKind:
        granted = isinstance(decide(badge(replace(GOOD, proven=kind), kind=kind)), Granted)
        assert granted == (kind in strong), kind


def test_every_denial_reason_is_given_somewhere() -> None:
    """What decide never says, the session says; the walk and the rows above prove that it is reached."""
    assert floor.__file__
    rules = Path(floor.__file__).parent
    said_by_session = set(re.findall(r"DenialReason\.([A-Z_]+)", (rules / "session.py").read_text()))
    said_by_decide = {reason.name for _, reason, _ in ROWS}
    assert said_by_session == {"MACHINE_LOCKED_OUT", "IN_USE", "NO_SUPERVISOR", "PROOF_MISSING"}
    assert said_by_decide | said_by_session == set(DenialReason.__members__)


LEASE = Lease("s1", "saw", "m1", "acc1", "b1", "staff", "Ann", NOW_MS, 600, limit_micro=10)


def test_a_session_holds_a_part_where_its_machine_says_so() -> None:
    for left, hold, held in [(9, 0, 9), (9, 4, 4), (3, 4, 3), (None, 4, None), (None, 0, None)]:
        asked = replace(member(GOOD, spendable_micro=left), policy=MachinePolicy(hold_micro=hold))
        granted = decide(asked)
        assert isinstance(granted, Granted)
        assert granted.lease.limit_micro == held, (left, hold)


def test_an_account_is_chosen_while_something_of_it_is_left() -> None:
    def limit(left: int | None, price: int, hold: int = 0) -> object:
        account = AccountStanding("team", "Team", left)
        chosen = choose(LEASE, account, price, MachinePolicy(hold_micro=hold))
        if chosen is None:
            return "no"
        assert chosen == replace(LEASE, account="team", account_name="Team", limit_micro=chosen.limit_micro)
        return chosen.limit_micro

    assert limit(None, 99) is None
    assert limit(5, 0) == 5
    assert limit(5, 4) == 5
    assert limit(5, 5) == limit(0, 0) == limit(-3, 0) == "no"
    assert limit(50, 4, hold=10) == 14
    assert limit(50, 45, hold=10) == 50


def test_a_hold_grows_out_of_what_is_left() -> None:
    def grown(left: int | None, price: int, hold: int = 0) -> object:
        more = raise_hold(LEASE, left, price, MachinePolicy(hold_micro=hold))
        assert more is None or more == replace(LEASE, limit_micro=more.limit_micro)
        return more.limit_micro if more else "as it is"

    assert raise_hold(replace(LEASE, limit_micro=None), 9, 99, MachinePolicy()) is None
    assert grown(100, 9) == grown(0, 10) == grown(-1, 10) == "as it is"
    assert grown(100, 10) == 110
    assert grown(None, 10) is None
    assert grown(100, 5, hold=8) == "as it is"
    assert grown(100, 6, hold=8) == 14
    assert grown(2, 6, hold=8) == 12
    assert grown(5, 20, hold=8) == "as it is", "what is owed already is not covered"


def technician(**changes: object) -> Request:
    """A technician without training or credit at a gateway that has been alone for too long."""
    request = replace(GOOD, roster_age_s=DAY_S + 1, **changes)  # type: ignore[arg-type]
    return member(request, technician=True, allowed={}, spendable_micro=0)


def purpose(request: Request) -> Purpose | DenialReason:
    decision = decide(request)
    return decision.lease.purpose if isinstance(decision, Granted) else decision.reason


def test_a_technician_overrides_what_may_be_overridden_and_nothing_else() -> None:
    lasting = replace(GOOD.policy, max_duration_s=DAY_S)
    broken = decide(technician(policy=lasting))
    assert isinstance(broken, Granted)
    assert (broken.lease.purpose, broken.lease.max_duration_s) == (Purpose.BREAK_GLASS, 3600)
    assert broken.lease.limit_micro is None
    assert purpose(replace(technician(clock_known=False), roster_age_s=0)) is Purpose.BREAK_GLASS
    repair = decide(replace(technician(policy=lasting, out_of_order=True), roster_age_s=0))
    assert isinstance(repair, Granted)
    assert (repair.lease.purpose, repair.lease.tier) == (Purpose.REPAIR, "repair")
    assert repair.lease.max_duration_s == DAY_S
    forbidden = replace(GOOD.policy, break_glass=False)
    for out_of_order in (False, True):
        given = technician(out_of_order=out_of_order)
        refused = {
            R.ROSTER_TOO_OLD: replace(given, policy=forbidden),
            R.BADGE_LOST: badge(given, lost=True),
            R.MEMBER_SUSPENDED: member(given, suspended=True),
            R.MEMBERSHIP_EXPIRED: member(given, until_ms=NOW_MS),
            R.MACHINE_NOT_SAFE: replace(given, power_proven_off=False),
            R.CLOSING: replace(given, closing=True),
        }
        for reason, request in refused.items():
            assert purpose(request) is reason
        assert purpose(member(given, technician=False)) is R.ROSTER_TOO_OLD
    assert purpose(replace(technician(), roster_age_s=0)) is R.NOT_CERTIFIED, "who is online breaks no glass"
    trained = member(GOOD, technician=True)
    assert purpose(trained) is Purpose.USE
    assert purpose(member(replace(GOOD, out_of_order=True), technician=False)) is Purpose.USE


def test_who_may_supervise() -> None:
    poor = member(GOOD, spendable_micro=0)
    assert not may_supervise(GOOD)
    assert may_supervise(member(poor, supervisor=True))
    assert may_supervise(member(poor, technician=True))
    assert not may_supervise(member(poor, supervisor=True, allowed={}))
    assert not may_supervise(member(poor, supervisor=True, suspended=True))
    assert not may_supervise(badge(member(poor, supervisor=True), lost=True))
    assert not may_supervise(replace(member(poor, technician=True), roster_age_s=DAY_S + 1))


def test_a_phone_which_may_be_anywhere_is_its_members_and_no_more() -> None:
    def by_phone(request: Request) -> Request:
        assert request.badge is not None
        badge = replace(request.badge, kind=BadgeKind.PHONE)
        return replace(request, badge=badge, proven=BadgeKind.PHONE)

    assert purpose(by_phone(member(GOOD, technician=True))) is Purpose.USE
    assert not may_supervise(by_phone(member(GOOD, supervisor=True, technician=True)))
    assert purpose(replace(technician(out_of_order=True), roster_age_s=0)) is Purpose.REPAIR
    assert purpose(by_phone(replace(technician(out_of_order=True), roster_age_s=0))) is R.NOT_CERTIFIED
    assert purpose(technician()) is Purpose.BREAK_GLASS
    assert purpose(by_phone(technician())) is R.ROSTER_TOO_OLD

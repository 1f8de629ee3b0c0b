"""The rules of hand-over, reservations, classes, sign-off and supervision: their source, and without it."""

from __future__ import annotations

from mutations import Mutation, session_rule


def _access(rule: str, old: str, new: str) -> Mutation:
    return Mutation(rule, "access.py", old, new)


def _booked(rule: str, old: str, new: str) -> Mutation:
    return Mutation(rule, "reservation/at_machine.py", old, new)


PEOPLE = [
    session_rule("a hand-over is confirmed", "and handing.confirmed is confirmed", ""),
    session_rule("a hand-over ends", "and at_ms < handing.until_ms and handing", "and handing"),
    session_rule(
        "a copy confirms no hand-over", "or policy.card_must_stay or confirms", "or policy.card_must_stay"
    ),
    session_rule(
        "what must run runs at a hand-over",
        "    if not tap.proven:\n        return state, (Refuse",
        "    if False:\n        return state, (Refuse",
    ),
    session_rule(
        "who needs a supervisor takes nothing over",
        "lease.purpose is not Purpose.USE or not _alone(tap, policy)",
        "lease.purpose is not Purpose.USE",
    ),
    session_rule("a hand-over is for use", "if lease.purpose is not Purpose.USE or not", "if not"),
    session_rule(
        "a hand-over counts from its instant",
        "Running(lease, tap.at_ms, tap.at_ms, state.busy",
        "Running(lease, state.since_ms, tap.at_ms, state.busy",
    ),
    session_rule(
        "the job goes over too", "state.busy, isinstance(state, Running) and state.job)", "state.busy)"
    ),
    session_rule("a hand-over is recorded", "(HandOver(state.lease, lease, tap.at_ms),)", "()"),
    session_rule(
        "nothing is handed over where the card must stay, nor a repair",
        "case HandOverAsked(at_ms) if not (policy.card_must_stay or state.out_of_order):",
        "case HandOverAsked(at_ms):",
    ),
    session_rule(
        "a member takes their offer back",
        'warned=False, handing=None), (Warn("kept"),)',
        'warned=False), (Warn("kept"),)',
    ),
    session_rule(
        "a reservation ends a session",
        "return _end(state, StopType.RESERVATION, at_ms, policy)",
        "return state, ()",
    ),
    session_rule(
        "a reservation cuts no work",
        "ReservationDue(at_ms) if not (_works(state) or state.out_of_order)",
        "ReservationDue(at_ms) if not state.out_of_order",
    ),
    session_rule(
        "a reservation ends no repair",
        "ReservationDue(at_ms) if not (_works(state) or state.out_of_order)",
        "ReservationDue(at_ms) if not _works(state)",
    ),
    session_rule(
        "the rules end a walk-in", "return _end(state, StopType.WALK_IN, at_ms, policy)", "return state, ()"
    ),
    session_rule(
        "no rule on walk-ins cuts work, or a repair",
        "WalkInDue(at_ms) if not (_works(state) or state.out_of_order)",
        "WalkInDue(at_ms)",
    ),
    session_rule(
        "who needs somebody beside them needs that everywhere",
        "(policy.needs_supervisor or tap.supervised)",
        "policy.needs_supervisor",
    ),
    _access("who has to sign waits", "    if member.waiver_missing or", "    if"),
    _access(
        "who has to sign for a machine waits", " or request.machine in member.waiver_missing_at:\n", ":\n"
    ),
    _access("what is reserved is another's", "if request.reserved else None", "if False else None"),
    _access("the rules bind a walk-in", "if request.not_walk_in else None", "if False else None"),
    _access("a class stands above training alone", "untrained in UNTRAINED and", "untrained and"),
    _access(
        "a class needs to be there",
        "guest = untrained in UNTRAINED and request.now_ms < request.class_ends_ms",
        "guest = untrained in UNTRAINED",
    ),
    _access(
        "a guest's session ends with the class", "min(lease.max_duration_s, left_s)", "lease.max_duration_s"
    ),
    _access("who opened a class is recorded", "supervisor=request.class_opener", "supervisor=''"),
    _access(
        "who is supervised overrides nothing",
        " or member.supervised:\n        return None",
        ":\n        return None",
    ),
    _access(
        "who is supervised stands by nobody",
        " or member.supervised:\n        return False",
        ":\n        return False",
    ),
    _access("a guest stands by nobody", "not_walk_in=False, class_ends_ms=0)", "not_walk_in=False)"),
    _access("instructors are chosen", "if member is None or not member.signs_off:", "if member is None:"),
    _access(
        "who signs off is trained",
        "return may_supervise(replace(request, machine_reachable=True))",
        "return True",
    ),
    _access(
        "no phone is signed off",
        "    if request.proven is BadgeKind.PHONE:\n        return DenialReason.BADGE_NOT_PROVEN",
        "    if False:\n        return DenialReason.BADGE_NOT_PROVEN",
    ),
    _access(
        "who is signed off is certain",
        "return _badge_refuses(request, badge) or suspended",
        "return suspended",
    ),
    _access(
        "who is suspended is not signed off",
        "return _badge_refuses(request, badge) or suspended",
        "return _badge_refuses(request, badge)",
    ),
    _booked(
        "a reservation has its time", "if not booking.begins_ms <= now_ms < booking.ends_ms:", "if False:"
    ),
    _booked(
        "a no-show is released",
        "return kept or not booking.released_ms or now_ms < booking.released_ms",
        "return True",
    ),
    _booked("what was begun is kept", "kept = booking.begun or booking.id in begun", "kept = False"),
    _booked("what was begun here is kept", "booking.begun or booking.id in begun", "booking.begun"),
    _booked(
        "a reservation is its holder's",
        "return member.id == booking.member or member.id in booking.guests",
        "return True",
    ),
    _booked(
        "a class is its guests'",
        "member.supervisor or member.technician or member.id in booking.guests",
        "True",
    ),
    _booked(
        "only what refuses, refuses",
        "self.other is not None and self.other.on_others is OnReserved.REFUSE",
        "self.other is not None",
    ),
    _booked(
        "who comes after the release begins nothing",
        "(booking.released_ms or booking.ends_ms)",
        "booking.ends_ms",
    ),
]

"""How far a running reservation may go on: to its end, or past it, and when it must be given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from floor.reservation import ahead
from floor.reservation.ahead import Bound, User
from floor.reservation.calendar import said, shown
from floor.reservation.decide import placed
from floor.reservation.model import Counted, Extend, Policies, Within
from floor.reservation.terms import Allowed, Decision, Known, Reservation, Turned

USED = frozenset({Counted.USE})


def bound(policies: Policies, reservation: Reservation, known: Known, now_ms: int, zone: tzinfo) -> Bound:
    """Return when the use of a running reservation must end, and by which rule; 0: nothing ends it.

    It may be before the reservation's end, where a limit on use says so. `known.uses` hold the use that runs,
    up to now; `known.waiting` how many others wait.
    """
    machine = reservation.slot.machine
    user = User(policies, machine, reservation.member, reservation.tier, known, now_ms, zone)
    rules, ends_ms = user.rules, reservation.slot.ends_ms
    bounds = ahead.limit_bounds(user, USED, is_new=False)
    end = shown(ends_ms, zone)
    if rules.extend is Extend.NEVER:
        bounds.append(Bound(ends_ms, "extend", f"It ends at {end} and cannot go on."))
    elif rules.extend is Extend.NOBODY_WAITS and known.waiting:
        waits = "1 waits" if known.waiting == 1 else f"{known.waiting} wait"
        bounds.append(Bound(ends_ms, "extend", f"It ends at {end}: {waits} for {machine}."))
    if rules.extend_max_ms:
        most = said(rules.extend_max_ms)
        until = ends_ms + rules.extend_max_ms
        bounds.append(Bound(until, "extend_max", f"It may go on at most {most} after {end}."))
    between = rules.buffer_before_ms + rules.buffer_after_ms
    later = [ahead.next_taken(user, between), ahead.next_block(user, between)]
    if rules.within_hours is Within.WHOLE:
        later.append(ahead.closing(user))
    bounds += [replace(one, until_ms=max(one.until_ms, ends_ms)) for one in later if one.until_ms]
    found = ahead.earliest(bounds)
    return replace(found, until_ms=max(found.until_ms, now_ms)) if found.until_ms else found


def until_ms(policies: Policies, reservation: Reservation, known: Known, now_ms: int, zone: tzinfo) -> int:
    """Return the instant at which the use of a running reservation must end; 0: nothing ends it."""
    return bound(policies, reservation, known, now_ms, zone).until_ms


def decide(
    policies: Policies, reservation: Reservation, to_ms: int, known: Known, now_ms: int, zone: tzinfo
) -> Decision:
    """Say whether a running reservation may go on until an instant; `until_ms` is how far it might."""
    found = bound(policies, reservation, known, now_ms, zone)
    if found.until_ms and to_ms > found.until_ms:
        rules = policies.of(reservation.slot.machine).rules_for(reservation.tier)
        return placed(
            Turned(found.rule, found.sentence, {**found.values, "until": shown(found.until_ms, zone)}), rules
        )
    return Allowed((), found.until_ms, found.rule)

"""Whether a machine may be used without a reservation, and until when."""

from __future__ import annotations

from datetime import tzinfo

from floor.reservation import ahead, opening
from floor.reservation.ahead import Bound, User
from floor.reservation.calendar import DAY_MS, said, shown
from floor.reservation.decide import Case, placed, standing
from floor.reservation.model import Counted, Policies, Rules, Within
from floor.reservation.slots import block_times, released_ms
from floor.reservation.terms import Allowed, Decision, Kind, Known, Reservation, Slot, Turned, Wanted
from floor.wire.roster import OnReserved

WALK_IN = frozenset({Counted.WALK_IN, Counted.USE})
BLOCK_MS = 8 * DAY_MS


def decide(
    policies: Policies, machine: str, member: str, tier: str, known: Known, now_ms: int, zone: tzinfo
) -> Decision:
    """Say whether a member may use a machine now, and in `until_ms` and `until_rule` when that must end.

    `known` are the machine's reservations that run or come, the member's own, and their uses. Who holds the
    reservation that runs is allowed until its end.
    """
    user = User(policies, machine, member, tier, known, now_ms, zone)
    rules = user.rules
    running = next((one for one in user.reservations() if one.slot.overlaps(now_ms, now_ms + 1)), None)
    if running is not None and running.kind is Kind.USE and running.member == member:
        return Allowed((), running.slot.ends_ms, "reserved")
    if found := _refused(user, rules):
        return placed(found, rules)
    warning = ""
    if running is not None:
        warning = _reserved_words(user, running)
        if rules.on_others is OnReserved.REFUSE or running.kind is not Kind.USE:
            again = _again(user, running)
            return placed(Turned("on_others", warning, {"until": shown(again, zone)}, again), rules)
    bound = ahead.earliest(_bounds(user, rules, is_warned=bool(warning)))
    if bound.until_ms and bound.until_ms <= now_ms:
        return placed(Turned(bound.rule, bound.sentence, dict(bound.values)), rules)
    least = rules.walk_in_least_ms
    if bound.until_ms and bound.until_ms - now_ms < least:
        sentence = f"{bound.sentence} At least {said(least)} must be left for use without a reservation."
        return placed(Turned("walk_in_least", sentence, {"least": said(least)}), rules)
    return Allowed((), bound.until_ms, bound.rule, warning)


def _refused(user: User, rules: Rules) -> Turned | None:
    now_ms, machine, zone = user.now_ms, user.machine, user.zone
    if not rules.walk_in:
        return Turned("walk_in", f"{machine} is used with a reservation only.")
    slot = Slot(machine, now_ms, now_ms + 1)
    wanted = Wanted(slot, user.member, user.tier, now_ms)
    if found := standing(Case(user.policies, wanted, user.known, zone, user.policy, rules)):
        return found
    if found := opening.refuse(user.policies, rules, slot, zone):
        again = opening.opens_ms(user.policies, rules, machine, now_ms, zone)
        return Turned(found.rule, found.sentence, found.values, again)
    for block, (begins, ends) in block_times(user.policies, machine, now_ms, now_ms + BLOCK_MS, zone):
        if begins == now_ms:
            sentence = f"{machine} is taken until {shown(ends, zone)}: {block.name}."
            return Turned("blocks", sentence, {"name": block.name}, ends)
    for offer in user.known.offers:
        stands = now_ms < offer.until_ms and offer.member != user.member and offer.slot.machine == machine
        if stands and offer.slot.overlaps(now_ms, now_ms + 1):
            until = shown(offer.until_ms, zone)
            return Turned(
                "offer", f"It is offered to one who waited, until {until}.", {"until": until}, offer.until_ms
            )
    return None


def _bounds(user: User, rules: Rules, *, is_warned: bool) -> list[Bound]:
    before = rules.walk_in_ends_before_ms
    bounds = [ahead.next_block(user, before), ahead.next_window(user)]
    bounds += ahead.limit_bounds(user, WALK_IN, is_new=True)
    if not is_warned:
        bounds.append(ahead.next_taken(user, before))
    if rules.within_hours is Within.WHOLE:
        bounds.append(ahead.closing(user))
    if rules.walk_in_max_ms:
        most = said(rules.walk_in_max_ms)
        until = user.now_ms + rules.walk_in_max_ms
        bounds.append(Bound(until, "walk_in_max", f"At most {most} without a reservation."))
    return bounds


def _reserved_words(user: User, running: Reservation) -> str:
    return f"{user.machine} is reserved for somebody else until {shown(running.slot.ends_ms, user.zone)}."


def _again(user: User, running: Reservation) -> int:
    released = 0 if running.begun_ms else released_ms(running, user.policy)
    return released if released > user.now_ms else running.slot.ends_ms

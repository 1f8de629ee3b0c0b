"""Whether a machine may be used without a reservation, and until when."""

from __future__ import annotations

from datetime import tzinfo

from floor.reservation import ahead, limits, opening
from floor.reservation.ahead import Bound, User
from floor.reservation.calendar import DAY_MS, said, shown
from floor.reservation.decide import Case, placed, standing
from floor.reservation.model import Counted, Limit, Policies, Rules, Then, Within
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


def until(user: User, began_ms: int) -> Bound:
    """Return when a use without a reservation, which began then and goes on, must end; 0: nothing ends it.

    `user.known.uses` hold that use too, up to now.
    """
    rules, machine = user.rules, user.machine
    if not rules.walk_in:
        return Bound(user.now_ms, "walk_in", f"{machine} is used with a reservation only.")
    if (rules.only_tiers and user.tier not in rules.only_tiers) or user.tier in rules.except_tiers:
        return Bound(user.now_ms, "only_tiers", f"{machine} is not for you now.")
    return ahead.earliest(_bounds(user, rules, is_warned=False, began_ms=began_ms))


def says(policies: Policies, machine: str) -> bool:
    """Whether the rules say anything of use without a reservation at a machine, to anybody at any time.

    Blocks are left out: gateways have them as bookings.
    A machine that no policy means is used as if there were no rules.
    """
    policy = policies.of(machine)
    if not policy.name:
        return False
    days = [one.machines for one in (*policies.holidays, *policies.openings)]
    if policies.hours is not None or any(policies.holds(one, machine) for one in days):
        return True
    changes = [*policy.tiers.values(), *(one.change for one in policy.windows)]
    every = [policy.rules, *(one.over(policy.rules) for one in changes)]
    return any(_restricts(one) for one in every) or bool(counting(policies, machine))


def _restricts(rules: Rules) -> bool:
    lengths = rules.walk_in_least_ms or rules.walk_in_max_ms or rules.walk_in_ends_before_ms
    return bool(not rules.walk_in or lengths or rules.only_tiers or rules.except_tiers or rules.hours)


def counting(policies: Policies, machine: str) -> list[Limit]:
    """Return the limits, of whatever tier, that end or refuse use without a reservation at a machine."""
    policy = policies.of(machine)
    if not policy.name:
        return []
    changes = [*policy.tiers.values(), *(one.change for one in policy.windows)]
    found = list(policies.limits)
    for rules in (policy.rules, *(one.over(policy.rules) for one in changes)):
        found += [one for one in rules.limits if one not in found]
    return [one for one in found if policies.meant_at(one.over, machine) and _bounds_use(one)]


def _bounds_use(limit: Limit) -> bool:
    looks_back = not limit.counts & limits.COMING and limit.then is Then.REFUSE
    return looks_back or bool(limit.counts & WALK_IN)


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


def _bounds(user: User, rules: Rules, *, is_warned: bool, began_ms: int | None = None) -> list[Bound]:
    """Return what may end a use; one that goes on has begun at `began_ms`."""
    before = rules.walk_in_ends_before_ms
    bounds = [ahead.next_block(user, before), ahead.next_window(user)]
    bounds += ahead.limit_bounds(user, WALK_IN, is_new=began_ms is None)
    if not is_warned:
        bounds.append(ahead.next_taken(user, before))
    if rules.within_hours is Within.WHOLE:
        bounds.append(ahead.closing(user))
    if rules.walk_in_max_ms:
        most = said(rules.walk_in_max_ms)
        over = (user.now_ms if began_ms is None else began_ms) + rules.walk_in_max_ms
        bounds.append(Bound(over, "walk_in_max", f"At most {most} without a reservation."))
    return bounds


def _reserved_words(user: User, running: Reservation) -> str:
    return f"{user.machine} is reserved for somebody else until {shown(running.slot.ends_ms, user.zone)}."


def _again(user: User, running: Reservation) -> int:
    released = 0 if running.begun_ms else released_ms(running, user.policy)
    return released if released > user.now_ms else running.slot.ends_ms

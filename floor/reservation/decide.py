"""Whether a slot may be booked: the rules one after another, and the first that refuses says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from floor.reservation import asking, calendar, length, limits, opening
from floor.reservation.calendar import shown
from floor.reservation.model import Policies, Policy, Rules
from floor.reservation.slots import block_times, impossible, keeps, standing_at
from floor.reservation.terms import (
    Allowed,
    Decision,
    Kind,
    Known,
    Reservation,
    Slot,
    Standing,
    Turned,
    Wanted,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A request with all that it is judged by."""

    policies: Policies
    wanted: Wanted
    known: Known
    zone: tzinfo
    policy: Policy
    rules: Rules

    @property
    def slot(self) -> Slot:
        """What is wanted."""
        return self.wanted.slot


Check = Callable[[Case], Turned | None]
HAD = (Standing.BOOKED, Standing.BEGUN, Standing.ENDED)


def case_of(policies: Policies, wanted: Wanted, known: Known, zone: tzinfo) -> Case:
    """Bring a request together with the rules that hold for its tier and in the windows that it touches."""
    policy = policies.of(wanted.slot.machine)
    touched = calendar.windows_at(policies, wanted.slot.begins_ms, wanted.slot.ends_ms, zone)
    return Case(policies, wanted, known, zone, policy, policy.rules_for(wanted.tier, touched))


def decide(policies: Policies, wanted: Wanted, known: Known, zone: tzinfo) -> Decision:
    """Say whether a slot may be booked, by the first rule that refuses.

    Classes and maintenance are bound by nothing but what is there already.
    """
    if found := impossible(wanted.slot):
        return found
    case = case_of(policies, wanted, known, zone)
    if found := _past(case):
        return found
    if wanted.kind is not Kind.USE:
        return _room(case, may_displace=False)
    for check in CHECKS:
        if found := check(case):
            return placed(found, case.rules)
    room = _room(case, may_displace=True)
    if isinstance(room, Turned):
        return placed(room, case.rules)
    found = own(case)
    return placed(found, case.rules) if found else room


def placed(found: Turned, rules: Rules) -> Turned:
    """Return a refusal that says where in the file its rule stands."""
    if "key" not in found.values and found.rule in rules.places:
        found.values["key"] = rules.places[found.rule]
    return found


def _past(case: Case) -> Turned | None:
    slot = case.slot
    if slot.begins_ms < case.wanted.now_ms and case.wanted.kind is Kind.USE:
        return Turned("past", f"{shown(slot.begins_ms, case.zone)} is over.")
    return None


STANDING = frozenset({"suspended", "membership", "waiver", "only_tiers", "except_tiers", "certified"})
"""The rules of `standing`."""


def standing(case: Case) -> Turned | None:
    """Refuse who may not use the machine, or may no more when the slot ends."""
    wanted, known, rules = case.wanted, case.known, case.rules
    machine, ends_ms = case.slot.machine, case.slot.ends_ms
    if known.suspended:
        return Turned("suspended", "You are suspended.")
    if known.member_until_ms is not None and known.member_until_ms < ends_ms:
        until = shown(known.member_until_ms, case.zone)
        return Turned("membership", f"Your membership ends on {until}, before this.", {"until": until})
    if known.unsigned:
        sentence = f"Before you use {machine} there is a text to sign."
        return Turned("waiver", sentence, {"waiver": known.unsigned})
    if rules.only_tiers and wanted.tier not in rules.only_tiers:
        tiers = ", ".join(sorted(rules.only_tiers))
        return Turned("only_tiers", f"{machine} is for {tiers}, and you are {wanted.tier or 'of no tier'}.")
    if wanted.tier in rules.except_tiers:
        return Turned("except_tiers", f"{machine} is not for {wanted.tier}.")
    if not rules.certified:
        return None
    if known.certified_until_ms is None:
        return Turned("certified", f"You are not certified for {machine}.")
    if 0 < known.certified_until_ms < ends_ms:
        until = shown(known.certified_until_ms, case.zone)
        return Turned("certified", f"Your certification for {machine} ends on {until}.", {"until": until})
    return None


def _reservable(case: Case) -> Turned | None:
    if case.rules.reserve:
        return None
    machine = case.slot.machine
    if not case.policy.name:
        return Turned("policy", f"{machine} cannot be reserved: no policy names it.")
    return Turned("reserve", f"{machine} cannot be reserved{' at this time' if _is_elsewhen(case) else ''}.")


def _is_elsewhen(case: Case) -> bool:
    return case.policy.rules_for(case.wanted.tier).reserve


def _hours(case: Case) -> Turned | None:
    return opening.refuse(case.policies, case.rules, case.slot, case.zone)


def _blocks(case: Case) -> Turned | None:
    between = case.rules.buffer_before_ms + case.rules.buffer_after_ms
    begins, ends = case.slot.begins_ms - between, case.slot.ends_ms + between
    for block, (from_ms, to_ms) in block_times(case.policies, case.slot.machine, begins, ends, case.zone):
        times = f"from {shown(max(from_ms, begins), case.zone)} to {shown(min(to_ms, ends), case.zone)}"
        sentence = f"{case.slot.machine} is taken {times}: {block.name} ({block.kind})."
        return Turned("blocks", sentence, {"name": block.name, "kind": block.kind})
    return None


def _asking(case: Case) -> Turned | None:
    return asking.refuse(case.policies, case.rules, case.wanted, case.zone)


def _length(case: Case) -> Turned | None:
    return length.refuse(case.rules, case.slot, case.zone)


CHECKS: tuple[Check, ...] = (_reservable, standing, _hours, _asking, _length, _blocks)


def _room(case: Case, *, may_displace: bool) -> Decision:
    """Say whether the machine is free, or what of lower priority gives way."""
    slot, wanted, known = case.slot, case.wanted, case.known
    between = case.rules.buffer_before_ms + case.rules.buffer_after_ms
    begins, ends = slot.begins_ms - between, slot.ends_ms + between
    displaces: list[str] = []
    for one in sorted(known.reservations, key=lambda found: found.slot.begins_ms):
        if one.slot.machine != slot.machine or one.id == wanted.changes:
            continue
        if not one.slot.overlaps(begins, ends) or not keeps(one, case.policy, wanted.now_ms):
            continue
        if may_displace and one.member != wanted.member and gives_way(case, one):
            displaces.append(one.id)
            continue
        return _taken(case, one)
    for offer in known.offers:
        stands = offer.until_ms > wanted.now_ms and offer.member != wanted.member
        if stands and offer.slot.machine == slot.machine and offer.slot.overlaps(begins, ends):
            until = shown(offer.until_ms, case.zone)
            sentence = f"It is offered to one who waited, until {until}."
            return Turned("offer", sentence, {"until": until}, offer.until_ms)
    return Allowed(tuple(displaces))


def _taken(case: Case, one: Reservation) -> Turned:
    times = f"from {shown(one.slot.begins_ms, case.zone)} to {shown(one.slot.ends_ms, case.zone)}"
    if one.slot.overlaps(case.slot.begins_ms, case.slot.ends_ms):
        return Turned("overlap", f"{one.slot.machine} is taken {times}.", {"times": times})
    between = calendar.said(case.rules.buffer_before_ms + case.rules.buffer_after_ms)
    sentence = f"{one.slot.machine} is taken {times}, and {between} must lie free between two reservations."
    return Turned("buffer", sentence, {"times": times, "buffer": between})


def gives_way(case: Case, other: Reservation) -> bool:
    """Whether a reservation of a lower tier is far enough off to be displaced by who wants its slot."""
    order = case.rules.priority
    if other.kind is not Kind.USE or other.begun_ms or not order:
        return False
    if rank(order, case.wanted.tier) >= rank(order, other.tier):
        return False
    safe = case.policy.rules_for(other.tier).safe_before
    if safe is None:
        return case.wanted.now_ms < other.slot.begins_ms
    return case.wanted.now_ms < calendar.shift(other.slot.begins_ms, safe, case.zone, -1)


def rank(order: tuple[frozenset[str], ...], tier: str) -> int:
    """Return how far behind a tier stands: 0 is first, and what the order does not name is last."""
    return next((n for n, tiers in enumerate(order) if tier in tiers), len(order))


def own(case: Case) -> Turned | None:
    """Refuse by what the member has already: another at the same time, too near, too much."""
    wanted, rules, slot = case.wanted, case.rules, case.slot
    mine = [
        one
        for one in case.known.reservations
        if one.member == wanted.member
        and one.id != wanted.changes
        and one.kind is Kind.USE
        and standing_at(one, case.policies.of(one.slot.machine), wanted.now_ms) in HAD
    ]
    for one in mine:
        if found := _beside(case, one):
            return found
    held = limits.limits_at(case.policies, rules, slot.machine, wanted.tier)
    return limits.refuse(asked(case), held)


def _beside(case: Case, one: Reservation) -> Turned | None:
    """Refuse a slot that is at the time of another of the member's own, or too near to it."""
    rules, slot, where = case.rules, case.slot, one.slot.machine
    single = rules.one_at_a_time and case.policies.counted_with(rules.one_at_a_time, slot.machine, where)
    if single and one.slot.overlaps(slot.begins_ms, slot.ends_ms):
        times = f"{shown(one.slot.begins_ms, case.zone)} to {shown(one.slot.ends_ms, case.zone)}"
        sentence = f"You have {where} from {times}, and one machine at a time is allowed."
        return Turned("one_at_a_time", sentence, {"machine": where, "times": times})
    near = one.slot.overlaps(slot.begins_ms - rules.gap_ms, slot.ends_ms + rules.gap_ms)
    if rules.gap_ms and near and case.policies.counted_with(rules.gap_over, slot.machine, where):
        gap = calendar.said(rules.gap_ms)
        apart = calendar.said(max(one.slot.begins_ms - slot.ends_ms, slot.begins_ms - one.slot.ends_ms, 0))
        begins = shown(one.slot.begins_ms, case.zone)
        sentence = f"{gap} must lie between two reservations of yours: {apart} lie between this one and that "
        sentence += f"of {where} at {begins}."
        return Turned("gap", sentence, {"gap": gap, "apart": apart})
    return None


def asked(case: Case, number: int = 1) -> limits.Asked:
    """Return the request as limits ask it."""
    wanted, slot = case.wanted, case.slot
    item = limits.Item(slot.machine, slot.begins_ms, slot.ends_ms, number)
    return limits.Asked(
        case.policies, item, wanted.member, wanted.tier, case.known, wanted.now_ms, case.zone, wanted.changes
    )

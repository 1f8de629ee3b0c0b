"""What a reservation has become by now, and which times of a machine are free."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from itertools import pairwise

from floor.reservation import calendar, opening
from floor.reservation.calendar import LAST_MS, LENGTH_MAX_MS, Times_ms
from floor.reservation.model import Block, Policies, Policy
from floor.reservation.terms import Kind, Reservation, Slot, Standing, Turned, Wanted

KEEPS = (Standing.BOOKED, Standing.BEGUN)


def impossible(slot: Slot) -> Turned | None:
    """Refuse a slot that is none, longer than a year, or outside of the years 1970 to 9997.

    Ask this of what somebody wrote before anything else here is asked.
    """
    if slot.ends_ms <= slot.begins_ms:
        return Turned("length", "It ends before it begins.")
    if slot.length_ms > LENGTH_MAX_MS:
        return Turned("length", "It is longer than a year.")
    if not 0 <= slot.begins_ms <= LAST_MS - LENGTH_MAX_MS:
        return Turned("length", "It is in no year that the calendar here knows.")
    return None


def released_ms(reservation: Reservation, policy: Policy) -> int:
    """Return the instant from which a reservation whose holder did not come counts no more; 0: never.

    It is never later than the reservation's end. It says nothing of whether the holder came.
    """
    after_ms = policy.rules_for(reservation.tier).no_show_ms
    if reservation.kind is not Kind.USE or not after_ms:
        return 0
    return min(reservation.slot.begins_ms + after_ms, reservation.slot.ends_ms)


def standing_at(reservation: Reservation, policy: Policy, now_ms: int) -> Standing:
    """Return what a reservation is at an instant, whatever was last written of it."""
    if reservation.standing not in KEEPS:
        return reservation.standing
    has_begun = reservation.begun_ms > 0 or reservation.standing is Standing.BEGUN
    if not has_begun:
        released = released_ms(reservation, policy)
        if released and now_ms >= released:
            return Standing.RELEASED
    if now_ms >= reservation.slot.ends_ms:
        return Standing.ENDED
    return Standing.BEGUN if has_begun else Standing.BOOKED


def keeps(reservation: Reservation, policy: Policy, now_ms: int) -> bool:
    """Whether a reservation keeps its slot from others at an instant."""
    return standing_at(reservation, policy, now_ms) in KEEPS


def reach(policies: Policies, wanted: Wanted) -> Times_ms:
    """Return the time of which the machine's reservations must be known: the slot and its buffers."""
    rules = policies.of(wanted.slot.machine).rules
    between = rules.buffer_before_ms + rules.buffer_after_ms
    return wanted.slot.begins_ms - between, wanted.slot.ends_ms + between


def block_times(
    policies: Policies, machine: str, from_ms: int, to_ms: int, zone: tzinfo
) -> list[tuple[Block, Times_ms]]:
    """Return the blocks of the file that take a machine inside of a time, and when."""
    found: list[tuple[Block, Times_ms]] = []
    for block in policies.blocks:
        if not policies.holds(block.machines, machine):
            continue
        if block.times is None:
            times = calendar.clipped([(block.begins_ms, block.ends_ms)], from_ms, to_ms)
        else:
            times = calendar.stretches([block.times], from_ms, to_ms, zone)
        found += [(block, one) for one in times]
    return sorted(found, key=lambda one: one[1])


def unreserved(policies: Policies, machine: str, from_ms: int, to_ms: int, zone: tzinfo) -> list[Times_ms]:
    """Return when a machine is used with a reservation only, by members of whatever tier."""
    policy = policies.of(machine)
    tiers = {"", *policy.tiers}
    tiers |= {tier for one in policy.windows for tier in one.tiers | one.except_tiers}
    edges = {from_ms, to_ms}
    for name in {one.window for one in policy.windows}:
        for begins, ends in calendar.stretches(policies.windows[name], from_ms, to_ms, zone):
            edges |= {begins, ends}
    found = []
    for begins, ends in pairwise(sorted(edges)):
        touched = calendar.windows_at(policies, begins, begins + 1, zone)
        if not any(policy.rules_for(tier, touched).walk_in for tier in tiers):
            found.append((begins, ends))
    return calendar.joined(found)


def free(
    policies: Policies,
    machine: str,
    reservations: Iterable[Reservation],
    from_ms: int,
    to_ms: int,
    zone: tzinfo,
    now_ms: int | None = None,
) -> list[Slot]:
    """Return the times of a machine that are open and that nobody has, buffers left out, in order.

    `now_ms` is when no-shows are looked at: `from_ms` unless said. Nothing is free before it.
    """
    policy = policies.of(machine)
    at_ms = from_ms if now_ms is None else now_ms
    between = policy.rules.buffer_before_ms + policy.rules.buffer_after_ms
    taken = [
        (one.slot.begins_ms - between, one.slot.ends_ms + between)
        for one in reservations
        if one.slot.machine == machine and keeps(one, policy, at_ms)
    ]
    blocks = block_times(policies, machine, from_ms - between, to_ms + between, zone)
    taken += [(begins - between, ends + between) for _, (begins, ends) in blocks]
    open_ = opening.open_times(policies, policy.rules, machine, max(from_ms, at_ms), to_ms, zone)
    return [Slot(machine, *one) for one in calendar.without(open_, taken)]

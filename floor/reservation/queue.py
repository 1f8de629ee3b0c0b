"""Who waits for a machine, who is next when a slot comes free, and how long it is kept for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from floor.reservation.decide import rank
from floor.reservation.model import Order, Policies
from floor.reservation.terms import Allowed, Decision, Slot, Turned


@dataclass(frozen=True, slots=True)
class Waiting:
    """One who waits for `length_ms` at one of some machines, in a time; `declined` are slots already offered
    to them, by machine and begin.
    """

    id: str
    member: str
    tier: str
    machines: tuple[str, ...]
    from_ms: int
    to_ms: int
    asked_ms: int
    length_ms: int = 0
    declined: frozenset[tuple[str, int]] = frozenset()


def may_wait(policies: Policies, machine: str, tier: str, waiting: int) -> Decision:
    """Say whether one more may wait for a machine for which so many wait."""
    rules = policies.of(machine).rules_for(tier)
    if not rules.waiting:
        return Turned("waiting", f"{machine} has no waiting list.", {"key": rules.place("waiting")})
    if rules.waiting_most and waiting >= rules.waiting_most:
        most = rules.waiting_most
        sentence = f"At most {most} wait for {machine}, and {waiting} do."
        return Turned("waiting_most", sentence, {"key": rules.place("waiting_most"), "most": str(most)})
    return Allowed()


def fits(one: Waiting, slot: Slot, now_ms: int) -> bool:
    """Whether what is left of a slot is what somebody waits for, and was not offered to them before."""
    begins, ends = max(slot.begins_ms, one.from_ms, now_ms), min(slot.ends_ms, one.to_ms)
    declined = (slot.machine, slot.begins_ms) in one.declined
    return slot.machine in one.machines and not declined and ends - begins >= max(one.length_ms, 1)


def next_in_line(waiting: Iterable[Waiting], slot: Slot, policies: Policies, now_ms: int) -> Waiting | None:
    """Return who is offered a slot that came free, or None where nobody waits for it."""
    rules = policies.of(slot.machine).rules
    ranked = rules.waiting_order is Order.PRIORITY

    def place(one: Waiting) -> tuple[int, int, str]:
        return (rank(rules.priority, one.tier) if ranked else 0, one.asked_ms, one.id)

    return min((one for one in waiting if fits(one, slot, now_ms)), key=place, default=None)


def offer_until_ms(one: Waiting, slot: Slot, policies: Policies, offered_ms: int) -> int:
    """Return until when a slot is kept for who it was offered to, at an instant.

    That is never later than what they wait for still fits into the slot.
    """
    offer_ms = policies.of(slot.machine).rules_for(one.tier).offer_ms
    last = min(slot.ends_ms, one.to_ms) - one.length_ms
    return max(offered_ms, min(offered_ms + offer_ms, last))

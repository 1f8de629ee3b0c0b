"""Whether a reservation may be given to another member."""

from __future__ import annotations

from datetime import tzinfo

from floor.reservation import calendar
from floor.reservation.decide import case_of, own, placed, standing
from floor.reservation.model import Policies
from floor.reservation.slots import standing_at
from floor.reservation.terms import Allowed, Decision, Known, Reservation, Standing, Turned, Wanted

OF_THE_RESERVATION = frozenset({"hand_over", "hand_over_until", "past"})
"""The rules that refuse whoever it is given to; the others are about that member."""


def decide(
    policies: Policies,
    reservation: Reservation,
    member: str,
    tier: str,
    known: Known,
    now_ms: int,
    zone: tzinfo,
) -> Decision:
    """Say whether a member of a tier may take a reservation over; `known` is of that member.

    It binds them as their own would: who may use the machine, one at a time, gap, limits.
    """
    machine = reservation.slot.machine
    giver = policies.of(machine).rules_for(reservation.tier)
    if not giver.hand_over:
        return placed(Turned("hand_over", f"Reservations of {machine} are not handed over."), giver)
    if standing_at(reservation, policies.of(machine), now_ms) is not Standing.BOOKED:
        return Turned("past", "It has begun, is over or was given up.")
    if giver.hand_over_until is not None:
        last = calendar.shift(reservation.slot.begins_ms, giver.hand_over_until, zone, -1)
        if now_ms > last:
            until = calendar.shown(last, zone)
            return placed(
                Turned("hand_over_until", f"It could be handed over until {until}.", {"until": until}), giver
            )
    if member == reservation.member:
        return Turned("hand_over", "It is theirs already.")
    wanted = Wanted(reservation.slot, member, tier, now_ms, reservation.kind, reservation.id)
    case = case_of(policies, wanted, known, zone)
    found = standing(case) or own(case)
    return placed(found, case.rules) if found else Allowed()

"""Which fee a late cancellation or a no-show costs; what it comes to is a tariff's matter, or an amount."""

from __future__ import annotations

from datetime import tzinfo
from fractions import Fraction

from floor.money import round_fraction
from floor.reservation import calendar
from floor.reservation.model import Fee, FeeRule, Policy
from floor.reservation.slots import standing_at
from floor.reservation.terms import Kind, Reservation, Standing


def of_cancel(reservation: Reservation, policy: Policy, now_ms: int, zone: tzinfo) -> Fee | None:
    """Return what it costs to cancel a reservation now, or None: it is in time, has begun or was let go."""
    rules = policy.rules_for(reservation.tier)
    if rules.late_cancel_fee is None or standing_at(reservation, policy, now_ms) is not Standing.BOOKED:
        return None
    if not is_late(reservation, policy, now_ms, zone):
        return None
    begins = calendar.shown(reservation.slot.begins_ms, zone)
    free = rules.cancel_free.words if rules.cancel_free else "it begins"
    return _fee(
        rules.late_cancel_fee,
        reservation,
        f"{reservation.slot.machine}, {begins}: cancelled later than {free} before",
    )


def is_late(reservation: Reservation, policy: Policy, at_ms: int, zone: tzinfo) -> bool:
    """Whether to cancel a reservation at an instant is late by its policy."""
    free = policy.rules_for(reservation.tier).cancel_free
    if free is None or reservation.kind is not Kind.USE:
        return False
    return at_ms > calendar.shift(reservation.slot.begins_ms, free, zone, -1)


def of_no_show(reservation: Reservation, policy: Policy) -> Fee | None:
    """Return what it costs not to have come to a reservation, or None. The caller knows that nobody came."""
    rule = policy.rules_for(reservation.tier).no_show_fee
    if rule is None or reservation.kind is not Kind.USE:
        return None
    return _fee(rule, reservation, f"{reservation.slot.machine}: reserved and not used")


def _fee(rule: FeeRule, reservation: Reservation, words: str) -> Fee:
    micro = rule.micro
    if rule.per_hour:
        micro = round_fraction(Fraction(micro * reservation.slot.length_ms, calendar.HOUR_MS))
    return Fee(rule.tariff, micro, words)

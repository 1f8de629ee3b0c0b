"""How long a slot may be, and at which times of day it may begin."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from floor.reservation import calendar
from floor.reservation.calendar import said, time_of_day
from floor.reservation.model import Rules
from floor.reservation.terms import Slot, Turned


def refuse(rules: Rules, slot: Slot, zone: tzinfo) -> Turned | None:
    """Say why a slot is too short, too long, or not on the grid, or None."""
    return _length(rules, slot) or _begin(rules, slot, zone)


def _length(rules: Rules, slot: Slot) -> Turned | None:
    is_ms = slot.length_ms
    values = {"length": said(is_ms)}
    if is_ms < rules.length_min_ms:
        least = said(rules.length_min_ms)
        return Turned("length_min", f"At least {least}: this is {said(is_ms)}.", {**values, "least": least})
    if rules.length_max_ms and is_ms > rules.length_max_ms:
        most = said(rules.length_max_ms)
        return Turned("length_max", f"At most {most}: this is {said(is_ms)}.", {**values, "most": most})
    if rules.lengths_ms and is_ms not in rules.lengths_ms:
        allowed = ", ".join(said(one) for one in rules.lengths_ms)
        return Turned("lengths", f"It may last {allowed}: this is {said(is_ms)}.", {**values, "of": allowed})
    if rules.step_ms and is_ms % rules.step_ms:
        step = said(rules.step_ms)
        return Turned("step", f"In steps of {step}: this is {said(is_ms)}.", {**values, "step": step})
    return None


def _begin(rules: Rules, slot: Slot, zone: tzinfo) -> Turned | None:
    minute = calendar.minute_of(slot.begins_ms, zone)
    is_whole = slot.begins_ms % calendar.MINUTE_MS == 0
    begins = time_of_day(minute)
    if rules.starts_every_min and (minute % rules.starts_every_min or not is_whole):
        every = said(rules.starts_every_min * calendar.MINUTE_MS)
        sentence = f"It may begin every {every} from midnight on: {begins} is none of these times."
        return Turned("starts_every", sentence, {"every": every})
    if rules.starts_at_min and (minute not in rules.starts_at_min or not is_whole):
        times = ", ".join(time_of_day(one) for one in rules.starts_at_min)
        return Turned("starts_at", f"It may begin at {times}: not at {begins}.", {"of": times})
    if not rules.over_midnight:
        day = calendar.day_of(slot.begins_ms, zone)
        if slot.ends_ms > calendar.at(day + timedelta(days=1), 0, zone):
            return Turned("over_midnight", "It must end on the day on which it begins.")
    return None

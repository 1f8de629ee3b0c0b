"""When the space is open: its hours by weekday, a policy's own hours, holidays, exceptional opening."""

from __future__ import annotations

from datetime import date, timedelta, tzinfo

from floor.reservation import calendar
from floor.reservation.calendar import DAY_MIN, Times_ms
from floor.reservation.model import Holiday, Policies, Rules, Times, Within
from floor.reservation.terms import Slot, Turned


def holiday_on(policies: Policies, machine: str, day: date) -> Holiday | None:
    """Return the holiday of a day at a machine, unless the space opens exceptionally on it."""
    return (
        None
        if _first(policies, policies.openings, machine, day)
        else _first(policies, policies.holidays, machine, day)
    )


def _first(policies: Policies, days: tuple[Holiday, ...], machine: str, day: date) -> Holiday | None:
    return next((one for one in days if one.on(day) and policies.holds(one.machines, machine)), None)


def _hours_on(policies: Policies, rules: Rules, machine: str, day: date) -> list[tuple[int, int]]:
    """Return minutes of a day at which it is open; an end past 1440 is the next day's."""
    special = _first(policies, policies.openings, machine, day)
    if special is None and not rules.on_holidays:
        special = _first(policies, policies.holidays, machine, day)
    if special is not None:
        return list(special.hours)
    hours = rules.hours if rules.hours is not None else policies.hours
    if hours is None:
        return [(0, DAY_MIN)]
    return [(one.from_min, _end(one)) for one in hours if one.on(day)]


def _end(times: Times) -> int:
    return times.to_min if times.to_min > times.from_min else times.to_min + DAY_MIN


def open_times(
    policies: Policies, rules: Rules, machine: str, from_ms: int, to_ms: int, zone: tzinfo
) -> list[Times_ms]:
    """Return when it is open inside of a time; always where the policy asks for no hours."""
    if rules.within_hours is Within.NO:
        return [(from_ms, to_ms)] if from_ms < to_ms else []
    found: list[Times_ms] = []
    day, last = calendar.day_of(from_ms, zone) - timedelta(days=1), calendar.day_of(to_ms, zone)
    while day <= last:
        found += [
            (calendar.at(day, begins, zone), calendar.at(day, ends, zone, is_end=True))
            for begins, ends in _hours_on(policies, rules, machine, day)
        ]
        day += timedelta(days=1)
    return calendar.clipped(calendar.joined(found), from_ms, to_ms)


def closes_ms(policies: Policies, rules: Rules, machine: str, at_ms: int, zone: tzinfo) -> int:
    """Return the instant at which it closes after `at_ms`; `at_ms` if it is closed, 0: not in 8 days."""
    for days in (1, 8):  # mostly it closes within a day, and looking at one is quicker
        until = at_ms + days * calendar.DAY_MS
        times = open_times(policies, rules, machine, at_ms, until, zone)
        if not times or times[0][0] > at_ms:
            return at_ms
        if times[0][1] < until:
            return times[0][1]
    return 0


def opens_ms(policies: Policies, rules: Rules, machine: str, at_ms: int, zone: tzinfo) -> int:
    """Return the next instant at which it is open, 0 if not within a month."""
    times = open_times(policies, rules, machine, at_ms, at_ms + 31 * calendar.DAY_MS, zone)
    return times[0][0] if times else 0


def refuse(policies: Policies, rules: Rules, slot: Slot, zone: tzinfo) -> Turned | None:
    """Say why a slot does not lie in the opening hours, or None where it does or need not."""
    ends_ms = slot.ends_ms if rules.within_hours is Within.WHOLE else slot.begins_ms + 1
    times = open_times(policies, rules, slot.machine, slot.begins_ms, ends_ms, zone)
    closed = calendar.without([(slot.begins_ms, ends_ms)], times)
    if not closed:
        return None
    at_ms = closed[0][0]
    day = calendar.day_of(at_ms, zone)
    found = None if rules.on_holidays else holiday_on(policies, slot.machine, day)
    if found is not None:
        name = found.name or "a holiday"
        return Turned(
            "holidays", f"{day:%a %Y-%m-%d} is {name}: the space is closed.", {"day": str(day), "name": name}
        )
    hours = _hours_on(policies, rules, slot.machine, day)
    said = ", ".join(f"{_clock(begins)}-{_clock(ends)}" for begins, ends in sorted(hours))
    when = f"open {said}" if said else "closed"
    special = _first(policies, policies.openings, slot.machine, day)
    return Turned(
        "openings" if special else "hours",
        f"At {calendar.shown(at_ms, zone)} it is not open: on {day:%a %Y-%m-%d} it is {when}.",
        {"day": str(day), "open": said},
    )


def _clock(minute: int) -> str:
    return calendar.time_of_day(minute if minute <= DAY_MIN else minute - DAY_MIN)

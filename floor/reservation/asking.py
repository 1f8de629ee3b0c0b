"""When a slot may be asked for: not too late, not too early."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from floor.reservation import calendar
from floor.reservation.calendar import shown
from floor.reservation.model import Ahead, Opens, Per, Policies, Rules, Span
from floor.reservation.terms import Turned, Wanted


def refuse(policies: Policies, rules: Rules, wanted: Wanted, zone: tzinfo) -> Turned | None:
    """Say why a slot is asked for too late or too early, or None."""
    return _late(rules, wanted, zone) or _early(policies, rules, wanted, zone)


def _late(rules: Rules, wanted: Wanted, zone: tzinfo) -> Turned | None:
    begins, now_ms = wanted.slot.begins_ms, wanted.now_ms
    day = calendar.day_of(begins, zone)
    if not rules.same_day and day <= calendar.day_of(now_ms, zone):
        return Turned("same_day", f"{day:%a %Y-%m-%d} is today: book on an earlier day.", {"day": str(day)})
    if rules.lead is None and rules.lead_by_min is None:
        return None
    lead = rules.lead or Span()
    last = calendar.shift(begins, lead, zone, -1)
    if rules.lead_by_min is not None:
        last = calendar.at(calendar.day_of(last, zone), rules.lead_by_min, zone, is_end=True)
    if now_ms <= last:
        return None
    until = {"until": shown(last, zone)}
    if rules.lead_by_min is not None:
        return Turned("lead_by", f"It was bookable until {until['until']}.", until)
    return Turned("lead", f"It was bookable until {until['until']}, {lead.words} before it begins.", until)


def _early(policies: Policies, rules: Rules, wanted: Wanted, zone: tzinfo) -> Turned | None:
    begins, now_ms = wanted.slot.begins_ms, wanted.now_ms
    day = calendar.day_of(begins, zone)
    if rules.ahead_until is not None and day > rules.ahead_until:
        sentence = f"{day:%a %Y-%m-%d} is not open for booking yet: days until {rules.ahead_until} are."
        return Turned("ahead_until", sentence, {"until": str(rules.ahead_until)})
    if rules.ahead is not None:
        first = _first(begins, rules.ahead, rules.ahead_to, zone)
        if now_ms < first:
            sentence = f"At most {rules.ahead.words} ahead: it is bookable from {shown(first, zone)} on."
            return Turned("ahead", sentence, {"ahead": rules.ahead.words, "from": shown(first, zone)}, first)
    if rules.opens is not None:
        first = _opened(policies, rules.opens, wanted, zone)
        if now_ms < first:
            sentence = f"That week is opened for booking at {shown(first, zone)}."
            return Turned("opens", sentence, {"from": shown(first, zone)}, first)
    return None


def _first(begins: int, ahead: Span, to: Ahead, zone: tzinfo) -> int:
    """Return the first instant at which a slot may be booked that begins then."""
    first = calendar.shift(begins, ahead, zone, -1)
    return first if to is Ahead.TIME else calendar.at(calendar.day_of(first, zone), 0, zone)


def _opened(policies: Policies, opens: Opens, wanted: Wanted, zone: tzinfo) -> int:
    week = calendar.period(policies, Per.WEEK, calendar.day_of(wanted.slot.begins_ms, zone))
    assert week is not None
    begin = week[0] - timedelta(days=7 * opens.weeks)
    day = begin + timedelta(days=(opens.day - begin.weekday()) % 7)
    return calendar.at(day, opens.at_min, zone)

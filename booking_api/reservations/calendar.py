"""Reservations as iCalendar (RFC 5545). Times are in UTC, so that no reader needs to know the space's clock.

`icalendar` is loaded by what makes a calendar, not by whatever imports a room that can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

REFRESH = timedelta(minutes=15)
MEDIA = "text/calendar; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Event:
    """One reservation as a calendar shows it, made at `made_ms` and last changed at `changed_ms`.

    `is_off`: it does not take place, so that a program that has it already strikes it out.
    """

    id: str
    title: str
    place: str
    begins_ms: int
    ends_ms: int
    changed_ms: int
    made_ms: int
    is_off: bool = False
    words: str = ""
    url: str = ""


def write(name: str, events: Iterable[Event]) -> bytes:
    """Return a calendar. The same events make the same bytes."""
    from icalendar import Calendar
    from icalendar import Event as Entry

    calendar = Calendar()
    calendar.add("prodid", "-//Makerfloor//Reservations//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    for event in events:
        entry = Entry()
        entry.add("uid", f"{event.id}@makerfloor")
        entry.add("dtstamp", _moment(event.changed_ms))
        entry.add("last-modified", _moment(event.changed_ms))
        entry.add("sequence", max(0, event.changed_ms - event.made_ms) // 1000)
        entry.add("status", "CANCELLED" if event.is_off else "CONFIRMED")
        entry.add("dtstart", _moment(event.begins_ms))
        entry.add("dtend", _moment(event.ends_ms))
        entry.add("summary", event.title)
        for key, value in (("location", event.place), ("description", event.words), ("url", event.url)):
            if value:
                entry.add(key, value)
        calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)

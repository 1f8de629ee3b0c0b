"""What a machine shows of itself now: its gauges, and how far its job is."""

from __future__ import annotations

from markupsafe import Markup

from booking_api.auth.permissions import Permission
from booking_api.web.health_words import gauge_name, gauge_value
from booking_api.web.render import Page
from floor.wire.messages import Station


def rows_of(page: Page, station: Station) -> dict[str, object]:
    """Return a station's gauges and progress as text; the job's name only for whoever may know it."""
    knows = page.may(Permission.SESSIONS_READ) or (page.who is not None and page.who.id == station.member)
    left = page.f.span(station.left_s * 1000) if station.left_s is not None else ""
    return {
        "gauges": [(gauge_name(one.name, page.f), gauge_value(one, page.f)) for one in station.readings],
        "percent": None if station.progress is None else round(station.progress * 100),
        "left": left,
        "job": station.job if knows else "",
    }


def draw_readings(page: Page, machine: str, *, oob: bool = False) -> Markup:
    """Draw what a machine shows now, for whoever is signed in; an empty place where it shows nothing."""
    live = page.context.live
    station, presence = live.station(machine), live.snapshot().gateways.get(live.gateway_of(machine) or "")
    there = page.who is not None and station is not None and presence is not None and presence.online
    told = rows_of(page, station)["gauges"] if there and station else []
    return page.part("part_readings.html", gauges=told, oob=oob)

"""What the health board says: troubles of gateways, states of timelines, names of gauges, severities."""

from __future__ import annotations

from booking_api.health.service import GatewayHealth
from booking_api.health.timeline import Use
from booking_api.web.formats import NO_BREAK, Formats
from floor.wire.messages import Reading

TROUBLES: dict[str, str] = {
    "quarantined": "Quarantined: its journal does not fit. See its alarms before anything else.",
    "never": "It was enrolled, and never heard of.",
    "offline": "Out of touch. Its machines work on; check its power and network.",
    "degraded": "Its disk is slow or refuses: replace the card.",
    "stuck": "Its journal does not pass the broker: raise max_packet_size and message_size_limit there.",
    "roster_old": "Its roster is old: it does not hear the server, or the broker drops long messages.",
    "disk": "Its disk is nearly full.",
    "lag": "Much of its journal waits to be taken.",
    "clock": "Its clock is off: check its time service.",
    "memory": "Little memory is left on it.",
    "hot": "Its processor is too hot: it slows down.",
    "software": "Newer software is there.",
}
USES: dict[Use, str] = {
    Use.IN_USE: "in use",
    Use.BUSY: "working",
    Use.POWERED_IDLE: "on, idle",
    Use.RESERVED_UNUSED: "reserved, unused",
    Use.LOCKED_OUT: "out of order",
    Use.UNREACHABLE: "not answering",
    Use.OFFLINE: "gateway out of touch",
    Use.UNKNOWN: "not watched",
    Use.FREE: "free",
}
"""In the order of a page."""
GAUGES = {
    "nozzle": "Nozzle",
    "nozzle-2": "Nozzle 2",
    "bed": "Bed",
    "chamber": "Chamber",
    "layer": "Layer",
    "power": "Power",
    "feed": "Feed",
    "spindle": "Spindle or laser (S)",
}
SEVERITIES = {"grave": "Cannot wait", "other": "Others"}


def gauge_name(name: str, f: Formats) -> str:
    """Return what a gauge is called; one of a later version as it calls itself."""
    return f.texts.gettext(GAUGES[name]) if name in GAUGES else name


def gauge_value(one: Reading, f: Formats) -> str:
    """Write what a gauge shows, with its target: "214 / 215 °C", "12 / 60"."""
    values = [f.number(round(one.value)), *([f.number(round(one.target))] if one.target is not None else [])]
    return " / ".join(values) + (f"{NO_BREAK}{one.unit}" if one.unit else "")


def clock_words(one: GatewayHealth, f: Formats) -> str:
    """Say by how much a gateway's clock is off, and how well that is known."""
    gettext = f.texts.gettext
    if one.lead_ms is None:
        return "–"
    off = f"{f.number(abs(one.lead_ms))}{NO_BREAK}ms"
    said = gettext("%(time)s ahead") if one.lead_ms > 0 else gettext("%(time)s behind at most")
    words = said % {"time": off}
    own = one.vitals.clock_error_ms
    return words if own is None else f"{words} (±{NO_BREAK}{f.number(own)}{NO_BREAK}ms)"

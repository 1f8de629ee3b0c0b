"""How pages call what upkeep counts, and where a work order stands; a catalogue has each text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from booking_api.maintenance.models import OrderState, Source
from booking_api.maintenance.plans import Standing
from booking_api.web.formats import Formats
from floor.maintenance import HOUR_MS, DueState, Measure, Part, Reliability

MEASURES: dict[Measure, str] = {
    Measure.BUSY_HOURS: "%(used)s of %(limit)s h at work",
    Measure.SESSION_HOURS: "%(used)s of %(limit)s h in sessions",
    Measure.LASER_HOURS: "%(used)s of %(limit)s h of laser",
    Measure.JOBS: "%(used)s of %(limit)s jobs",
    Measure.KWH: "%(used)s of %(limit)s kWh",
    Measure.DAYS: "%(used)s of %(limit)s days",
}
UNKNOWN = "never metered here"
STATES: dict[OrderState, str] = {
    OrderState.OPEN: "Open",
    OrderState.ASSIGNED: "Assigned",
    OrderState.IN_PROGRESS: "In progress",
    OrderState.WAITING_PARTS: "Waits for parts",
    OrderState.DONE: "Done",
    OrderState.DROPPED: "No work needed",
}
SOURCES: dict[Source, str] = {
    Source.TECHNICIAN: "Opened by a technician",
    Source.FAULT: "Reported by a member",
    Source.PLAN: "By a maintenance plan",
    Source.ALARM: "By an alarm",
}
DUE_STATES: dict[DueState, str] = {
    DueState.UNKNOWN: "Unknown",
    DueState.GOOD: "In good time",
    DueState.SOON: "Soon due",
    DueState.DUE: "Due",
    DueState.OVERDUE: "Overdue",
}
TEXTS = (MEASURES, STATES, SOURCES, DUE_STATES)
TONES: dict[DueState, str] = {
    DueState.UNKNOWN: "quiet",
    DueState.GOOD: "good",
    DueState.SOON: "warn",
    DueState.DUE: "warn",
    DueState.OVERDUE: "bad",
}
"""Which colour a state has."""


@dataclass(frozen=True, slots=True)
class DueRow:
    """A plan at a machine as a list shows it; `percent` is of the count that is nearest to its end."""

    plan: str
    name: str
    text: str
    machine: str
    machine_name: str
    tone: str
    state: str
    counts: tuple[str, ...]
    when: str
    percent: int


def due_row(one: Standing, f: Formats, now_ms: int) -> DueRow:
    """Write how a plan stands."""
    gettext = f.texts.gettext
    ratios = [part.ratio for part in one.due.parts if part.ratio is not None]
    return DueRow(
        plan=one.plan.id,
        name=called(one.plan.names, f),
        text=called(one.plan.texts, f),
        machine=one.machine.id,
        machine_name=one.machine.name,
        tone=TONES[one.due.state],
        state=gettext(DUE_STATES[one.due.state]),
        counts=tuple(_count(part, f) for part in one.due.parts),
        when=_when(one, f, now_ms),
        percent=min(100, int(max(ratios, default=Fraction(0)) * 100)),
    )


def called(names: Mapping[str, str], f: Formats) -> str:
    """Return a text in the reader's language, where there is one."""
    return names.get(f.language) or next(iter(names.values()), "")


def _count(part: Part, f: Formats) -> str:
    gettext = f.texts.gettext
    used = "–" if part.used is None else f.number(Fraction(part.used, part.measure.unit), 1)
    limit = f.number(Fraction(part.limit, part.measure.unit), 1)
    said = gettext(MEASURES[part.measure]) % {"used": used, "limit": limit}
    return said if part.used is not None else f"{said} ({gettext(UNKNOWN)})"


def _when(one: Standing, f: Formats, now_ms: int) -> str:
    gettext, due = f.texts.gettext, one.due
    if due.due_ms is None:
        unknown = gettext("unknown: too little use is known")
        return unknown if due.is_latest else gettext("never at this rate of use")
    if due.due_ms <= now_ms:
        return gettext("now") if due.due_ms == now_ms else f.day(due.due_ms)
    said = gettext("at the latest %(day)s") if due.is_latest else gettext("about %(day)s")
    return said % {"day": f.day(due.due_ms)}


def reliability_rows(found: Reliability, f: Formats) -> list[tuple[str, str]]:
    """Write how reliable a machine was, as pairs of a name and a value."""
    gettext = f.texts.gettext
    none = gettext("no failure yet")
    return [
        (gettext("Availability"), f.rate(found.availability) if found.availability is not None else "–"),
        (gettext("Failures"), f.number(found.failures)),
        (gettext("Between failures (MTBF)"), f.span(found.mtbf_ms) if found.mtbf_ms is not None else none),
        (gettext("Until mended (MTTR)"), f.span(found.mttr_ms) if found.mttr_ms is not None else "–"),
        (gettext("Out of order"), f.span(found.down_ms) if found.down_ms >= HOUR_MS // 60 else "–"),
    ]

"""The report for boards and funders: what a space did in some months, figure by figure (docs/reports.md).

Each figure is of the kept monthly sums, of small tables, or of what operators entered. Nothing is made up:
what nobody recorded has no total.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.db import zone_of
from booking_api.machines.models import Machine
from booking_api.periods.calendar import month_at
from booking_api.reports import facts, learned, money, people, worked
from booking_api.reports.counting import (
    JOBS_DONE,
    JOBS_ENDED,
    OCCUPIED,
    REFUSALS,
    SESSION_TIME,
    SESSIONS,
)
from booking_api.reports.figure import Figure, Section, hide_few
from booking_api.reports.models import FLOWS, FactKind, MonthlyMoney, MonthlyUse
from booking_api.reports.spans import Span
from booking_api.web.statement import machine_names
from floor.meter import Quantity

FEWEST = 5
YEAR = 12
USED: tuple[tuple[str, str, str, int], ...] = (
    ("sessions", SESSIONS, "", 1),
    ("machine_hours", SESSION_TIME, "h", 3_600_000),
    ("busy_hours", Quantity.BUSY_TIME_MS, "h", 3_600_000),
    ("jobs", JOBS_ENDED, "", 1),
    ("jobs_done", JOBS_DONE, "", 1),
    ("filament", Quantity.FILAMENT_MG, "g", 1_000),
    ("energy", Quantity.ENERGY_MWH, "kWh", 1_000_000),
    ("refusals", REFUSALS, "", 1),
    ("refused_occupied", OCCUPIED, "", 1),
)
"""Figures of the kept use: what each is called, of which quantity, in which unit, and how many base units."""
PAST_MS = 600_000
"""The year before does not change much: a report may compare with what it was so long ago."""
_PASTS = 32
_kept: OrderedDict[tuple[object, ...], list[Figure]] = OrderedDict()
METERS = frozenset({"busy_hours", "filament", "energy"})
"""What only some machines tell: without any of it nothing is recorded."""
FACTS: dict[FactKind, tuple[Section, str]] = {
    FactKind.TEAMS_FINANCED: (Section.TEAMS, ""),
    FactKind.FINANCING: (Section.TEAMS, "money"),
    FactKind.EVENTS: (Section.LEARNING, ""),
    FactKind.EVENT_VISITORS: (Section.LEARNING, ""),
    FactKind.MENTORS: (Section.LEARNING, ""),
    FactKind.MENTORS_FULL_TIME: (Section.LEARNING, ""),
    FactKind.STAFF: (Section.SPACE, ""),
    FactKind.AREA_M2: (Section.SPACE, "m²"),
    FactKind.OPENING_HOURS: (Section.SPACE, "h"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A report that is asked for: its time, the space's currency, when it is, and how few people are few."""

    span: Span
    currency: str
    now_ms: int
    fewest: int = FEWEST


@dataclass(frozen=True, slots=True)
class Report:
    """The figures in order of the page, and the names of machines and of parts that have one."""

    asked: Asked
    figures: tuple[Figure, ...]
    machines: Mapping[str, str]
    names: Mapping[str, str]

    def of(self, id: str, part: str = "") -> Figure | None:
        """Return a figure."""
        return next((one for one in self.figures if one.key == (id, part)), None)

    def total(self, id: str) -> Fraction | None:
        """Return a figure's total, None when it is not recorded."""
        found = self.of(id)
        return None if found is None else found.total

    def parts(self, id: str) -> list[Figure]:
        """Return the parts of a figure."""
        return [one for one in self.figures if one.id == id and one.part]


def read(session: Session, asked: Asked) -> Report:
    """Return a report, with the same months a year before beside it."""
    before = asked.span.shifted(-YEAR, zone_of(session))
    past = {one.key: one for one in _past(session, replace(asked, span=before))}
    figures = tuple(
        replace(one, before=past[one.key].total if one.key in past else None)
        for one in _figures(session, asked)
    )
    return Report(asked, figures, machine_names(session), money.names(session))


def _past(session: Session, asked: Asked) -> list[Figure]:
    """Return what is only compared with, as it stood in the last minutes."""
    url = str(session.get_bind().engine.url)
    key = (url, asked.span, asked.currency, asked.fewest, asked.now_ms // PAST_MS)
    if key not in _kept:
        _kept[key] = _figures(session, asked)
        while len(_kept) > _PASTS:
            _kept.popitem(last=False)
    return _kept[key]


def _figures(session: Session, asked: Asked) -> list[Figure]:
    """Return a time's figures; of one before anything was recorded, or to come, only what was entered."""
    first, now = _first(session), month_at(asked.now_ms, zone_of(session))
    found = list(_facts(session, asked))
    if first and asked.span.last >= first and asked.span.first <= now:
        parts: tuple[Callable[[Session, Asked], Iterator[Figure]], ...] = (
            _people,
            _teams,
            _learned,
            _used,
            _space,
        )
        counted = [figure for part in parts for figure in part(session, asked)]
        counted += money.figures(session, asked.span, asked.currency)
        found = [*(_within(one, first, now) for one in counted), *found]
    order = list(Section)
    return sorted(found, key=lambda one: order.index(one.section))


def _first(session: Session) -> str:
    """Return the first month of which anything was recorded, "" without any."""
    months = (session.exec(select(func.min(at))).one() for at in (MonthlyUse.month, MonthlyMoney.month))
    return min((month for month in months if month), default="")


def _within(figure: Figure, first: str, last: str) -> Figure:
    """Return a figure without the months in which nothing was recorded yet: there, 0 would be made up."""
    if figure.months is None:
        return figure
    months = {month: value for month, value in figure.months.items() if first <= month <= last or value}
    return replace(figure, months=months)


def _people(session: Session, asked: Asked) -> Iterator[Figure]:
    span, at = asked.span, Section.PEOPLE
    served = people.served(session, span)
    months = {month: Fraction(served.months.get(month, 0)) for month in span.months}
    yield Figure(at, "members_served", "", Fraction(served.people), months=months, adds=False)
    yield from _parts("served_by_tier", served.tiers, asked.fewest)
    minors = people.minors(session, span)
    yield _few(Figure(at, "minors_served", "", Fraction(minors), adds=False), asked.fewest)
    yield from _parts("members_of_group", people.groups(session, span), asked.fewest)
    for what, counts in people.came_and_left(session, span).items():
        by_month = {month: Fraction(count) for month, count in counts.items()}
        yield Figure(at, f"members_{what}", "", Fraction(sum(counts.values())), months=by_month)
    there = people.members_at(session, min(span.to_ms, asked.now_ms))
    yield Figure(at, "members_at_end", "", Fraction(there), adds=False)


def _parts(id: str, counts: Mapping[str, int], fewest: int) -> Iterator[Figure]:
    hidden = hide_few(counts, fewest)
    for part, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        figure = Figure(Section.PEOPLE, id, "", Fraction(count), part=part, adds=False)
        yield replace(figure, total=None, few=True) if part in hidden else figure


def _few(figure: Figure, fewest: int) -> Figure:
    few = figure.total is not None and 0 < figure.total < fewest
    return replace(figure, total=None, few=True) if few else figure


def _teams(session: Session, asked: Asked) -> Iterator[Figure]:
    found, at = people.teams(session, asked.span, asked.now_ms), Section.TEAMS
    months = {month: Fraction(count) for month, count in found.months.items()}
    yield Figure(at, "teams_resident", "", Fraction(found.resident), adds=False)
    yield Figure(at, "teams_active", "", Fraction(found.active), months=months, adds=False)
    for after, (looked, alive) in found.survival.items():
        part = Fraction(100 * alive, looked) if looked else None
        yield Figure(at, f"survival_{after}", "%", part, adds=False)


def _learned(session: Session, asked: Asked) -> Iterator[Figure]:
    yield from learned.figures(session, asked.span, asked.now_ms)


def _used(session: Session, asked: Asked) -> Iterator[Figure]:
    kept = worked.kept(session, asked.span)
    for id, quantity, unit, size in USED:
        months, machines = kept.of(quantity, size)
        total = sum(months.values(), Fraction(0))
        if id in METERS and not total:
            yield Figure(Section.USE, id, unit, None)
        else:
            yield Figure(Section.USE, id, unit, total, months=months, machines=machines)
    yield from worked.figures(session, asked.span, asked.now_ms, kept)


def _space(session: Session, asked: Asked) -> Iterator[Figure]:
    """Machines that there are, or were until within the time."""
    archived = col(Machine.archived_ms)
    query = select(Machine.id).where(archived.is_(None) | (archived >= asked.span.from_ms))
    count = len(session.exec(query.where(Machine.kind != worked.DOOR)).all())
    yield Figure(Section.SPACE, "machines", "", Fraction(count), adds=False)


def _facts(session: Session, asked: Asked) -> Iterator[Figure]:
    found = facts.known(session, asked.span)
    for kind, (section, unit) in FACTS.items():
        known, shown = found.get(kind), asked.currency if unit == "money" else unit
        total, months = (None, None) if known is None else (known.total, known.months)
        yield Figure(section, kind.value, shown, total, months=months, adds=kind in FLOWS)

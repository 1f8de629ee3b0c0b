"""What machines did in some months: from the kept sums, and from the times when they were out of order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from booking_api.db import zone_of
from booking_api.machines.models import Machine
from booking_api.maintenance.models import Downtime, OrderState, WorkOrder
from booking_api.periods.calendar import bounds, month_at
from booking_api.reports import facts
from booking_api.reports.counting import SESSION_TIME, SESSIONS
from booking_api.reports.figure import Figure, Section
from booking_api.reports.models import FactKind, MonthlyUse
from booking_api.reports.spans import Span

DOOR = "door"
"""A door is opened, and is no machine whose hours count."""
HOUR_MS = 3_600_000
WEEK_HOURS = 168
HUNDRED = Fraction(100)


@dataclass(frozen=True, slots=True)
class Kept:
    """The kept sums of some months, in base units: by quantity and month, and by quantity and machine."""

    span: Span
    months: Mapping[tuple[str, str], int]
    machines: Mapping[str, Mapping[str, int]]

    def of(self, quantity: str, size: int) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
        """Return a quantity by month, all of them, and by machine, in units of `size` base units."""
        months = {one: Fraction(self.months.get((quantity, one), 0), size) for one in self.span.months}
        of_it = self.machines.get(quantity, {})
        return months, {machine: Fraction(amount, size) for machine, amount in of_it.items()}


def kept(session: Session, span: Span) -> Kept:
    """Return the kept sums of a time."""
    month, machine = col(MonthlyUse.month), col(MonthlyUse.machine)
    quantity, total = col(MonthlyUse.quantity), func.sum(col(MonthlyUse.amount))
    within = (month >= span.first, month <= span.last)
    months = select(quantity, month, total).where(*within).group_by(quantity, month)
    by_machine = select(quantity, machine, total).where(*within).group_by(quantity, machine)
    machines: dict[str, dict[str, int]] = {}
    for name, id, amount in session.exec(by_machine):
        machines.setdefault(name, {})[id] = int(amount)
    return Kept(span, {(name, one): int(amount) for name, one, amount in session.exec(months)}, machines)


@dataclass(slots=True)
class _Time:
    """Milliseconds of a machine, or of a month: there, out of order, and in use while it was there."""

    there_ms: int = 0
    down_ms: int = 0
    used_ms: int = 0

    def add(self, there_ms: int, down_ms: int, used_ms: int) -> None:
        self.there_ms += there_ms
        self.down_ms += down_ms
        self.used_ms += used_ms

    def availability(self) -> Fraction | None:
        """Return the part of the time in which it was in order, in per cent."""
        up_ms = self.there_ms - self.down_ms
        return Fraction(100 * up_ms, self.there_ms) if self.there_ms else None

    def utilisation(self, open_part: Fraction) -> Fraction | None:
        """Return the part of the open time in order in which it was used, in per cent."""
        could = (self.there_ms - self.down_ms) * open_part
        return min(HUNDRED, 100 * self.used_ms / could) if could > 0 else None


def figures(session: Session, span: Span, now_ms: int, kept: Kept) -> Iterator[Figure]:
    """Yield utilisation, availability, and what upkeep took."""
    months, machines, whole = _times(session, span, now_ms)
    opening = facts.known(session, span).get(FactKind.OPENING_HOURS)
    open_part = Fraction(1) if opening is None else opening.total / WEEK_HOURS

    def figure(section: Section, id: str, of: Callable[[_Time], Fraction | None]) -> Figure:
        return Figure(
            section,
            id,
            "%",
            of(whole),
            months={one: share for one, time in months.items() if (share := of(time)) is not None},
            machines={one: share for one, time in machines.items() if (share := of(time)) is not None},
            adds=False,
        )

    yield figure(Section.USE, "utilisation", lambda time: time.utilisation(open_part))
    yield figure(Section.UPKEEP, "availability", lambda time: time.availability())
    yield from _upkeep(session, span)


def _times(session: Session, span: Span, now_ms: int) -> tuple[dict[str, _Time], dict[str, _Time], _Time]:
    """Return the time of each month, of each machine, and of all: from a machine's first use to its end.

    A machine that was never used is there from the begin on: when it came nobody knows.
    """
    zone = zone_of(session)
    month, id, quantity = col(MonthlyUse.month), col(MonthlyUse.machine), col(MonthlyUse.quantity)
    first = dict(session.exec(select(id, func.min(month)).where(quantity == SESSIONS).group_by(id)).all())
    used_query = select(id, month, MonthlyUse.amount).where(quantity == SESSION_TIME)
    used = {
        (machine, at): amount
        for machine, at, amount in session.exec(used_query.where(month >= span.first, month <= span.last))
    }
    down = _down(session, span, now_ms)
    edges = [(one, *bounds(one, zone)) for one in span.months]
    months, whole = {one: _Time() for one in span.months}, _Time()
    machines: dict[str, _Time] = {}
    for machine in session.exec(select(Machine).where(Machine.kind != DOOR)):
        until_ms = min(now_ms, machine.archived_ms or now_ms)
        for one, from_ms, to_ms in edges:
            there_ms = min(to_ms, until_ms) - from_ms
            if there_ms <= 0 or one < first.get(machine.id, one):
                continue
            down_ms = min(there_ms, down.get((machine.id, one), 0))
            used_ms = used.get((machine.id, one), 0)
            for time in (months[one], machines.setdefault(machine.id, _Time()), whole):
                time.add(there_ms, down_ms, used_ms)
    return months, machines, whole


def _down(session: Session, span: Span, now_ms: int) -> dict[tuple[str, str], int]:
    """Return for how long machines were out of order, by machine and month, in milliseconds."""
    zone, until = zone_of(session), col(Downtime.until_ms)
    query = select(Downtime).where(Downtime.from_ms < span.to_ms, or_(until.is_(None), until > span.from_ms))
    found: dict[tuple[str, str], int] = {}
    for one in session.exec(query):
        at_ms = max(one.from_ms, span.from_ms)
        end_ms = min(one.until_ms or now_ms, span.to_ms, now_ms)
        while at_ms < end_ms:
            month = month_at(at_ms, zone)
            to_ms = min(end_ms, bounds(month, zone)[1])
            found[one.machine, month] = found.get((one.machine, month), 0) + to_ms - at_ms
            at_ms = to_ms
    return found


def _upkeep(session: Session, span: Span) -> Iterator[Figure]:
    """Yield work that was done, by month and machine, and how long failures took to repair."""
    zone = zone_of(session)
    closed = col(WorkOrder.closed_ms)
    query = select(WorkOrder.machine, closed).where(
        WorkOrder.state == OrderState.DONE, closed >= span.from_ms, closed < span.to_ms
    )
    months, machines = dict.fromkeys(span.months, Fraction(0)), dict[str, Fraction]()
    for machine, at_ms in session.exec(query):
        months[month_at(at_ms or 0, zone)] += 1
        machines[machine] = machines.get(machine, Fraction(0)) + 1
    total = sum(months.values(), Fraction(0))
    yield Figure(Section.UPKEEP, "work_orders_done", "", total, months=months, machines=machines)
    until = col(Downtime.until_ms)
    mended = select(func.count(), func.sum(until - col(Downtime.from_ms))).where(
        until >= span.from_ms, until < span.to_ms, col(Downtime.planned).is_(False)
    )
    count, took_ms = session.exec(mended).one()
    yield Figure(Section.UPKEEP, "failures_repaired", "", Fraction(count))
    mean = Fraction(int(took_ms or 0), count * HOUR_MS) if count else None
    yield Figure(Section.UPKEEP, "repair_hours_mean", "h", mean, adds=False)

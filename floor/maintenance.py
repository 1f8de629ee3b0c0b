"""When a machine is due for work, and how reliable it is. Pure: no clock, no table.

A plan counts what a machine did since the work was done last; whichever of its counts is reached first makes
it due. What was never metered is unknown, and said to be: it neither makes a plan due nor lets it pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from floor.meter import Quantity

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SESSION_TIME = "session_time_ms"
"""In totals, beside the quantities: time in sessions, which every session has."""


class Measure(StrEnum):
    """What a plan counts; its base units are milliseconds, jobs and milliwatt hours."""

    BUSY_HOURS = "busy_hours"
    SESSION_HOURS = "session_hours"
    LASER_HOURS = "laser_hours"
    JOBS = "jobs"
    KWH = "kwh"
    DAYS = "days"

    @property
    def unit(self) -> int:
        """So many base units are one of what it is named for."""
        return _UNITS[self]

    @property
    def counter(self) -> str:
        """The name in totals of what it counts; "" for days, which the calendar counts."""
        return _COUNTERS.get(self, "")


_UNITS = {
    Measure.BUSY_HOURS: HOUR_MS,
    Measure.SESSION_HOURS: HOUR_MS,
    Measure.LASER_HOURS: HOUR_MS,
    Measure.JOBS: 1,
    Measure.KWH: 1_000_000,
    Measure.DAYS: DAY_MS,
}
_COUNTERS: dict[Measure, str] = {
    Measure.BUSY_HOURS: Quantity.BUSY_TIME_MS,
    Measure.SESSION_HOURS: SESSION_TIME,
    Measure.LASER_HOURS: Quantity.LASER_TIME_MS,
    Measure.JOBS: Quantity.JOBS,
    Measure.KWH: Quantity.ENERGY_MWH,
}
Totals = Mapping[str, int]
"""What a machine did in all its sessions, in base units, by quantity and `SESSION_TIME`; {} before the first.

In totals of a machine that was used, a quantity that is absent was never metered.
"""


class WhenOverdue(StrEnum):
    """What happens to a machine whose work is overdue."""

    WARN = "warn"
    LOCK = "lock"


class DueState(StrEnum):
    """How a plan stands, the least urgent first."""

    UNKNOWN = "unknown"
    GOOD = "good"
    SOON = "soon"
    DUE = "due"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Plan:
    """After how much the work is due again (base units, each > 0; at least one).

    It is soon due from `soon_percent` of it (1 to 100), and overdue beyond `grace_percent` more (0 or more).
    """

    every: Mapping[Measure, int]
    soon_percent: int = 90
    grace_percent: int = 10

    def __post_init__(self) -> None:
        if not self.every or min(self.every.values()) <= 0:
            raise ValueError("a plan counts at least one thing, to more than nothing")
        if not 0 < self.soon_percent <= 100 or self.grace_percent < 0:
            raise ValueError("soon is from 1 to 100 per cent, grace 0 or more")


@dataclass(frozen=True, slots=True)
class Count:
    """Where counting began: when the work was done last (UTC milliseconds), and the totals then."""

    since_ms: int
    totals: Totals = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """What a machine did in the last time: `used` in a known span of `known_ms` milliseconds until now.

    The span is shorter than was asked for where the machine is younger; 0 where nothing is known.
    """

    used: Totals
    known_ms: int


LEAST_KNOWN_MS = DAY_MS
"""A rate of use of less than a day says nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """One count of a plan: `used` of `limit` in base units (None: never metered), and when it is reached.

    `due_ms` is None where it is unknown, and where at today's rate it never is: `is_known` tells which.
    """

    measure: Measure
    used: int | None
    limit: int
    due_ms: int | None
    is_known: bool

    @property
    def ratio(self) -> Fraction | None:
        """How much of the limit is used: 1 is due."""
        return None if self.used is None else Fraction(self.used, self.limit)


@dataclass(frozen=True, slots=True)
class Due:
    """How a plan stands at a machine: its state and counts, and when it is due at the present rate of use.

    `due_ms` is the earliest of what is known (UTC milliseconds; past: since then). With `is_latest` some
    count is unknown, so that it may be due before. None: unknown, or at this rate never (then not
    `is_latest`).
    """

    state: DueState
    parts: tuple[Part, ...]
    due_ms: int | None
    is_latest: bool


def since(count: Count, totals: Totals, measure: Measure, now_ms: int) -> int | None:
    """Return what was counted since the work was done, in base units; None where it was never metered."""
    if measure is Measure.DAYS:
        return max(0, now_ms - count.since_ms)
    value = totals.get(measure.counter)
    if value is None and totals:
        return None
    return max(0, (value or 0) - count.totals.get(measure.counter, 0))


def due(plan: Plan, count: Count, totals: Totals, window: Window, now_ms: int) -> Due:
    """Return how a plan stands: whichever count is reached first decides.

    The forecast of a count is now + left × known_ms / used in the window: as if use went on evenly. Days need
    no rate. A rate is unknown where less than a day is known, or the quantity was never metered.
    """
    parts = tuple(
        _part(measure, limit, since(count, totals, measure, now_ms), count, window, now_ms)
        for measure, limit in plan.every.items()
    )
    known = [part.due_ms for part in parts if part.due_ms is not None]
    return Due(
        state=_state(plan, parts),
        parts=parts,
        due_ms=min(known, default=None),
        is_latest=any(not part.is_known for part in parts),
    )


def _part(measure: Measure, limit: int, used: int | None, count: Count, window: Window, now_ms: int) -> Part:
    if measure is Measure.DAYS:
        return Part(measure, used, limit, count.since_ms + limit, True)
    if used is None:
        return Part(measure, None, limit, None, False)
    if used >= limit:
        return Part(measure, used, limit, now_ms, True)
    if window.known_ms < LEAST_KNOWN_MS:
        return Part(measure, used, limit, None, False)
    lately = window.used.get(measure.counter, 0)
    end_ms = now_ms + (limit - used) * window.known_ms // lately if lately > 0 else None
    return Part(measure, used, limit, end_ms, True)


def _state(plan: Plan, parts: Iterable[Part]) -> DueState:
    ratios = [part.ratio for part in parts if part.ratio is not None]
    if not ratios:
        return DueState.UNKNOWN
    most = max(ratios)
    if most > Fraction(100 + plan.grace_percent, 100):
        return DueState.OVERDUE
    if most >= 1:
        return DueState.DUE
    return DueState.SOON if most >= Fraction(plan.soon_percent, 100) else DueState.GOOD


@dataclass(frozen=True, slots=True)
class Down:
    """A machine was out of order (UTC milliseconds); `until_ms` None: it is. Planned work is no failure."""

    from_ms: int
    until_ms: int | None
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Reliability:
    """How reliable a machine was over a window of calendar time (day and night), in milliseconds.

    `availability` = (window − down) / window, None for an empty window; planned work counts as down.
    `mtbf_ms` = (window − down) / failures, None before the first failure; a failure is a time out of order
    that was not planned and began in the window.
    `mttr_ms` = the time out of order of failures that were mended in the window / their number, each from its
    own begin; None before the first is mended. One that is still open counts as down and not here.
    """

    window_ms: int
    down_ms: int
    failures: int
    mended: int
    availability: Fraction | None
    mtbf_ms: int | None
    mttr_ms: int | None


def reliability(downs: Iterable[Down], from_ms: int, until_ms: int) -> Reliability:
    """Return how reliable a machine was from `from_ms` to `until_ms` (UTC milliseconds, now at the latest).

    Times that overlap or touch are one; it is planned where all of them were.
    """
    window_ms, joined = max(0, until_ms - from_ms), _joined(downs, until_ms)
    down_ms = sum(max(0, min(until_ms, end_ms) - max(from_ms, begin_ms)) for begin_ms, end_ms, _, _ in joined)
    broken = [one for one in joined if not one[2]]
    failures = sum(from_ms <= begin_ms < until_ms for begin_ms, *_ in broken)
    repairs = [
        end_ms - begin_ms for begin_ms, end_ms, _, is_open in broken if not is_open and from_ms < end_ms
    ]
    return Reliability(
        window_ms=window_ms,
        down_ms=down_ms,
        failures=failures,
        mended=len(repairs),
        availability=Fraction(window_ms - down_ms, window_ms) if window_ms else None,
        mtbf_ms=(window_ms - down_ms) // failures if failures else None,
        mttr_ms=sum(repairs) // len(repairs) if repairs else None,
    )


def _joined(downs: Iterable[Down], until_ms: int) -> list[tuple[int, int, bool, bool]]:
    """Return (from, until, planned, open) without overlaps, what begins after the window left out."""
    rows = sorted(
        (one.from_ms, until_ms if is_open else one.until_ms or 0, one.planned, is_open)
        for one in downs
        if one.from_ms < until_ms
        for is_open in (one.until_ms is None or one.until_ms > until_ms,)
    )
    found: list[tuple[int, int, bool, bool]] = []
    for begin_ms, end_ms, planned, is_open in rows:
        if found and begin_ms <= found[-1][1]:
            first, last, was_planned, was_open = found.pop()
            found.append((first, max(last, end_ms), was_planned and planned, was_open or is_open))
        else:
            found.append((begin_ms, end_ms, planned, is_open))
    return found

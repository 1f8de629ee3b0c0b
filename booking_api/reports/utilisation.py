"""What machines did with their time, from the gateways' counters in Prometheus.

A share is seconds in a state by seconds observed, both floor seconds, so it holds when a gateway was off
and when a demonstration's time runs fast. Figures are of whole hours, and of the hour that runs so far. What
no gateway told is not observed: it is never counted as free.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from booking_api.prometheus.query import Matrix, NoFigures, Prometheus, Vector
from booking_api.reports.questions import busy, exactly, quoted, spent
from floor.timescale import TimeScale

HOUR_MS = 3_600_000
SHORTEST_TILE_MS = 30_000
"""A stretch of real time that surely holds some scrapes; faster demonstrations have coarser tiles."""
_TILE_HOURS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 168)
MOST_STRETCHES = 62
"""A timeline has at most about so many: a column each is still seen on a small screen."""
LONGEST_DAYS = 400
"""Prometheus keeps no more."""
LONG_DEADLINE_S = 45.0
_KEPT = 16
_TILES_KEPT = 500
_ASKED_KEPT = 8
_FASTEST = 60
"""A demonstration that is faster is not read ahead: its hours pass within a minute."""


class Use(StrEnum):
    """What a machine does at an instant; exactly one of them. In order of the page."""

    BUSY = "busy"
    POWERED_IDLE = "powered_idle"
    RESERVED_UNUSED = "reserved_unused"
    LOCKED_OUT = "locked_out"
    OFFLINE = "offline"
    FREE = "free"


class Period(StrEnum):
    """How far back a report goes."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def hours(self) -> int:
        """Its length in hours."""
        return {Period.DAY: 24, Period.WEEK: 168, Period.MONTH: 720, Period.QUARTER: 2160}[self]


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days of the space, from the first to the last. Raises ValueError for none or too many."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if not 0 <= (self.last - self.first).days < LONGEST_DAYS:
            raise ValueError(f"{self.first} to {self.last} are not 1 to {LONGEST_DAYS} days")

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def begins_ms(self, zone: tzinfo) -> int:
        """Return when the first begins, in UTC ms."""
        return _midnight_ms(self.first, zone)

    def ends_ms(self, zone: tzinfo) -> int:
        """Return when the last ends, in UTC ms."""
        return _midnight_ms(self.last + timedelta(days=1), zone)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)


_NOTHING = dict.fromkeys(Use, 0.0)
_USES = {use.value: use for use in Use}


@dataclass(slots=True)
class Time:
    """Observed floor seconds, and how they were spent; the parts never pass the whole."""

    observed_s: float = 0.0
    spent_s: dict[Use, float] = field(default_factory=lambda: _NOTHING.copy())

    def share(self, use: Use) -> float | None:
        """Return the part from 0 to 1, None when nothing was observed."""
        whole = max(self.observed_s, sum(self.spent_s.values()))
        return self.spent_s[use] / whole if whole > 0 else None

    def add(self, state: str | None, seconds: float) -> None:
        """Count seconds in a state, or observed ones (None); a state of a later version is observed only."""
        if state is None:
            self.observed_s += seconds
        elif use := _USES.get(state):
            self.spent_s[use] += seconds

    def join(self, other: "Time") -> None:
        """Count another's time too."""
        self.observed_s += other.observed_s
        for use, seconds in other.spent_s.items():
            self.spent_s[use] += seconds


def together(times: Iterable[Time]) -> Time:
    """Return the time of several, summed."""
    whole = Time()
    for one in times:
        whole.join(one)
    return whole


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the machines that were observed did between two instants of the floor (UTC ms)."""

    from_ms: int
    to_ms: int
    machines: Mapping[str, Time]


@dataclass(frozen=True, slots=True)
class Utilisation:
    """A report; times are floor time in UTC ms.

    `week` is time by hour of the week, [0][0] Monday 0:00 to 1:00 in the space's zone; None when floor time
    runs too fast for an hourly picture. `stretches` are the period in order, `before` busy and observed time
    of each machine in as long a period before; None where nothing is known of it.
    """

    period: Period | Days
    from_ms: int
    to_ms: int
    machines: Mapping[str, Time]
    floor: Time
    week: list[list[Time]] | None
    stretches: Sequence[Stretch] = ()
    before: Mapping[str, Time] | None = None

    def by_busy(self) -> list[str]:
        """Return the observed machines, busiest first."""
        shares = {name: time.share(Use.BUSY) for name, time in self.machines.items()}
        return sorted(
            (name for name in shares if shares[name] is not None), key=lambda n: (-(shares[n] or 0), n)
        )


@dataclass(frozen=True, slots=True)
class Tiles:
    """Equal stretches of real time, cut at whole local hours of the floor; the last ends at `end_ms`.

    `begin_ms` is where the report begins: at the first of them, or less than one before it, where fast time
    began. All are real UTC ms.
    """

    scale: TimeScale
    end_ms: int
    length_ms: int
    count: int
    begin_ms: int

    @property
    def start_ms(self) -> int:
        """Where the first begins."""
        return self.end_ms - self.count * self.length_ms

    @property
    def hourly(self) -> bool:
        """Whether each is one floor hour."""
        return self.length_ms == HOUR_MS // self.scale.speed


def lay_tiles(
    period: Period | Days, now_ms: int, scale: TimeScale, zone: tzinfo, most: int | None = None
) -> Tiles:
    """Cut the period before the hour that runs at `now_ms` (floor UTC ms) into tiles, about `most` if given.

    What lies before a sped-up scale began has no place on it and is left out; its first hour is not.
    """
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    into_hour = local.minute * 60_000 + local.second * 1000 + now_ms % 1000
    ends_ms = now_ms - into_hour
    hours = _hours(period, zone)
    if isinstance(period, Days) and period.ends_ms(zone) <= ends_ms:
        ends_ms = period.ends_ms(zone)
    elif isinstance(period, Days):
        hours = max(0, (ends_ms - period.begins_ms(zone)) // HOUR_MS)
    length, end_ms = HOUR_MS // scale.speed, real_time(scale, ends_ms)
    sizes = _TILE_HOURS if most else _TILE_HOURS[: _TILE_HOURS.index(24) + 1]
    least = max(SHORTEST_TILE_MS / length, hours / most if most else 0)
    each = next((some for some in sizes if some >= least), sizes[-1])
    length, count = length * each, hours // each
    begin_ms = end_ms - hours * (HOUR_MS // scale.speed)
    if scale.speed > 1 and begin_ms < scale.real_ms:
        begin_ms = scale.real_ms
        end_ms = max(end_ms, begin_ms)
        count = (end_ms - begin_ms) // length
    return Tiles(scale, end_ms, length, count, begin_ms)


def _hours(period: Period | Days, zone: tzinfo) -> int:
    if isinstance(period, Period):
        return period.hours
    return round((period.ends_ms(zone) - period.begins_ms(zone)) / HOUR_MS)


def real_time(scale: TimeScale, floor_ms: int) -> int:
    """Return the real instant of a floor instant, both in UTC ms; the inverse of `TimeScale.at`."""
    return scale.real_ms + (floor_ms - scale.floor_ms) // scale.speed


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of whole hours that are over."""

    stretches: Sequence[Stretch]
    totals: Mapping[str, Time]
    before: Mapping[str, Time] | None


class UtilisationReports:
    """Reports from one Prometheus. What is of past hours does not change and is asked once an hour."""

    def __init__(self, prometheus: Prometheus, zone: tzinfo = UTC) -> None:
        self.prometheus = prometheus
        self.zone = zone
        self._patient = Prometheus(prometheus.url, max(prometheus.deadline_s, LONG_DEADLINE_S))
        self._pasts: OrderedDict[Tiles, _Past] = OrderedDict()
        self._weeks: OrderedDict[tuple[Tiles, Sequence[str]], Matrix] = OrderedDict()
        self._tiles: OrderedDict[tuple[str, int], Mapping[str, Time]] = OrderedDict()
        self._asked: OrderedDict[tuple[Period, Sequence[str]], int] = OrderedDict()

    async def read(
        self,
        period: Period | Days,
        now_ms: int,
        scale: TimeScale,
        machine: str | None = None,
        among: Sequence[str] | None = None,
    ) -> Utilisation:
        """Return the report at `now_ms` (floor UTC ms). Raises NoFigures.

        `machine`, or else those `among` which, narrow `week`; all else is of every machine.
        """
        which = (machine,) if machine else tuple(among or ())
        if isinstance(period, Period):
            self._asked[period, which] = now_ms
            while len(self._asked) > _ASKED_KEPT:
                self._asked.popitem(last=False)
        hourly = lay_tiles(period, now_ms, scale, self.zone)
        columns = lay_tiles(period, now_ms, scale, self.zone, MOST_STRETCHES)
        to_ms = min(now_ms, period.ends_ms(self.zone)) if isinstance(period, Days) else now_ms
        running = _times(await self._between(columns.end_ms, real_time(scale, to_ms)))
        known = await self._past(columns)
        week = self._week(hourly, await self._hours(hourly, which)) if hourly.hourly else None
        stretches = [*known.stretches, Stretch(scale.at(columns.end_ms), to_ms, running)]
        machines = _totals((known.totals, running))
        return Utilisation(
            period,
            scale.at(columns.begin_ms),
            to_ms,
            dict(sorted(machines.items())),
            together(machines.values()),
            week,
            [one for one in stretches if one.to_ms > one.from_ms],
            known.before,
        )

    async def read_ahead(self, now_ms: int, scale: TimeScale) -> None:
        """Ask for the hours that are over, of what was read in the last day, before somebody waits for them.

        Where nothing answers, nothing is read ahead.
        """
        if self.prometheus.url is None or scale.speed > _FASTEST:
            return
        self._asked.setdefault((Period.DAY, ()), now_ms)
        try:
            for (period, which), read_ms in [*self._asked.items()]:
                if now_ms - read_ms <= 24 * HOUR_MS or (period, which) == (Period.DAY, ()):
                    await self._past(lay_tiles(period, now_ms, scale, self.zone, MOST_STRETCHES))
                    hourly = lay_tiles(period, now_ms, scale, self.zone)
                    if hourly.hourly:
                        await self._hours(hourly, which)
        except NoFigures:
            return

    async def _past(self, tiles: Tiles) -> _Past:
        if tiles not in self._pasts:
            self._pasts[tiles] = await self._ask(tiles)
            while len(self._pasts) > _KEPT:
                self._pasts.popitem(last=False)
        return self._pasts[tiles]

    async def _ask(self, tiles: Tiles) -> _Past:
        at = tiles.scale.at
        first = _times(await self._between(tiles.begin_ms, tiles.start_ms))
        stretches = [Stretch(at(tiles.begin_ms), at(tiles.start_ms), first)] if first else []
        window = f"[{tiles.length_ms}ms]"
        found = await self._each(spent("machine, state", window, positive=True), tiles, 0)
        for end_ms in range(tiles.start_ms + tiles.length_ms, tiles.end_ms + 1, tiles.length_ms):
            machines = found.get(end_ms, {})
            stretches.append(Stretch(at(end_ms - tiles.length_ms), at(end_ms), machines))
        span_ms = tiles.end_ms - tiles.begin_ms
        before = None
        if tiles.scale.speed == 1 or tiles.begin_ms - span_ms >= tiles.scale.real_ms:
            earlier = await self._each(busy(window), tiles, span_ms)
            before = _totals(earlier.values()) or None
        return _Past(stretches, _totals(one.machines for one in stretches), before)

    async def _each(self, expression: str, tiles: Tiles, back_ms: int) -> dict[int, Mapping[str, Time]]:
        """Ask for what each machine did in each tile, or as long before it; by where the tile ends."""
        if not tiles.count:
            return {}
        first_ms, last_ms = tiles.start_ms + tiles.length_ms - back_ms, tiles.end_ms - back_ms
        ends = range(first_ms, last_ms + 1, tiles.length_ms)
        told = {end_ms: self._tiles.get((expression, end_ms)) or {} for end_ms in ends}
        new = [end_ms for end_ms, machines in told.items() if not machines]
        if new:
            matrix = await self._patient.over(expression, new[0], new[-1], tiles.length_ms)
            found = await asyncio.to_thread(_by_end, matrix)
            told |= {end_ms: found.get(end_ms, {}) for end_ms in new}
            self._tiles |= {(expression, end_ms): told[end_ms] for end_ms in new if told[end_ms]}
            while len(self._tiles) > _TILES_KEPT:
                self._tiles.popitem(last=False)
        return told

    async def _hours(self, tiles: Tiles, which: Sequence[str]) -> Matrix:
        key = (tiles, which)
        if key not in self._weeks:
            where = f"{{machine=~{quoted('|'.join(map(exactly, which)))}}}" if which else ""
            hourly = spent("state", f"{where}[{tiles.length_ms}ms]")
            first_ms = tiles.start_ms + tiles.length_ms
            self._weeks[key] = (
                await self._patient.over(hourly, first_ms, tiles.end_ms, tiles.length_ms)
                if tiles.count
                else {}
            )
            while len(self._weeks) > _KEPT:
                self._weeks.popitem(last=False)
        return self._weeks[key]

    async def _between(self, from_ms: int, to_ms: int) -> Vector:
        """Ask for what was spent between two real instants."""
        if to_ms <= from_ms:
            return {}
        return await self.prometheus.instant(spent("machine, state", f"[{to_ms - from_ms}ms]"), to_ms)

    def _week(self, tiles: Tiles, matrix: Matrix) -> list[list[Time]]:
        week = [[Time() for _ in range(24)] for _ in range(7)]
        places: dict[int, Time] = {}
        for labels, values in matrix.items():
            state = dict(labels).get("state")
            for end_ms, seconds in values.items():
                if end_ms not in places:
                    middle_ms = tiles.scale.at(end_ms - tiles.length_ms // 2)
                    local = datetime.fromtimestamp(middle_ms / 1000, UTC).astimezone(self.zone)
                    places[end_ms] = week[local.weekday()][local.hour]
                places[end_ms].add(state, seconds)
        return week


def _times(vector: Vector) -> dict[str, Time]:
    """Return each machine's time from seconds by machine and state."""
    machines: defaultdict[str, Time] = defaultdict(Time)
    for labels, seconds in vector.items():
        known = dict(labels)
        machines[known.get("machine", "")].add(known.get("state"), seconds)
    return dict(machines)


def _by_end(matrix: Matrix) -> dict[int, dict[str, Time]]:
    """Return what each machine did, by where the tile ends."""
    found: defaultdict[int, defaultdict[str, Time]] = defaultdict(lambda: defaultdict(Time))
    for labels, values in matrix.items():
        known = dict(labels)
        machine, state = known.get("machine", ""), known.get("state")
        for end_ms, seconds in values.items():
            found[end_ms][machine].add(state, seconds)
    return {end_ms: dict(machines) for end_ms, machines in found.items()}


def _totals(parts: Iterable[Mapping[str, Time]]) -> dict[str, Time]:
    """Sum each machine's time."""
    machines: defaultdict[str, Time] = defaultdict(Time)
    for part in parts:
        for name, time_there in part.items():
            machines[name].join(time_there)
    return dict(machines)

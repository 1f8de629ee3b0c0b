"""What machines did with their time, from the gateways' counters in Prometheus.

A share is seconds in a state by seconds observed, both floor seconds, so it holds when a gateway was off
and when a demonstration's time runs fast. Figures are of whole hours, and of the hour that runs so far.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from booking_api.prometheus.query import Matrix, Prometheus, Vector
from floor.timescale import TimeScale

HOUR_MS = 3_600_000
SHORTEST_TILE_MS = 30_000
"""A stretch of real time that surely holds some scrapes; faster demonstrations have coarser tiles."""
_TILE_HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
_KEPT = 32


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

    @property
    def hours(self) -> int:
        """Its length in hours."""
        return {Period.DAY: 24, Period.WEEK: 168, Period.MONTH: 720}[self]


@dataclass(slots=True)
class Time:
    """Observed floor seconds, and how they were spent; the parts never pass the whole."""

    observed_s: float = 0.0
    spent_s: dict[Use, float] = field(default_factory=lambda: dict.fromkeys(Use, 0.0))

    def share(self, use: Use) -> float | None:
        """Return the part from 0 to 1, None when nothing was observed."""
        whole = max(self.observed_s, sum(self.spent_s.values()))
        return self.spent_s[use] / whole if whole > 0 else None

    def add(self, state: str | None, seconds: float) -> None:
        """Count seconds in a state, or observed ones (None); a state of a later version is observed only."""
        if state is None:
            self.observed_s += seconds
        elif state in tuple(Use):
            self.spent_s[Use(state)] += seconds


@dataclass(frozen=True, slots=True)
class Utilisation:
    """A report; times are floor time in UTC ms.

    `week` is time by hour of the week, [0][0] Monday 0:00 to 1:00 in the space's zone; None when floor time
    runs too fast for an hourly picture.
    """

    period: Period
    from_ms: int
    to_ms: int
    machines: Mapping[str, Time]
    floor: Time
    week: list[list[Time]] | None

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


def lay_tiles(period: Period, now_ms: int, scale: TimeScale, zone: tzinfo) -> Tiles:
    """Cut the period before the hour that runs at `now_ms` (floor UTC ms) into tiles.

    What lies before a sped-up scale began has no place on it and is left out; its first hour is not.
    """
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    into_hour = local.minute * 60_000 + local.second * 1000 + now_ms % 1000
    end_ms = real_time(scale, now_ms - into_hour)
    length = HOUR_MS // scale.speed
    hours = next((some for some in _TILE_HOURS if some * length >= SHORTEST_TILE_MS), _TILE_HOURS[-1])
    length, count = length * hours, period.hours // hours
    begin_ms = end_ms - count * length
    if scale.speed > 1 and begin_ms < scale.real_ms:
        begin_ms = scale.real_ms
        end_ms = max(end_ms, begin_ms)
        count = (end_ms - begin_ms) // length
    return Tiles(scale, end_ms, length, count, begin_ms)


def real_time(scale: TimeScale, floor_ms: int) -> int:
    """Return the real instant of a floor instant, both in UTC ms; the inverse of `TimeScale.at`."""
    return scale.real_ms + (floor_ms - scale.floor_ms) // scale.speed


class UtilisationReports:
    """Reports from one Prometheus. What is of past hours does not change and is asked once an hour."""

    def __init__(self, prometheus: Prometheus, zone: tzinfo = UTC) -> None:
        self.prometheus = prometheus
        self.zone = zone
        self._kept: OrderedDict[tuple[object, ...], tuple[list[Vector], Matrix]] = OrderedDict()

    async def read(
        self, period: Period, now_ms: int, scale: TimeScale, machine: str | None = None
    ) -> Utilisation:
        """Return the report at `now_ms` (floor UTC ms); `machine` narrows `week`. Raises NoFigures."""
        tiles = lay_tiles(period, now_ms, scale, self.zone)
        running = await self._between(tiles.end_ms, real_time(scale, now_ms))
        vectors, matrix = await self._past(tiles, machine)
        machines: dict[str, Time] = {}
        floor = Time()
        for vector in (*vectors, running):
            for labels, seconds in vector.items():
                known = dict(labels)
                for time in (machines.setdefault(known.get("machine", ""), Time()), floor):
                    time.add(known.get("state"), seconds)
        week = self._week(tiles, matrix) if tiles.hourly else None
        from_ms = scale.at(tiles.begin_ms)
        return Utilisation(period, from_ms, now_ms, dict(sorted(machines.items())), floor, week)

    async def _past(self, tiles: Tiles, machine: str | None) -> tuple[list[Vector], Matrix]:
        key = (tiles, machine)
        if key not in self._kept:
            self._kept[key] = await self._ask(tiles, machine)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def _ask(self, tiles: Tiles, machine: str | None) -> tuple[list[Vector], Matrix]:
        first = await self._between(tiles.begin_ms, tiles.start_ms)
        if not tiles.count:
            return [first], {}
        where = f"{{machine={_quoted(machine)}}}" if machine else ""
        hourly = _spent("state", f"{where}[{tiles.length_ms}ms]")
        first_ms = tiles.start_ms + tiles.length_ms
        matrix = await self.prometheus.over(hourly, first_ms, tiles.end_ms, tiles.length_ms)
        return [first, await self.prometheus.instant(*_totals(tiles))], matrix

    async def _between(self, from_ms: int, to_ms: int) -> Vector:
        """Ask for what was spent between two real instants."""
        if to_ms <= from_ms:
            return {}
        return await self.prometheus.instant(_spent("machine, state", f"[{to_ms - from_ms}ms]"), to_ms)

    def _week(self, tiles: Tiles, matrix: Matrix) -> list[list[Time]]:
        week = [[Time() for _ in range(24)] for _ in range(7)]
        for labels, values in matrix.items():
            for end_ms, seconds in values.items():
                middle_ms = tiles.scale.at(end_ms - tiles.length_ms // 2)
                local = datetime.fromtimestamp(middle_ms / 1000, UTC).astimezone(self.zone)
                week[local.weekday()][local.hour].add(dict(labels).get("state"), seconds)
        return week


def _spent(by: str, window: str) -> str:
    """Ask for seconds by state and, without a state, for observed ones."""
    return (
        f"sum by ({by}) (increase(makerfloor_station_state_seconds_total{window}))"
        f" or sum by ({by}) (increase(makerfloor_station_observed_seconds_total{window}))"
    )


def _totals(tiles: Tiles) -> tuple[str, int]:
    """Sum the tiles of each machine in Prometheus: one window of 30 days would be more than it loads.

    A subquery stands on multiples of its step since 1970, so the offset moves the tiles there.
    """
    offset_ms = -tiles.end_ms % tiles.length_ms
    offset = f" offset {offset_ms}ms" if offset_ms else ""
    each = _spent("machine, state", f"[{tiles.length_ms}ms]{offset}")
    # Both ends of a range count, so it is one millisecond short of holding one tile more.
    span_ms = tiles.count * tiles.length_ms - 1
    return f"sum_over_time(({each})[{span_ms}ms:{tiles.length_ms}ms])", tiles.end_ms + offset_ms


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'

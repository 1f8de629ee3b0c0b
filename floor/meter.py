"""Cumulative meter readings become usage: differences, split at the edges of tariffs, periods and windows.

A counter only grows; where it falls, its machine restarted it, and what it shows now was used since then.
Every quantity is an integer in the base unit of its name, so that differences are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise


class Quantity(StrEnum):
    """What is metered. The suffix is the unit of the integer: ms, um (micrometre), mg, mwh, ul, mm3."""

    MACHINE_TIME_MS = "machine_time_ms"
    BUSY_TIME_MS = "busy_time_ms"
    JOB_TIME_MS = "job_time_ms"
    LASER_TIME_MS = "laser_time_ms"
    RUN_ON_TIME_MS = "run_on_time_ms"
    RESERVED_TIME_MS = "reserved_time_ms"
    FILAMENT_UM = "filament_um"
    FILAMENT_MG = "filament_mg"
    RESIN_UL = "resin_ul"
    VOLUME_MM3 = "volume_mm3"
    ENERGY_MWH = "energy_mwh"
    TRAVEL_UM = "travel_um"
    JOBS = "jobs"


Counters = Mapping[Quantity, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the counters showed at one instant. `at_ms` is UTC in milliseconds since 1970, ≥ 0."""

    at_ms: int
    counters: Counters

    def __post_init__(self) -> None:
        bad = [name for name, value in self.counters.items() if value < 0]
        if bad:
            raise ValueError(f"a counter never shows less than zero: {', '.join(bad)}")


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used from `started_ms` to `ended_ms` (UTC milliseconds): quantities in their base units."""

    started_ms: int
    ended_ms: int
    quantities: Counters = field(default_factory=dict)

    def of(self, quantity: Quantity) -> int:
        """Return the amount of one quantity, 0 where it was not metered."""
        return self.quantities.get(quantity, 0)


def difference(earlier: Counters, later: Counters) -> dict[Quantity, int]:
    """Return what was used between two readings of the same counters; a counter that fell was restarted."""
    used: dict[Quantity, int] = {}
    for name, value in later.items():
        before = earlier.get(name, 0)
        used[name] = value - before if value >= before else value
    return used


def usage(readings: Sequence[Reading], edges: Iterable[int] = ()) -> list[Usage]:
    """Turn readings in order of time into usages, one for each stretch between edges (UTC milliseconds).

    A counter that a reading leaves out still shows what it last showed. Between two readings a quantity is
    taken to have grown evenly; the parts that edges cut add up to the whole to the last unit.
    Raises ValueError when readings run backwards in time.
    """
    cuts = sorted(set(edges))
    stretches: list[Usage] = []
    shown: dict[Quantity, int] = {}
    for one, two in pairwise(readings):
        if two.at_ms < one.at_ms:
            raise ValueError(f"readings run backwards: {two.at_ms} follows {one.at_ms}")
        shown |= one.counters
        used = difference(shown, two.counters)
        for part in _split(used, one.at_ms, two.at_ms, cuts):
            _append(stretches, part, cuts)
    return stretches


def _split(used: Counters, start_ms: int, end_ms: int, cuts: Sequence[int]) -> Iterable[Usage]:
    """Yield the parts of a growth between the cuts inside it; the last takes what division left."""
    span, before = end_ms - start_ms, dict.fromkeys(used, 0)
    for start, end in pairwise([start_ms, *(cut for cut in cuts if start_ms < cut < end_ms), end_ms]):
        until = {
            name: amount if end == end_ms else amount * (end - start_ms) // span
            for name, amount in used.items()
        }
        yield Usage(start, end, {name: until[name] - before[name] for name in used})
        before = until


def _append(stretches: list[Usage], part: Usage, cuts: Sequence[int]) -> None:
    """Join a part to the stretch that it goes on; a stretch that begins at a cut may begin with no length."""
    if stretches and (part.started_ms not in cuts or stretches[-1].started_ms == part.started_ms):
        last = stretches.pop()
        part = Usage(last.started_ms, part.ended_ms, add(last.quantities, part.quantities))
    stretches.append(part)


def add(one: Counters, two: Counters) -> dict[Quantity, int]:
    """Return the sum of two sets of quantities."""
    total = dict(one)
    for name, amount in two.items():
        total[name] = total.get(name, 0) + amount
    return total


def total(usages: Iterable[Usage]) -> Usage:
    """Join usages into one; raises ValueError when there is none."""
    parts = list(usages)
    if not parts:
        raise ValueError("there is no usage to join")
    quantities: dict[Quantity, int] = {}
    for part in parts:
        quantities = add(quantities, part.quantities)
    return Usage(min(p.started_ms for p in parts), max(p.ended_ms for p in parts), quantities)

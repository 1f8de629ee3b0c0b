"""What a group of like machines would refuse with more or fewer of them: recorded arrivals, replayed.

The model: machines are alike; who comes takes any free one, first come, first served; who finds none free
waits at most their patience (0: leaves at once) and is refused if none gets free by then. A stay is as long
as it was. Pure: no clock, no database.

Without patience the same arrivals never lose by one machine more: let the extra machine be taken last, then
the others serve exactly whom they served before. With patience that may fail (somebody who used to give up
stays now and is in the way of others), so counts with patience are compared as sums of many days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import Protocol, TypeVar

T = TypeVar("T")
RESAMPLES = 1000
"""How often days are drawn anew for an interval."""


class Chance(Protocol):
    """What draws: a `random.Random` with a seed, so that the same figures come again."""

    def choices(self, population: Sequence[T], *, k: int) -> list[T]:
        """Return `k` of them, each drawn from all."""


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """Somebody who wanted a machine at an instant, for how long, and how long they would wait; all in ms.

    `day` is whatever days are told apart by; it is drawn as a whole for the interval.
    """

    at_ms: int
    length_ms: int
    patience_ms: int = 0
    day: Hashable = 0


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of arrivals: who was refused, by day; time machines worked, and time people waited, in ms."""

    refused: Mapping[Hashable, int]
    busy_ms: int
    waited_ms: int

    @property
    def refusals(self) -> int:
        """How many were refused in all."""
        return sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class Between:
    """An estimate and the interval that holds it in 95 of 100 draws of the days."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A number of machines: the part of arrivals refused, the change of refusals by it, and use (0 to 1).

    `change` is against the machines there are: -0.6 is 60 % fewer. None where those refuse nobody.
    """

    machines: int
    refused: Between
    change: Between | None
    use: float


def replay(arrivals: Iterable[Arrival], machines: int) -> Replayed:
    """Let arrivals, in order of time, come to so many machines (1 or more; ValueError)."""
    if machines < 1:
        raise ValueError(f"{machines} machines serve nobody")
    free_at = [-(1 << 62)] * machines
    heapify(free_at)
    refused: Counter[Hashable] = Counter()
    busy = waited = 0
    for one in arrivals:
        # Who gives up takes no machine, so those before decide alone when the next gets free.
        begins = max(one.at_ms, free_at[0])
        if begins - one.at_ms > one.patience_ms:
            refused[one.day] += 1
            continue
        heapreplace(free_at, begins + one.length_ms)
        busy += one.length_ms
        waited += begins - one.at_ms
    return Replayed(refused, busy, waited)


def what_if(arrivals: Sequence[Arrival], machines: int, chance: Chance) -> list[WhatIf]:
    """Return what one machine fewer (where one is left), those there are and one more would refuse.

    `arrivals` are in order of time, at least one. The same arrivals and `chance` give the same figures.
    """
    counts = [count for count in (machines - 1, machines, machines + 1) if count > 0]
    done = {count: replay(arrivals, count) for count in counts}
    came = Counter(one.day for one in arrivals)
    days = [(came[day], *(done[count].refused.get(day, 0) for count in counts)) for day in came]
    draws = list(_drawn(days, chance))
    whole = tuple(map(sum, zip(*days, strict=True)))
    now = 1 + counts.index(machines)
    span_ms = max(1, arrivals[-1].at_ms - arrivals[0].at_ms + arrivals[-1].length_ms)
    return [
        WhatIf(
            count,
            _between(whole[place] / whole[0], [draw[place] / draw[0] for draw in draws]),
            _change(whole, draws, place, now),
            min(1.0, done[count].busy_ms / (span_ms * count)),
        )
        for place, count in enumerate(counts, 1)
    ]


def _drawn(days: Sequence[tuple[int, ...]], chance: Chance) -> Iterable[tuple[int, ...]]:
    for _ in range(RESAMPLES):
        yield tuple(map(sum, zip(*chance.choices(days, k=len(days)), strict=True)))


def _change(whole: tuple[int, ...], draws: Sequence[tuple[int, ...]], place: int, now: int) -> Between | None:
    if not whole[now]:
        return None
    known = [draw[place] / draw[now] - 1 for draw in draws if draw[now]]
    return _between(whole[place] / whole[now] - 1, known)


def _between(value: float, draws: list[float]) -> Between:
    draws.sort()
    last = len(draws) - 1
    return Between(value, draws[round(last * 0.025)], draws[round(last * 0.975)])

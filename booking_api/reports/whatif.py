"""What one machine more or fewer of a kind would change, kept for the floor's day: it rests on whole days."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from booking_api.db import Database
from booking_api.reports import queueing
from floor.queueing import Between, WhatIf, what_if

LEAST_DAYS = 14
LEAST_ARRIVALS = 100
LEAST_TURNED_AWAY = 20
"""Below any of these it says that there is too little to tell from."""
ALIKE = (0.5, 2.0)
"""Refusals of the model by those recorded; outside of it, people do not want just any machine of the kind."""
SEED = 7
_KEPT = 32
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a kind's records say, and what it rests on. `options` is empty where that is too little."""

    kind: str
    machines: int
    days: int
    arrivals: int
    turned_away: int
    options: Sequence[WhatIf] = ()

    @property
    def more(self) -> WhatIf | None:
        """What one machine more would do."""
        return self.options[-1] if self.options else None

    @property
    def modelled(self) -> int:
        """How many the model refuses with the machines there are."""
        now = next((one for one in self.options if one.machines == self.machines), None)
        return round(now.refused.value * self.arrivals) if now else 0

    @property
    def tells(self) -> bool:
        """Whether the model refuses enough for a change to be more than chance."""
        return self.modelled >= LEAST_TURNED_AWAY

    @property
    def fits(self) -> bool:
        """Whether the model refuses about as many as the records say."""
        return ALIKE[0] * self.turned_away <= self.modelled <= ALIKE[1] * self.turned_away


class WhatIfs:
    """Answers for kinds of machines, from the database; each is worked out once for a day."""

    def __init__(self, database: Database, zone: tzinfo) -> None:
        self._database = database
        self._zone = zone
        self._kept: OrderedDict[tuple[object, ...], Answer] = OrderedDict()

    def answer(self, kind: str, machines: Sequence[str], now_ms: int) -> Answer:
        """Return the answer for a kind with these machines (at least one); `now_ms` is floor UTC ms."""
        key = (kind, tuple(machines), now_ms // _DAY_MS)
        if key not in self._kept:
            with self._database.read() as session:
                recorded = queueing.read(session, machines, now_ms, self._zone)
            self._kept[key] = judged(kind, len(machines), recorded)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


def judged(kind: str, machines: int, recorded: queueing.Recorded) -> Answer:
    """Replay what was recorded, where there is enough of it."""
    arrivals, turned_away = recorded.arrivals, recorded.turned_away
    enough = (
        recorded.days >= LEAST_DAYS and len(arrivals) >= LEAST_ARRIVALS and turned_away >= LEAST_TURNED_AWAY
    )
    options = what_if(arrivals, machines, random.Random(SEED)) if enough else ()
    return Answer(kind, machines, recorded.days, len(arrivals), turned_away, options)


def rows(answer: Answer) -> Iterator[list[str]]:
    """Return the table of an answer, its head first; parts are from 0 to 1."""
    yield ["machines", "refused", "refused_low", "refused_high", "change", "change_low", "change_high", "use"]
    for one in answer.options:
        change = _parts(one.change) if one.change else ["", "", ""]
        yield [str(one.machines), *_parts(one.refused), *change, f"{one.use:.4f}"]


def _parts(one: Between) -> list[str]:
    return [f"{value:.4f}" for value in (one.value, one.low, one.high)]

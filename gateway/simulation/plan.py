"""What people will do on a floor, as one endless list of visits: the same seed gives the same list.

Pure: it reads no clock and moves nothing. Times are floor seconds since the doors opened. The plan reckons
with what it planned itself; who carries it out looks whether the machine is really free.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from floor.meter import Quantity
from gateway.simulation.people import Person, Use

OPENING_S = 75.0
"""At first everybody arrives at once, with something short; so a viewer need not wait."""
FIRST_S = 20.0
"""Who comes before this is inside already."""
WALK_S = 12.0
IDLE_S = 660.0
REPAIR_S = 900.0
MISHAP_EVERY_S = 170.0
GAP_S = {Use.PRINTER: 600.0, Use.LASER: 420.0, Use.CNC: 900.0, Use.SAW: 420.0}
UM_PER_MG = 335
"""PLA of 1.75 mm: 2.98 g a metre."""

PARTS = ("bracket", "gear", "lamp-shade", "hinge", "phone-stand", "vase", "planter", "drawer-knob", "whistle")
CUTS = ("box-sides", "coaster", "sign", "puzzle", "gasket", "front-panel", "earrings", "stencil")
FAULTS = {
    Use.PRINTER: ("Thermal runaway on heater 1 (simulated)", "The filament is jammed (simulated)"),
    Use.LASER: ("The chiller has no flow (simulated)", "The lid opened during a cut (simulated)"),
    Use.CNC: ("The spindle stalled (simulated)", "A limit switch was hit (simulated)"),
}


class Ending(StrEnum):
    """How somebody leaves: tidily, while the printer finishes, or without a word."""

    TIDY = "tidy"
    WALKS_OFF = "walks_off"
    FORGETS = "forgets"


class Mishap(StrEnum):
    """What goes wrong half-way through the first piece of work."""

    FAULT = "fault"
    CABLE = "cable"


@dataclass(frozen=True, slots=True)
class Work:
    """One print, cut or cutting pass: after `prepare_s`, for `duration_s` (> 0) of the machine's time."""

    name: str
    prepare_s: float
    duration_s: float
    quantities: Mapping[Quantity, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """One person at one machine, from `at_s` on; without work they tap, are told no and go.

    `mends_s` is how long a fault or a pulled cable lasts.
    """

    at_s: float
    person: Person
    machine: str
    through_door: bool = False
    work: tuple[Work, ...] = ()
    ending: Ending = Ending.TIDY
    mishap: Mishap | None = None
    words: str = ""
    mends_s: float = 0.0

    @property
    def until_s(self) -> float:
        """When the last piece of work will be done."""
        return self._begins_s + sum(work.prepare_s + work.duration_s for work in self.work)

    @property
    def leaves_s(self) -> float:
        """When the person will have left; who walks off does so soon after the start."""
        walks_off = self.ending is Ending.WALKS_OFF
        return WALK_S + (self._begins_s + self.work[0].prepare_s if walks_off else self.until_s)

    @property
    def _begins_s(self) -> float:
        return self.at_s + WALK_S * self.through_door


def visits(people: Sequence[Person], machines: Mapping[str, Use], seed: int) -> Iterator[Visit]:
    """Yield visits for ever, in order of time; nobody is planned at two places at one time."""
    return _Planner(people, machines, seed).visits()


class _Planner:
    def __init__(self, people: Sequence[Person], machines: Mapping[str, Use], seed: int) -> None:
        self._random = Random(seed)
        self._members = [person for person in people if not person.turned_away]
        self._others = [person for person in people if person.turned_away]
        self._machines = {name: use for name, use in machines.items() if use is not Use.DOOR}
        self._away_until: dict[str, float] = {}
        self._in_use_until: dict[str, float] = {}

    def visits(self) -> Iterator[Visit]:
        names = list(self._machines)
        self._random.shuffle(names)
        # The saw's sessions are the shortest: it goes first, so that the first charge comes soon.
        names.sort(key=lambda name: self._machines[name] is not Use.SAW)
        calls = [(1.0 + 2.5 * place, name) for place, name in enumerate(names)]
        heapq.heappush(calls, (9.0, ""))
        while calls:
            at_s, name = heapq.heappop(calls)
            visit = self._visit(at_s, name) if name else self._attempt(at_s)
            if visit:
                self._away_until[visit.person.uid_hex] = visit.leaves_s
                yield visit
            heapq.heappush(calls, (self._next(at_s, name, visit), name))

    def _next(self, at_s: float, name: str, visit: Visit | None) -> float:
        """When something happens at the machine again, or somebody is told no again (name "")."""
        if not name:
            return at_s + self._random.expovariate(1 / MISHAP_EVERY_S)
        if visit is None:
            return at_s + 60.0
        rest_s = IDLE_S if visit.ending is Ending.FORGETS else 0.0
        rest_s += REPAIR_S if visit.mishap is Mishap.FAULT else 0.0
        self._in_use_until[name] = visit.until_s + rest_s
        opening = at_s < 3 * OPENING_S
        gap_s = self._random.expovariate(1 / GAP_S[self._machines[name]])
        return visit.until_s + rest_s + (self._random.uniform(5, 25) if opening else 15.0 + gap_s)

    def _free(self, at_s: float) -> list[Person]:
        return [one for one in self._members if self._away_until.get(one.uid_hex, 0.0) <= at_s]

    def _visit(self, at_s: float, name: str) -> Visit | None:
        able = [person for person in self._free(at_s) if name in person.machines]
        if not able:
            return None
        use, opening = self._machines[name], at_s < OPENING_S
        person = self._random.choice(able)
        work = self._work(use, opening)
        ending = self._ending(person, use, work, opening)
        mishap = None if opening or use is Use.SAW else self._mishap()
        return Visit(
            at_s,
            person,
            name,
            through_door=at_s > FIRST_S,
            work=work,
            ending=Ending.TIDY if mishap else ending,
            mishap=mishap,
            words=self._random.choice(FAULTS[use]) if mishap is Mishap.FAULT else "",
            mends_s=self._random.uniform(40, 240),
        )

    def _ending(self, person: Person, use: Use, work: Sequence[Work], opening: bool) -> Ending:
        if self._random.random() < person.forgets and not opening:
            return Ending.FORGETS
        patience_s = self._random.uniform(0, 1200)
        walks_off = use is Use.PRINTER and work[0].duration_s > (30 if opening else patience_s)
        return Ending.WALKS_OFF if walks_off else Ending.TIDY

    def _mishap(self) -> Mishap | None:
        drawn = self._random.random()
        if drawn < 0.03:
            return Mishap.FAULT
        return Mishap.CABLE if drawn < 0.07 else None

    def _work(self, use: Use, opening: bool) -> tuple[Work, ...]:
        draw = self._random
        match use:
            case Use.PRINTER:
                return (self._print(opening),)
            case Use.LASER:
                return tuple(self._cut(opening) for _ in range(2 if opening else draw.randint(1, 5)))
            case Use.CNC:
                times = 1 if opening else draw.randint(1, 4)
                longest_s = 60 if opening else 900
                return tuple(
                    Work("pass", draw.uniform(3, 20), draw.uniform(20, longest_s)) for _ in range(times)
                )
            case _:
                return (Work("cut", 1.0, draw.uniform(8, 14) if opening else draw.uniform(20, 240)),)

    def _print(self, opening: bool) -> Work:
        draw = self._random
        low_s, high_s = draw.choices(((120, 900), (900, 3600), (7200, 18_000)), (55, 35, 10))[0]
        duration_s = draw.uniform(25, 85) if opening else draw.uniform(low_s, high_s)
        filament_mg = round(1500 + duration_s * draw.uniform(5, 9))
        used = {Quantity.FILAMENT_MG: filament_mg, Quantity.FILAMENT_UM: filament_mg * UM_PER_MG}
        prepare_s = draw.uniform(2, 5) if opening else draw.uniform(20, 90)
        return Work(f"{draw.choice(PARTS)}.gcode", prepare_s, duration_s, used)

    def _cut(self, opening: bool) -> Work:
        draw = self._random
        duration_s = draw.uniform(12, 30) if opening else draw.uniform(40, 480)
        laser_ms = round(duration_s * 1000 * draw.uniform(0.4, 0.9))
        prepare_s = draw.uniform(2, 6) if opening else draw.uniform(15, 120)
        return Work(f"{draw.choice(CUTS)}.svg", prepare_s, duration_s, {Quantity.LASER_TIME_MS: laser_ms})

    def _attempt(self, at_s: float) -> Visit | None:
        """Somebody who is told no: a useless badge, a machine not learned, a machine that another uses."""
        draw = self._random
        name = draw.choice(list(self._machines))
        busy = at_s < self._in_use_until.get(name, 0.0)
        drawn, free = draw.random(), self._free(at_s)
        if busy and drawn < 0.4:
            who = [person for person in free if name in person.machines]
        elif drawn < 0.65:
            who = [person for person in free if name not in person.machines]
        else:
            who = [one for one in self._others if self._away_until.get(one.uid_hex, 0.0) <= at_s]
        return Visit(at_s, draw.choice(who), name) if who else None

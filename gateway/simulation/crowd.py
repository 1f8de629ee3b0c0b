"""The people of gateway.simulation.plan at the stations of a running gateway: they tap, work, leave, forget.

They touch only what people touch: badges on readers, and the machines themselves. What follows from that
is decided, metered and journalled by the gateway as for anybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from firmware_bridge.simulated.driver import SimulatedMachine
from floor.errors import ConfigError, MachineError
from floor.session_states import Free, Holding, LockedOut, Running, RunOn
from floor.words import Activity
from gateway.app import Gateway
from gateway.simulation import people, plan
from gateway.simulation.people import Cast, Person, Use
from gateway.simulation.plan import Ending, Mishap, Visit, Work
from gateway.station import Station
from gateway.wiring import AccountWanted, Choice
from hardware.simulated import SimulatedReader

log = logging.getLogger(__name__)
FRESH_S = 3600
ANSWER_S = 2.0
GLANCE_S = 1.5
STEP_AWAY_S = 8.0


async def run(gateway: Gateway) -> None:
    """Let people come until cancelled; raises ConfigError for a simulation that cannot be."""
    await Crowd(gateway, people.read(gateway.config)).run()


class Crowd:
    """Everybody on the floor. Each person is at one place at a time; seconds are floor seconds."""

    def __init__(self, gateway: Gateway, cast: Cast) -> None:
        self._gateway = gateway
        self._cast = cast
        self._poll_s = min(0.25, max(0.02, 1 / cast.speed))
        self._present: set[str] = set()
        self._cards_in: set[str] = set()
        self._readers: dict[str, SimulatedReader] = {}
        for name in cast.machines:
            reader = gateway.stations[name].devices.reader
            if not isinstance(reader, SimulatedReader):
                problem = "is not simulated, so nobody who is can tap there"
                raise ConfigError(
                    gateway.config.file, f"{name}: reader", problem, 'Write kind = "simulated".'
                )
            self._readers[name] = reader
        self._door = next((name for name, use in cast.machines.items() if use is Use.DOOR), None)

    async def run(self) -> None:
        """Open the doors once the gateway knows who may do what, and carry the plan out."""
        await self._until(self._knows_enough)
        opened_s = time.monotonic()
        log.info("%d people come, seed %d", len(self._cast.people), self._cast.seed)
        async with asyncio.TaskGroup() as tasks:
            for visit in plan.visits(self._cast.people, self._cast.machines, self._cast.seed):
                await asyncio.sleep(opened_s + visit.at_s / self._cast.speed - time.monotonic())
                if visit.person.uid_hex not in self._present:
                    self._present.add(visit.person.uid_hex)
                    tasks.create_task(self._visit(visit))

    def _knows_enough(self) -> bool:
        roster = self._gateway.roster
        return bool(roster.machines) and (self._gateway.link.connected or roster.age_s() < FRESH_S)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._cast.speed)

    async def _until(self, seen: Callable[[], bool]) -> None:
        """Look now and then, as people do, until something is so."""
        while True:
            if seen():
                return
            await asyncio.sleep(self._poll_s)

    async def _visit(self, visit: Visit) -> None:
        try:
            if visit.through_door and self._door:
                await self._tap(self._door, visit.person)
                await self._pause(plan.WALK_S)
            if visit.machine in self._cards_in:
                return  # another badge lies in the holder
            if not visit.work:
                await self._try(visit)
            elif isinstance(self._station(visit).state, Free | RunOn):
                await self._use(visit)
        finally:
            self._present.discard(visit.person.uid_hex)

    def _station(self, visit: Visit) -> Station:
        return self._gateway.stations[visit.machine]

    async def _try(self, visit: Visit) -> None:
        """Tap where a no is likely; should it be a yes, leave again."""
        if self._has(self._station(visit), self._member(visit.person)):
            return
        if await self._begin(visit):
            await self._end(visit)

    async def _use(self, visit: Visit) -> None:
        session = await self._begin(visit)
        if session is None:
            return
        await self._choose_account(visit, session)
        for number, work in enumerate(visit.work):
            await self._pause(work.prepare_s)
            if self._station(visit).session_id != session:
                break
            await self._work(visit, work, session, visit.mishap if number == 0 else None)
        if visit.ending is Ending.FORGETS:
            await self._forget(visit, session)
        elif self._station(visit).session_id == session and visit.ending is Ending.TIDY:
            await self._end(visit)
        await self._take_card(visit)

    async def _work(self, visit: Visit, work: Work, session: str, mishap: Mishap | None) -> None:
        """Do one piece of work; a machine that loses its power drops it."""
        machine = self._station(visit).devices.driver
        if not isinstance(machine, SimulatedMachine):
            await self._pause(work.duration_s)
            return
        prints = self._station(visit).prints
        await self._until(lambda: not prints.begins)
        if machine.activity is not Activity.IDLE:
            return
        if work.quantities:
            machine.start_job(work.name, None, work.duration_s, work.quantities)
        else:
            machine.set_activity(Activity.BUSY)
        done_s = time.monotonic() + work.duration_s / self._cast.speed

        def over() -> bool:
            if not work.quantities and time.monotonic() >= done_s:
                machine.set_activity(Activity.IDLE)
            return machine.activity is not Activity.BUSY or self._station(visit).session_id != session

        if mishap:
            await self._pause(work.duration_s / 2)
            await self._go_wrong(visit, machine, mishap)
        elif visit.ending is Ending.WALKS_OFF:
            await self._pause(min(STEP_AWAY_S, work.duration_s / 2))
            await self._end(visit)
            self._present.discard(visit.person.uid_hex)
        await self._until(over)
        await _power_down(machine)

    async def _go_wrong(self, visit: Visit, machine: SimulatedMachine, mishap: Mishap) -> None:
        if machine.activity is not Activity.BUSY:
            return
        if mishap is Mishap.CABLE:
            machine.pull_cable()
            await self._pause(visit.mends_s)
            machine.plug_in()
            return
        machine.fail(visit.words)
        await self._take_card(visit)
        await self._pause(visit.mends_s)
        machine.set_activity(Activity.IDLE)

    async def _forget(self, visit: Visit, session: str) -> None:
        """Leave without a tap; a badge that was left in its holder is fetched some time later."""
        if visit.machine not in self._cards_in:
            return
        await self._until(lambda: self._station(visit).session_id != session)
        await self._pause(visit.mends_s)

    def _member(self, person: Person) -> str | None:
        _, _, member = self._gateway.roster.look_up(person.uid)
        return member.id if member else None

    @staticmethod
    def _has(station: Station, member: str | None) -> bool:
        """Whether the session at a station is this member's."""
        state = station.state
        return isinstance(state, Running | Holding) and state.lease.member == member

    async def _begin(self, visit: Visit) -> str | None:
        """Tap, and return the session that this began, None for a no."""
        member, station = self._member(visit.person), self._station(visit)
        if station.policy.card_must_stay:
            self._cards_in.add(visit.machine)
            await self._readers[visit.machine].tap(visit.person.uid, visit.person.badge)
        else:
            await self._tap(visit.machine, visit.person)
        if member and not isinstance(station.state, LockedOut):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await self._until(lambda: self._has(station, member))
                    return station.session_id
        await self._pause(GLANCE_S)
        await self._take_card(visit)
        return None

    async def _choose_account(self, visit: Visit, session: str) -> None:
        """Say who pays, where it is not the default; what comes of it is for the station to show."""
        if visit.person.account:
            answer: asyncio.Future[Choice] = asyncio.get_running_loop().create_future()
            await self._station(visit).put(AccountWanted(session, visit.person.account, answer))

    async def _end(self, visit: Visit) -> None:
        if visit.machine in self._cards_in:
            await self._take_card(visit)
        else:
            await self._tap(visit.machine, visit.person)

    async def _tap(self, machine: str, person: Person) -> None:
        await self._readers[machine].tap(person.uid, person.badge)
        await self._pause(GLANCE_S)
        await self._readers[machine].remove(person.uid)

    async def _take_card(self, visit: Visit) -> None:
        if visit.machine in self._cards_in:
            self._cards_in.discard(visit.machine)
            await self._readers[visit.machine].remove(visit.person.uid)


async def _power_down(machine: SimulatedMachine) -> None:
    """Drop what still runs, as a machine does whose power is gone; one that is done has nothing to drop."""
    if machine.activity is Activity.BUSY:
        with contextlib.suppress(MachineError):
            await machine.cancel()
        machine.set_activity(Activity.IDLE)

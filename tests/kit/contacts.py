"""A station on a bench with a contact of each role."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from floor.wire.journal import AlarmRaised
from floor.wire.messages import Clear
from floor.words import InputRole
from gateway.station import Station
from gateway.wiring import AccountWanted, Devices, Ordered
from hardware.events import InputChanged
from hardware.simulated import SimulatedInput
from tests.kit.gateway import Bench


@dataclass
class Wired(Bench):
    """A bench with one input of each role, each heard once: what must run runs, all else is inactive."""

    shared: dict[InputRole, SimulatedInput] = field(default_factory=dict)

    def rebuild(self) -> None:
        own = {role: SimulatedInput(role, role, role.proof) for role in InputRole}
        self.contacts = own | self.shared
        inputs = tuple(self.contacts.values())
        devices = Devices(self.reader, self.relay, self.panel, self.extraction, self.driver, inputs=inputs)
        self.station = Station("laser", devices, self.services())
        for one in inputs:
            self.station.inputs.take(one, InputChanged(one.name, one.active))

    async def turn(self) -> None:
        """Let the station handle what waits for it."""
        last = AccountWanted("none", "none", asyncio.get_running_loop().create_future())
        await self.station.put(last)
        task = asyncio.create_task(self.station.run())
        async with asyncio.timeout(20):
            await last.answer
        task.cancel()

    async def say(self, role: InputRole, active: bool) -> None:
        """Bring a contact into a state, have it heard, and let the station have its turn."""
        await self.contacts[role].change(active)
        self.station.inputs.take(self.contacts[role], InputChanged(role, active))
        await self.turn()

    async def clear(self, reason: str = "looked at it") -> None:
        await self.station.handle(Ordered(Clear(machine="laser", reason=reason), "tech"), 0.0)

    async def codes(self) -> list[str]:
        codes = [fact.code for fact in await self.facts() if isinstance(fact, AlarmRaised)]
        return [code for code in codes if code != "journal_late"]  # a busy disk is no matter here

"""Who comes to a simulated floor: when, to which machine, with whose badge."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.simulation.pi import Pi

if TYPE_CHECKING:
    from tests.simulation.world import World

BERLIN = ZoneInfo("Europe/Berlin")
ADA, BEN, STRANGER = b"\x62\xe3\x08\x6c\xed", b"\x01\x02\x03\x04\x05", b"\x09\x09\x09\x09\x09"
BUSY = (
    0.10, 0.05, 0.03, 0.02, 0.02, 0.02, 0.03, 0.05, 0.15, 0.25, 0.35, 0.40,
    0.35, 0.40, 0.45, 0.50, 0.60, 0.80, 1.00, 1.00, 0.95, 0.80, 0.45, 0.20,
)  # fmt: skip
"""By the hour of Berlin's day: how likely somebody comes to a free machine who might come."""


class People:
    """The people at one gateway's machines, from its world's seed."""

    def __init__(self, world: World, pi: Pi) -> None:
        self.world, self.pi = world, pi
        self.loop, self.random, self.plan = world.loop, world.random, world.plan

    async def use(self, machine: str) -> None:
        """Come to a machine and leave it again, for ever."""
        random, pace, pi = self.random, self.plan.pace, self.pi
        stays = "card_must_stay" in self.world.machines[pi.name][machine]
        while True:
            waits_s = random.choice((random.uniform(1.5, 6), random.uniform(5, 60), random.uniform(20, 300)))
            await asyncio.sleep(waits_s * pace)
            reader = pi.readers.get(machine)
            if reader is None or pi.dead or not self._comes(machine):
                continue
            uid = self._somebody(machine)
            pi.taps[machine] = self.loop.now_s, self.world.members.get(uid, "nobody")
            with contextlib.suppress(asyncio.QueueFull):
                await reader.tap(uid)
                lies_s = random.uniform(5, 120) * pace if stays and random.random() < 0.7 else 0.3
                await asyncio.sleep(lies_s)
                if not pi.dead:
                    await reader.remove(uid)

    def _comes(self, machine: str) -> bool:
        """Whether somebody comes just now; who uses the machine stays by their own time."""
        if self.pi.contacts[machine].closed or not self.plan.human:
            return True
        hour = datetime.fromtimestamp(self.pi.true_ms() / 1000, BERLIN).hour
        return self.random.random() < BUSY[hour]

    def _somebody(self, machine: str) -> bytes:
        """Return whose badge comes next: of many people, mostly that of whoever uses the machine."""
        random, uids = self.random, self.world.uids
        if self.plan.people == 2:
            return random.choices((ADA, BEN, STRANGER), (6, 4, 1))[0]
        roll = random.random()
        if roll < 0.05:
            return STRANGER
        contact = self.pi.contacts[machine]
        if roll < 0.7 and contact.closed:
            return self.world.badge_of[contact.uses[-1].member]
        if self.plan.human:
            return uids[int(len(uids) * random.random() ** 2)]
        return random.choice(uids)

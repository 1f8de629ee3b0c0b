"""What goes wrong in a simulated floor: at one gateway's computer, on the network, with the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.pi import DAY_MS, Pi

if TYPE_CHECKING:
    from tests.simulation.world import World


class Troubles:
    """Has one thing after another go wrong for one gateway, from its world's seed."""

    def __init__(self, world: World, pi: Pi) -> None:
        self.world, self.pi = world, pi
        self.loop, self.random = world.loop, world.random

    async def go_on(self) -> None:
        """Go on for ever."""
        kinds = [
            self._power_cut, self._torn_write, self._kill, self._restart, self._gateway_cut_off,
            self._server_cut_off, self._broker_dies, self._server_dies, self._clock_jumps, self._clock_jumps,
            self._slow_disk, self._slow_disk_and_power_cut, self._tidy,
        ]  # fmt: skip
        if self.world.plan.leaps:
            kinds.append(self._server_clock_jumps)
        if self.world.plan.human:
            kinds.append(self._storm)
        while True:
            await asyncio.sleep(self.random.uniform(2, 70) * self.world.plan.pace * self.world.plan.seldom)
            kind = self.random.choice(kinds)
            self.pi.happened[kind.__name__.strip("_").replace("_", " ")] += 1
            await kind()

    async def _dark(self) -> None:
        """Be without power for a while; then boot, with or without a clock that ran on."""
        await asyncio.sleep(self.random.choice((self.random.uniform(3, 30), self.random.uniform(30, 7_200))))
        shown_ms = self.pi.wall_ms(self.pi.died_s)
        self.pi.boot()
        if self.world.server_offset_ms:
            self.pi.lied.add(self.pi.boot_id)
        self._clock_at_boot(shown_ms)
        await asyncio.sleep(self.random.uniform(0.5, 5))
        self.pi.start()

    def _clock_at_boot(self, shown_ms: int) -> None:
        """With a battery it runs on; else it shows what was saved last, or 1970, until a server is found."""
        pi, roll = self.pi, self.random.random()
        if roll < 0.4:
            pi.step_clock(self.random.randint(-900, 900), None)
        elif roll < 0.8:
            pi.step_clock(shown_ms - self.random.randint(0, 3_600_000) - pi.true_ms(), None)
        else:
            pi.step_clock(self.random.randint(0, 60_000) - pi.true_ms(), None)
            pi.happened["boots in 1970"] += 1
        if self.random.random() < 0.85:
            self._learn_time(self.random.uniform(2, 600))

    def _learn_time(self, after_s: float) -> None:
        """Have a time server set the clock after a while, should this boot last so long."""
        boot, pi = self.pi.boot_id, self.pi

        def learn() -> None:
            if pi.boot_id == boot:
                pi.step_clock(self.random.randint(-20, 20), 50)

        self.loop.call_later(after_s, learn)

    async def _power_cut(self) -> None:
        await self.pi.lose_power()
        self.pi.slow_since_s = None
        await self._dark()

    async def _torn_write(self) -> None:
        """Cut the power during the next write of the journal."""
        self.pi.tearing = True
        until_s = self.loop.now_s + 120
        while not self.pi.dead and self.loop.now_s < until_s:
            await asyncio.sleep(0.2)
        if not self.pi.dead:
            self.pi.tearing = False
            return
        await asyncio.sleep(0.1)
        await self._dark()

    async def _kill(self) -> None:
        await self.pi.kill()
        await asyncio.sleep(self.random.uniform(0.05, 3))
        self.pi.stop_post()
        await asyncio.sleep(self.random.uniform(0.5, 3))
        if self.random.random() < 0.5:
            self.pi.slow_since_s = None
        self.pi.start()

    async def _restart(self) -> None:
        await self.pi.stop()
        await asyncio.sleep(self.random.uniform(0.5, 20))
        self.pi.start()

    async def _gateway_cut_off(self) -> None:
        await self._cut_off(self.pi.identifier)

    async def _server_cut_off(self) -> None:
        await self._cut_off("server")

    async def _cut_off(self, identifier: str) -> None:
        """Take the network from somebody for a while; other things go wrong meanwhile."""
        self.world.hub.cut.add(identifier)
        self.world.hub.sever(identifier)
        for_s = self.random.choice((self.random.uniform(1, 20), self.random.uniform(20, 1_500)))
        self.loop.call_later(for_s, self.world.hub.cut.discard, identifier)

    async def _storm(self) -> None:
        self.world.storm(self.random.uniform(60, 1_800))

    async def _broker_dies(self) -> None:
        self.world.hub.restart()

    async def _server_dies(self) -> None:
        if self.world.serves:
            await self.world.stop_server()
            self.loop.call_later(self.random.uniform(0.5, 120), self.world.start_server)

    async def _clock_jumps(self) -> None:
        """Step the wall clock, with a kernel that admits it, or one that says it is right; then back.

        With leaps also to 1970, to just after 2038's end of 32 bits, and by a century.
        """
        jumps = [DAY_MS, -DAY_MS, 3_600_000, -3_600_000, 1_000, -27_000]
        if self.world.plan.leaps:
            to_2038_ms = (1 << 31) * 1000 + 5_000 - self.pi.true_ms()
            jumps += [300_000, -300_000, -self.pi.true_ms(), to_2038_ms, 100 * 365 * DAY_MS]
        jump_ms = self.random.choice(jumps)
        self.pi.step_clock(jump_ms, self.random.choice((None, 50)))
        self._learn_time(self.random.uniform(5, 900))

    async def _server_clock_jumps(self) -> None:
        """Step the server's clock for a while: who believes it meanwhile dates wrongly."""
        world = self.world
        world.set_server_clock(self.random.choice((DAY_MS, -DAY_MS, 300_000, -300_000, 3_600_000)))
        self.loop.call_later(self.random.uniform(5, 900), world.set_server_clock, 0)

    async def _slow_disk(self) -> None:
        self.pi.slow_disk()
        until_s = self.loop.now_s + self.random.uniform(1, 90)
        while self.loop.now_s < until_s and not self.pi.dead:
            await asyncio.sleep(self.random.uniform(0.05, 4))
            if not self.pi.dead:
                self.pi.queue.feed()
        self.pi.mend_disk()

    async def _slow_disk_and_power_cut(self) -> None:
        self.pi.slow_disk()
        for _ in range(self.random.randint(1, 25)):
            await asyncio.sleep(self.random.uniform(0.5, 4))
            if self.random.random() < 0.5:
                self.pi.queue.feed()
        await self.pi.lose_power()
        if self.random.random() < 0.6:
            self.pi.slow_since_s = None
        await self._dark()
        await asyncio.sleep(self.random.uniform(0, 60))
        self.pi.mend_disk()

    async def _tidy(self) -> None:
        if not self.pi.dead:
            self.pi.queue.poke()

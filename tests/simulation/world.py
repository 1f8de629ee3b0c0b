"""One floor, made from a seed: the real gateway, the real server, people who tap, and all that goes wrong.

`live` runs it until so many sessions have been; then everything is mended, what waits arrives, and the truth
and the server's database can be compared (tests.simulation.oracle).
"""

from __future__ import annotations

import asyncio
import contextlib
import random as global_random
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar
from unittest import mock
from zoneinfo import ZoneInfo

from booking_api.badges import service as badges
from booking_api.broker.settings import BrokerSettings
from booking_api.clock import Clock
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import Link
from booking_api.live import LiveFloor
from booking_api.machines import service as machines
from floor.words import BadgeKind
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor
from tests.simulation.pi import DAY_MS, IDENTIFIER, Pi, Use
from tests.simulation.virtual import TimeModule, VirtualLoop
from tests.simulation.wire import STORMY, Hub, Weather

POLICIES: dict[str, dict[str, object]] = {
    "cutter": {"takeover": True, "max_duration_s": 180},
    "mill": {"idle_after_s": 90, "card_must_stay": True, "run_on_s": 20, "max_duration_s": 600},
    "saw": {"max_duration_s": 400},
}
BASES_MS = {"autumn": 1_792_882_800_000, "spring": 1_806_192_000_000}
"""An hour before Berlin's clocks change: 25 October 2026 and 28 March 2027, 00:00 UTC."""
ADA, BEN, STRANGER = b"\x62\xe3\x08\x6c\xed", b"\x01\x02\x03\x04\x05", b"\x09\x09\x09\x09\x09"
ENOUGH = 50
"""Of problems: the rest would be the same."""
SETTLE_S = 6_000.0
HAUNTED_S = 950.0
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to simulate; `faults` False is a calm day."""

    seed: int
    sessions: int = 60
    faults: bool = True


class World:
    """Everything of one seed. Build it within the loop that runs it."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.loop: VirtualLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self.base_ms = BASES_MS[self.random.choice(sorted(BASES_MS))]
        self.hub = Hub(self.random)
        self.floor = self._floor(folder / "server")
        with self.floor.db.read() as session:
            badge_key = enrol.recall(session, self.floor.vault, "gw").badge_key
        self.signer = open_signer(folder / "server")
        public = _raw(self.signer.public_key)
        self.members = {ADA: self.floor.ada, BEN: self.floor.ben}
        self.pi = Pi(folder, self.hub, self.random, self.base_ms, (badge_key, public), list(POLICIES))
        self.problems: list[str] = []
        self._server: asyncio.Task[None] | None = None

    def _floor(self, data: Path) -> Floor:
        data.mkdir(parents=True)
        made = make_floor(url_in(data), data)
        made.db.close()
        floor = Floor(Database(made.db.url, data, ZoneInfo("Europe/Berlin")), made.vault, made.ada, made.ben)
        with floor.db.write() as session:
            for id, policy in POLICIES.items():
                details = machines.MachineDetails(
                    id=id, name=id, gateway="gw", tariff="laser", requires_certification=False, policy=policy
                )
                machines.add(session, details, NOW_MS)
            for member, uid in ((floor.ada, ADA), (floor.ben, BEN)):
                badges.enrol(session, floor.vault, member, uid, BadgeKind.UID_125KHZ, "", NOW_MS)
        return floor

    # The server

    def start_server(self) -> None:
        link = Link(
            BrokerSettings("127.0.0.1", 1883, "server", "s", None),
            self.floor.db,
            Clock(),
            self.signer,
            Office(self.floor.vault, "EUR"),
            LiveFloor(),
        )
        self._server = asyncio.create_task(link.run())

    async def stop_server(self) -> None:
        """End it in the midst of what it does; what was committed stands."""
        assert self._server
        self.hub.sever("server")
        self._server.cancel()
        await asyncio.gather(self._server, return_exceptions=True)

    # What happens

    @property
    def uses(self) -> list[Use]:
        """The truth: every time for which a machine had power."""
        return [use for contact in self.pi.contacts.values() for use in contact.uses]

    async def live(self) -> None:
        """Run until there were as many sessions as planned, then until all is known to the server."""
        self.start_server()
        self.pi.start()
        await asyncio.sleep(5)
        people = [asyncio.create_task(self._people(machine)) for machine in POLICIES]
        watching = asyncio.create_task(self._watch())
        troubles = [asyncio.create_task(self._trouble())] if self.plan.faults else []
        self.hub.weather = STORMY if self.plan.faults else Weather()
        while len(self.uses) < self.plan.sessions and len(self.problems) < ENOUGH:
            if failed := [task for task in (*people, *troubles, watching) if task.done()]:
                await failed[0]
            await asyncio.sleep(10)
        for task in (*people, *troubles):
            task.cancel()
        await asyncio.gather(*people, *troubles, return_exceptions=True)
        await self._mend()
        await self._settle()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await self.pi.stop()
        await self.stop_server()

    async def _mend(self) -> None:
        self.hub.weather, self.hub.cut = Weather(), set()
        if self.plan.faults:
            await asyncio.sleep(150)  # a server that is down comes up
        self.pi.tearing = False
        self.pi.mend_disk()
        self.pi.step_clock(0, 50)
        if self.pi.dead:
            await asyncio.sleep(2)
            self.pi.stop_post()
            self.pi.start()

    async def _settle(self) -> None:
        """Wait until nobody uses anything, the server has all, and no old message comes again."""
        quiet_s = self.loop.now_s + (HAUNTED_S if self.plan.faults else 30)
        until_s = quiet_s + SETTLE_S
        while self.loop.now_s < until_s:
            await asyncio.sleep(20)
            gateway = self.pi.gateway
            assert gateway
            busy = any(contact.closed for contact in self.pi.contacts.values())
            if not (busy or gateway.journal.lag) and self.loop.now_s > quiet_s:
                return
        self.problems.append("the gateway's journal did not reach the server after all was mended")

    async def _people(self, machine: str) -> None:
        random = self.random
        while True:
            await asyncio.sleep(
                random.choice((random.uniform(1.5, 6), random.uniform(5, 60), random.uniform(20, 300)))
            )
            reader = self.pi.readers.get(machine)
            if reader is None or self.pi.dead:
                continue
            uid = random.choices((ADA, BEN, STRANGER), (6, 4, 1))[0]
            self.pi.taps[machine] = self.loop.now_s, self.members.get(uid, "nobody")
            with contextlib.suppress(asyncio.QueueFull):
                await reader.tap(uid)
                lies_s = random.uniform(5, 120) if machine == "mill" and random.random() < 0.7 else 0.3
                await asyncio.sleep(lies_s)
                if not self.pi.dead:
                    await reader.remove(uid)

    async def _watch(self) -> None:
        """Look at every machine twice a second: power without a session, and power that nobody takes."""
        while True:
            await asyncio.sleep(0.5)
            for machine, contact in self.pi.contacts.items():
                if not contact.closed:
                    continue
                if self.pi.dead:
                    if self.loop.now_s - self.pi.died_s > 6:
                        self.problems.append(f"{machine} kept its power although its gateway is dead")
                elif self.pi.gateway and self.pi.gateway.stations[machine].session_id is None:
                    self.problems.append(f"{machine} has power without a session at {self.loop.now_s:.1f} s")

    async def _trouble(self) -> None:
        kinds = [
            self._power_cut, self._torn_write, self._kill, self._restart, self._gateway_cut_off,
            self._server_cut_off, self._broker_dies, self._server_dies, self._clock_jumps, self._clock_jumps,
            self._slow_disk, self._slow_disk_and_power_cut, self._tidy,
        ]  # fmt: skip
        while True:
            await asyncio.sleep(self.random.uniform(2, 70))
            kind = self.random.choice(kinds)
            self.pi.happened[kind.__name__.strip("_").replace("_", " ")] += 1
            await kind()

    async def _dark(self) -> None:
        """Be without power for a while; then boot, with or without a clock that ran on."""
        await asyncio.sleep(self.random.choice((self.random.uniform(3, 30), self.random.uniform(30, 7_200))))
        shown_ms = self.pi.wall_ms(self.pi.died_s)
        self.pi.boot()
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
        await self._cut_off(IDENTIFIER)

    async def _server_cut_off(self) -> None:
        await self._cut_off("server")

    async def _cut_off(self, identifier: str) -> None:
        """Take the network from somebody for a while; other things go wrong meanwhile."""
        self.hub.cut.add(identifier)
        self.hub.sever(identifier)
        for_s = self.random.choice((self.random.uniform(1, 20), self.random.uniform(20, 1_500)))
        self.loop.call_later(for_s, self.hub.cut.discard, identifier)

    async def _broker_dies(self) -> None:
        self.hub.restart()

    async def _server_dies(self) -> None:
        assert self._server
        if not self._server.done():
            await self.stop_server()
            self.loop.call_later(self.random.uniform(0.5, 120), self.start_server)

    async def _clock_jumps(self) -> None:
        """Step the wall clock, with a kernel that admits it, or one that says it is right; then back."""
        jump_ms = self.random.choice((DAY_MS, -DAY_MS, 3_600_000, -3_600_000, 1_000, -27_000))
        self.pi.step_clock(jump_ms, self.random.choice((None, 50)))
        self._learn_time(self.random.uniform(5, 900))

    async def _slow_disk(self) -> None:
        self.pi.slow_disk()
        until_s = self.loop.now_s + self.random.uniform(1, 90)
        while self.loop.now_s < until_s and not self.pi.dead:
            await asyncio.sleep(self.random.uniform(0.05, 4))
            if self.pi.queues.made and not self.pi.dead:
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

    @property
    def happened(self) -> Counter[str]:
        return self.pi.happened + self.hub.happened


def _raw(public: str) -> bytes:
    return b64decode(public)


@contextlib.asynccontextmanager
async def lived(plan: Plan, folder: Path) -> AsyncIterator[World]:
    """Give a world that has lived; must run in a VirtualLoop."""
    global_random.seed(plan.seed)
    with ExitStack() as stack:
        world = World(plan, folder)
        stack.callback(world.floor.db.close)
        loop, pi = world.loop, world.pi
        its_time = TimeModule(loop, pi.wall_ms, pi.monotonic_ms)
        true_time = TimeModule(loop, pi.true_ms, pi.true_ms)
        for target, value in {
            "gateway.clock.time": its_time,
            "gateway.clock._kernel_error_ms": lambda: pi.kernel_error_ms,
            "gateway.journal.time": its_time,
            "gateway.journal.queue": pi.queues,
            "booking_api.clock.time": true_time,
            "aiomqtt.Client": world.hub.client,
            "booking_api.link.OUTBOX_EVERY_S": 20.0,
            "booking_api.link.BOOKS_EVERY_S": 3_600.0,
        }.items():
            stack.enter_context(mock.patch(target, value))
        await world.live()
        yield world


def run(plan: Plan, folder: Path, judge: Callable[[World], T]) -> T:
    """Live a seed and return what `judge` says of its world."""
    loop = VirtualLoop(Random(plan.seed))

    async def all_of_it() -> T:
        async with lived(plan, folder) as world:
            return judge(world)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(all_of_it())

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

from sqlalchemy import func
from sqlmodel import Session, select

from booking_api.accounts.models import Account
from booking_api.badges.models import Badge
from booking_api.broker.settings import BrokerSettings
from booking_api.clock import Clock
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.gateways.changes import Subject, changed
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import Link
from booking_api.live import LiveFloor
from booking_api.machines import service as machines
from booking_api.members.models import Member
from booking_api.metering.models import JournalRecord
from floor.words import BadgeKind
from gateway.app import TICK_S
from gateway.link import SHOW_EVERY_S
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor
from tests.simulation.people import ADA, BEN, BERLIN, People
from tests.simulation.pi import CHECKPOINT_S, QUEUES, Pi, PiClock, Use
from tests.simulation.troubles import Troubles
from tests.simulation.virtual import TimeModule, VirtualLoop
from tests.simulation.wire import STORMY, Hub, Weather

POLICIES: dict[str, dict[str, object]] = {
    "cutter": {"takeover": True, "max_duration_s": 180},
    "mill": {"idle_after_s": 90, "card_must_stay": True, "run_on_s": 20, "max_duration_s": 600},
    "saw": {"max_duration_s": 400},
}
BASES_MS = {"autumn": 1_792_882_800_000, "spring": 1_806_192_000_000}
"""An hour before Berlin's clocks change: 25 October 2026 and 28 March 2027, 00:00 UTC."""
ENOUGH = 50
"""Of problems: the rest would be the same."""
SETTLE_S = 6_000.0
TIDY_EVERY_S = 600
HAUNTED_S = 950.0
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to simulate; `faults` False is a calm day.

    It lasts until there were so many `sessions`, or so many `hours` where they are given. `pace` is how many
    times as long as usual people wait and machines may be used. Of the `people` every second, or every one of
    `limited_each`, may owe `limit_micro`, where it is given; `twins` are computers with a copy of a gateway's
    card. With `leaps` clocks go far off too, and the server's own. `seldom` is how many times as seldom as
    usual something goes wrong. On a `human` day few come by night and most in the evening, regulars more
    often than others, and the network is in order but for storms. `coarse` is how many times as seldom as
    usual stations tick, boards are told, checkpoints are made and the server looks whether rosters changed.
    """

    seed: int
    sessions: int = 60
    faults: bool = True
    gateways: int = 1
    stations: int = 3
    people: int = 2
    hours: float = 0.0
    pace: int = 1
    limit_micro: int | None = None
    twins: int = 0
    leaps: bool = False
    seldom: int = 1
    human: bool = False
    coarse: int = 1
    limited_each: int = 2

    @property
    def longest_s(self) -> int:
        """For how long a machine can be used at most."""
        return self.pace * max(int(str(policy["max_duration_s"])) for policy in POLICIES.values())

    def policies(self, gateway: int) -> dict[str, dict[str, object]]:
        """Return the machines of one gateway, from 0 on, with their policies."""
        kinds, found = sorted(POLICIES), {}
        for n in range(self.stations):
            kind = kinds[n % len(kinds)]
            name = kind if gateway == 0 and n < len(kinds) else f"{kind}-{gateway}-{n}"
            policy = POLICIES[kind].items()
            found[name] = {key: value * self.pace if type(value) is int else value for key, value in policy}
            if self.limit_micro is not None:
                found[name]["on_credit_spent"] = "stop_at_once"
        return found


class World:
    """Everything of one seed. Build it within the loop that runs it."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.random = Random(plan.seed)
        self.loop: VirtualLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self.base_ms = BASES_MS[self.random.choice(sorted(BASES_MS))]
        self.server_offset_ms = 0
        self.hub = Hub(self.random)
        self.names = ["gw", *(f"gw-{n}" for n in range(1, plan.gateways))]
        self.machines = {name: plan.policies(n) for n, name in enumerate(self.names)}
        self.limits: dict[str, int] = {}
        self.members: dict[bytes, str] = {}
        self.storms = 0
        self.floor = self._floor(folder / "server")
        self.uids = list(self.members)
        self.badge_of = {member: uid for uid, member in self.members.items()}
        self.signer = open_signer(folder / "server")
        self.pis = [self._pi(name, name) for name in self.names]
        self.problems: list[str] = []
        self._server: asyncio.Task[None] | None = None

    def _pi(self, name: str, label: str) -> Pi:
        with self.floor.db.read() as session:
            badge_key = enrol.recall(session, self.floor.vault, name).badge_key
        keys, machines = (badge_key, b64decode(self.signer.public_key)), list(self.machines[name])
        every_s = self.plan.coarse * CHECKPOINT_S
        return Pi(self.folder, self.hub, self.random, self.base_ms, keys, machines, name, label, every_s)

    def _floor(self, data: Path) -> Floor:
        data.mkdir(parents=True)
        made = make_floor(url_in(data), data)
        made.db.close()
        floor = Floor(Database(made.db.url, data, BERLIN), made.vault, made.ada, made.ben)
        with floor.db.write() as session:
            for name, policies in self.machines.items():
                if name != "gw":
                    enrol.enrol(session, floor.vault, name, NOW_MS)
                for id, policy in policies.items():
                    details = machines.MachineDetails(
                        id=id,
                        name=id,
                        gateway=name,
                        tariff="laser",
                        requires_certification=False,
                        policy=policy,
                    )
                    machines.add(session, details, NOW_MS)
            self.members = {ADA: floor.ada, BEN: floor.ben}
            for n in range(2, self.plan.people):
                self.members[b"\x0a" + n.to_bytes(4, "big")] = f"member-{n}"
            if self.plan.limit_micro is not None:
                limited = list(self.members.values())[1 :: self.plan.limited_each]
                self.limits = dict.fromkeys(limited, self.plan.limit_micro)
            self._admit(session, floor)
        return floor

    def _admit(self, session: Session, floor: Floor) -> None:
        """Write the members as rows, all at once: to admit thousands one by one takes minutes."""
        for n, id in enumerate(self.members.values()):
            if id not in (floor.ada, floor.ben):
                names = {"first_name": f"Member {n}", "last_name": "", "shown_name": f"Member {n}"}
                session.add(Account(id=id, name=id, created_ms=NOW_MS))
                session.add(Member(id=id, number=f"{100 + n}", account=id, created_ms=NOW_MS, **names))
        session.flush()
        for id, limit_micro in self.limits.items():
            session.get_one(Account, id).credit_limit_micro = limit_micro
        seal, look_up, kind = floor.vault.seal, floor.vault.lookup, BadgeKind.UID_125KHZ
        for n, (uid, id) in enumerate(self.members.items()):
            sealed = {"uid_sealed": seal(uid), "uid_lookup": look_up(uid)}
            session.add(Badge(id=f"badge-{n}", member=id, kind=kind, enrolled_ms=NOW_MS, **sealed))
        changed(session, Subject.FLOOR, "members", NOW_MS)

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

    @property
    def serves(self) -> bool:
        """Whether the server runs."""
        return self._server is not None

    async def stop_server(self) -> None:
        """End it in the midst of what it does; what was committed stands."""
        assert self._server
        ending, self._server = self._server, None
        self.hub.sever("server")
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)

    def set_server_clock(self, offset_ms: int) -> None:
        """Set the server's clock to true time plus an offset: who hears it is told a wrong time."""
        self.server_offset_ms = offset_ms
        for pi in self.pis:
            pi.lied.add(pi.boot_id)

    def storm(self, for_s: float) -> None:
        """Let the network lose, repeat and delay messages for a while."""
        self.storms += 1
        self.hub.weather = STORMY

        def pass_by() -> None:
            self.storms -= 1
            if not self.storms:
                self.hub.weather = Weather()

        self.loop.call_later(for_s, pass_by)

    def server_ms(self) -> int:
        """Return what the server's clock shows."""
        return self.pis[0].true_ms() + self.server_offset_ms

    # What happens

    @property
    def uses(self) -> list[Use]:
        """The truth: every time for which a machine had power."""
        return [use for pi in self.pis for contact in pi.contacts.values() for use in contact.uses]

    def entries(self) -> int:
        """Return how many journal entries the server has."""
        with self.floor.db.read() as session:
            return session.exec(select(func.count()).select_from(JournalRecord)).one()

    def pi_of(self, boot_id: str) -> Pi:
        """Return whose boot this was."""
        return next(pi for pi in self.pis if boot_id in pi.began)

    def when_s(self, boot_id: str, monotonic_ms: int) -> float:
        """Return the virtual time of an instant of one boot."""
        return self.pi_of(boot_id).when_s(boot_id, monotonic_ms)

    async def live(self) -> None:
        """Run until there were as many sessions as planned, then until all is known to the server."""
        self.start_server()
        for pi in self.pis:
            pi.start()
        await asyncio.sleep(5)
        acting = [task for pi in self.pis for task in self._visited(pi)]
        if self.plan.hours:
            acting.append(asyncio.create_task(self._tidy()))
        watching = asyncio.create_task(self._watch())
        if self.plan.faults:
            acting += [asyncio.create_task(Troubles(self, pi).go_on()) for pi in self.pis]
        self.hub.weather = STORMY if self.plan.faults and not self.plan.human else Weather()
        for n in range(self.plan.twins):
            await asyncio.sleep(120 * self.plan.pace)
            twin = await self._clone(self.pis[n])
            acting += self._visited(twin)
        until_s = 1_000 + 3_600 * self.plan.hours
        while len(self.problems) < ENOUGH and (
            self.loop.now_s < until_s if self.plan.hours else len(self.uses) < self.plan.sessions
        ):
            if failed := [task for task in (*acting, watching) if task.done()]:
                await failed[0]
            await asyncio.sleep(10)
        for task in acting:
            task.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
        await self._mend()
        await self._settle()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        for pi in self.pis:
            await pi.stop()
        await self.stop_server()

    async def _clone(self, pi: Pi) -> Pi:
        """Have a second computer run what is on a gateway's card, with machines of its own."""
        while pi.dead:
            await asyncio.sleep(5)
        twin = self._pi(pi.name, f"{pi.label}-twin")
        pi.copy_disk().rename(twin.data)
        twin.start()
        self.pis.append(twin)
        return twin

    async def _mend(self) -> None:
        self.hub.weather, self.hub.cut = Weather(), set()
        if self.plan.faults:
            await asyncio.sleep(150)  # a server that is down comes up
        self.server_offset_ms = 0
        for pi in self.pis:
            pi.tearing = False
            pi.mend_disk()
            pi.step_clock(0, 50)
            if pi.dead:
                await asyncio.sleep(2)
                pi.stop_post()
                pi.start()

    async def _settle(self) -> None:
        """Wait until nobody uses anything, the server has all, and no old message comes again."""
        quiet_s = self.loop.now_s + (HAUNTED_S if self.plan.faults else 30)
        until_s = quiet_s + max(SETTLE_S, self.plan.longest_s + 1_000)
        while self.loop.now_s < until_s:
            await asyncio.sleep(20)
            behind = [pi.label for pi in self.pis if pi.gateway is None or pi.gateway.journal.lag]
            busy = any(contact.closed for pi in self.pis for contact in pi.contacts.values())
            if not (busy or behind) and self.loop.now_s > quiet_s:
                return
        self.problems.append(f"the journal of {behind} did not reach the server after all was mended")

    def _visited(self, pi: Pi) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(People(self, pi).use(machine)) for machine in pi.contacts]

    async def _tidy(self) -> None:
        """Let the journals find, as each does in a quiet minute, that their write-ahead log has grown."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            for pi in self.pis:
                if not pi.dead and pi.slow_since_s is None:
                    pi.queue.poke()

    async def _watch(self) -> None:
        """Look at every machine twice a second: power without a session, and power that nobody takes."""
        while True:
            await asyncio.sleep(0.5)
            for pi in self.pis:
                for machine, contact in pi.contacts.items():
                    if not contact.closed:
                        continue
                    if pi.dead:
                        if self.loop.now_s - pi.died_s > 6:
                            self.problems.append(f"{machine} kept its power although its gateway is dead")
                    elif pi.gateway and pi.gateway.stations[machine].session_id is None:
                        self.problems.append(
                            f"{machine} has power without a session at {self.loop.now_s:.1f} s"
                        )

    @property
    def happened(self) -> Counter[str]:
        return sum((pi.happened for pi in self.pis), self.hub.happened)


@contextlib.asynccontextmanager
async def lived(plan: Plan, folder: Path) -> AsyncIterator[World]:
    """Give a world that has lived; must run in a VirtualLoop."""
    global_random.seed(plan.seed)
    with ExitStack() as stack:
        world = World(plan, folder)
        stack.callback(world.floor.db.close)
        its_time = TimeModule(world.loop, lambda: PiClock.read.wall_ms(), lambda: PiClock.read.monotonic_ms())
        its_server = TimeModule(world.loop, world.server_ms, world.server_ms)
        for target, value in {
            "gateway.clock.time": its_time,
            "gateway.clock._kernel_error_ms": lambda: PiClock.read.kernel_error_ms,
            "gateway.journal.time": its_time,
            "gateway.journal.queue": QUEUES,
            "booking_api.clock.time": its_server,
            "aiomqtt.Client": world.hub.client,
            "booking_api.link.OUTBOX_EVERY_S": plan.coarse * 20.0,
            "gateway.app.TICK_S": plan.coarse * TICK_S,
            "gateway.link.SHOW_EVERY_S": plan.coarse * SHOW_EVERY_S,
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

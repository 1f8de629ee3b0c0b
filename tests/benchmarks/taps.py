"""Taps at one gateway: against the floor, at twenty stations, without a broker, with a disk that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from floor.access import BadgeStanding, MemberStanding
from floor.ids import badge_reference
from floor.policy import MachinePolicy
from floor.wire.messages import Reply
from floor.wire.roster import RosterMachine
from floor.words import BadgeKind
from gateway.config import BrokerConfig
from gateway.journal_store import JournalStore
from gateway.link import Link, shown
from gateway.station import Station
from gateway.wiring import Devices
from hardware.events import BadgeTapped
from hardware.simulated import SimulatedPanel, SimulatedReader, SimulatedRelay
from tests.benchmarks.result import Figure, ms, quantile
from tests.kit.gateway import ADA, BADGE_KEY, NOW_MS, TARIFF, Bench, make_roster

TAP = BadgeTapped(ADA, BadgeKind.UID_125KHZ)
ROUNDS = 1_000
WARM_UP = 100
STATIONS = 20


class TimedRelay(SimulatedRelay):
    """Knows when it was told to close."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.closed_at = 0.0
        self.told = asyncio.Event()

    def on(self) -> None:
        super().on()
        self.closed_at = time.perf_counter()
        self.told.set()

    def off(self) -> None:
        super().off()
        self.told.set()


class Floor:
    """The least that any durable decision costs: a look-up in a dict and one row, durably appended."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        self._known = {badge_reference(BADGE_KEY, ADA): "ada"}
        self._body = "x" * 600

    def tap(self) -> float:
        began = time.perf_counter()
        assert self._known[badge_reference(BADGE_KEY, ADA)]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO entries (body) VALUES (?)", (self._body,))
        self._db.execute("COMMIT")
        return time.perf_counter() - began


def stations(bench: Bench, count: int) -> list[tuple[Station, TimedRelay]]:
    """Make stations that share the bench's journal and roster."""
    names = [f"m{n}" for n in range(count)]
    bench.roster.take(
        bench.server.sign(
            "roster",
            make_roster(
                n=2,
                members={"ada": MemberStanding("ada", "Ada", "t", "ada", allowed=dict.fromkeys(names, 0))},
                badges={badge_reference(BADGE_KEY, ADA): BadgeStanding("ada", BadgeKind.UID_125KHZ)},
                machines=[
                    RosterMachine(id=name, name=name, policy=MachinePolicy(), tariffs=[TARIFF])
                    for name in names
                ],
            ),
        )
    )
    made = []
    for name in names:
        relay = TimedRelay(name)
        devices = Devices(SimulatedReader(name), relay, SimulatedPanel(name), None, None)
        made.append((Station(name, devices, bench.services()), relay))
    return made


@contextlib.asynccontextmanager
async def running(made: list[tuple[Station, TimedRelay]]):
    tasks = [asyncio.create_task(station.run()) for station, _ in made]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def tap(station: Station, relay: TimedRelay) -> float:
    """Tap in, return the seconds until the relay was told to close; tap out again."""
    began = time.perf_counter()
    relay.told.clear()
    await station.put(TAP)
    await relay.told.wait()
    took = relay.closed_at - began
    relay.told.clear()
    await station.put(TAP)
    await relay.told.wait()
    return took


async def against_the_floor(folder: Path) -> list[Figure]:
    """Interleave our taps with the floor's, so that a noisy machine is noisy for both."""
    bench, floor = Bench(folder), Floor(folder / "floor.db")
    made = stations(bench, 1)
    ours: list[float] = []
    least: list[float] = []
    async with running(made):
        for _ in range(ROUNDS + WARM_UP):
            least.append(floor.tap())
            ours.append(await tap(*made[0]))
    bench.journal.close()
    ours, least = ours[WARM_UP:], least[WARM_UP:]
    figures = []
    for part, name, most in ((0.5, "median", 1.5), (0.99, "p99", 3.0)):
        value, base = ms(ours, part), ms(least, part)
        goal = f"≤ {most:g} × the floor"
        figures.append(Figure(f"tap → relay, durable, {name}", value, "ms", base, goal, value <= most * base))
    return figures


async def twenty_stations(folder: Path, name: str = "") -> list[Figure]:
    """Tap at twenty stations at once for two seconds; each tap is a start or an end, all recorded durably."""
    bench = Bench(folder)
    made = stations(bench, STATIONS)
    samples: list[float] = []
    until = time.perf_counter() + 2

    async def member(station: Station, relay: TimedRelay) -> None:
        while time.perf_counter() < until:
            samples.append(await tap(station, relay))

    async with running(made):
        began = time.perf_counter()
        await asyncio.gather(*(member(*one) for one in made))
        took = time.perf_counter() - began
    bench.journal.close()
    rate = round(2 * len(samples) / took)
    return [
        Figure(
            f"taps a second, {STATIONS} stations at once{name}", rate, "/s", None, "≥ 2,000", rate >= 2000
        ),
        Figure(f"the same: tap → relay, p99{name}", ms(samples, 0.99), "ms"),
    ]


async def broker_stopped(folder: Path) -> list[Figure]:
    """Tap while the link tries in vain to reach a broker."""
    bench = Bench(folder)
    made = stations(bench, 2)
    link = Link(
        "gw",
        BrokerConfig("127.0.0.1", 9),
        bench.journal,
        bench.roster,
        bench.metrics,
        software="bench",
        boot_id="b",
        show=lambda: shown("gw", NOW_MS, bench.roster, bench.journal, []),
        carry=lambda command: Reply(id=command.id, gateway="gw", done=True),
        roster_changed=lambda: None,
        alarm=lambda code, words: None,
    )
    task = asyncio.create_task(link.run())
    async with running(made):
        samples = [await tap(*made[n % 2]) for n in range(500)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    bench.journal.close()
    worst = ms(samples, 1)
    return [
        Figure("tap → relay with the broker down, slowest of 500", worst, "ms", None, "< 50 ms", worst < 50)
    ]


@contextlib.contextmanager
def slow_disk(seconds: float, *, hangs: bool) -> Iterator[None]:
    """Every durable write takes so much longer, as with a dying card; or the disk hangs once, for so long."""
    real, until = JournalStore.write, time.monotonic() + seconds

    def write(store: JournalStore, entries: object) -> None:
        time.sleep(max(0, until - time.monotonic()) if hangs else seconds)
        real(store, entries)  # type: ignore[arg-type]

    JournalStore.write = write  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        JournalStore.write = real  # type: ignore[method-assign]


async def hung_disk(folder: Path, seconds: float) -> list[Figure]:
    """Tap at two machines while each write of the journal takes `seconds`."""
    bench = Bench(folder)
    made = stations(bench, 2)
    with slow_disk(seconds, hangs=seconds >= 5):
        async with running(made):
            first = await tap(*made[0])
            rest = [await tap(*made[n % 2]) for n in range(200)]
        name = f"each fsync takes {seconds * 1000:g} ms" if seconds < 5 else "a 30 s disk hang"
        figures = [
            Figure(f"{name}: first tap → relay", round(first * 1000, 3), "ms", None, "< 50 ms", first < 0.05),
            Figure(
                f"{name}: slowest of the next 200, at two machines",
                round(quantile(rest, 1) * 1000, 3),
                "ms",
                None,
                "< 50 ms",
                quantile(rest, 1) < 0.05,
            ),
        ]
        if seconds < 5:
            bench.journal.close()
        else:
            await asyncio.sleep(seconds + 1)
            lost = bench.journal.next_seq - 1 - bench.journal.durable
            figures.append(
                Figure(f"{name}: entries not on disk a second after it", lost, "", None, "0", lost == 0)
            )
            bench.journal.close()
    return figures

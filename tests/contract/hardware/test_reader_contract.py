"""What every badge reader must do, whatever it is. A new reader joins with a bench of its own."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Protocol

import pytest

from floor.words import BadgeKind
from hardware.events import (
    BadgeRemoved,
    BadgeTapped,
    ReaderEvent,
    ReaderFound,
    ReaderLost,
    ReaderNoise,
)
from hardware.ports import Reader
from hardware.registry import build_reader
from hardware.simulated import SimulatedReader

DEADLINE_S = 20
ONE, TWO = bytes.fromhex("62E3086CED"), bytes.fromhex("0100AB12CD")


class Bench(Protocol):
    """A reader, and hands that lay badges on it and pull its plug."""

    reader: Reader

    async def lay(self, uid: bytes, times: int = 1) -> None: ...
    async def take(self, uid: bytes) -> None: ...
    async def disturb(self) -> None: ...
    async def unplug(self) -> None: ...
    async def plug(self) -> None: ...


class SimulatedBench:
    def __init__(self, _: Path) -> None:
        self.reader = SimulatedReader("bench")

    async def lay(self, uid: bytes, times: int = 1) -> None:
        for _ in range(times):
            await self.reader.tap(uid)

    async def take(self, uid: bytes) -> None:
        await self.reader.remove(uid)

    async def disturb(self) -> None:
        await self.reader.noise("a bad contact")

    async def unplug(self) -> None:
        await self.reader.lose("unplugged")

    async def plug(self) -> None:
        await self.reader.find()


class Rdm6300Bench:
    """A pseudo-terminal in the place of the serial device; its link moves when it is plugged in again."""

    def __init__(self, folder: Path) -> None:
        self._port = folder / "reader"
        self._ends: tuple[int, int] = (-1, -1)
        self._connect()
        self.reader = build_reader("rdm6300", {"port": str(self._port), "removal_ms": 1000}, "bench")

    async def lay(self, uid: bytes, times: int = 1) -> None:
        checksum = reduce(xor, uid)
        os.write(self._ends[0], (b"\x02" + uid.hex().upper().encode() + b"%02X\x03" % checksum) * times)

    async def take(self, _: bytes) -> None:
        """The reader falls silent by itself."""

    async def disturb(self) -> None:
        os.write(self._ends[0], b"\xff\x00")

    async def unplug(self) -> None:
        self._port.unlink()
        for end in self._ends:
            os.close(end)

    async def plug(self) -> None:
        self._connect()

    def _connect(self) -> None:
        self._ends = pty.openpty()
        tty.setraw(self._ends[1])
        self._port.symlink_to(os.ttyname(self._ends[1]))


@pytest.fixture(params=[Rdm6300Bench, SimulatedBench], ids=["rdm6300", "simulated"])
def make_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Bench]:
    return lambda: request.param(tmp_path)


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[AsyncIterator[ReaderEvent]]:
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        try:
            yield events
        finally:
            await bench.reader.aclose()


async def test_a_badge_that_stays_is_tapped_once_and_removed_once(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.lay(ONE, times=5)
        assert await anext(events) == BadgeTapped(ONE, BadgeKind.UID_125KHZ)
        await bench.take(ONE)
        assert await anext(events) == BadgeRemoved(ONE)
        await bench.lay(ONE)
        assert await anext(events) == BadgeTapped(ONE, BadgeKind.UID_125KHZ)


async def test_another_badge_replaces_the_first(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.lay(ONE)
        await bench.lay(TWO)
        assert [await anext(events) for _ in range(3)] == [
            BadgeTapped(ONE, BadgeKind.UID_125KHZ),
            BadgeRemoved(ONE),
            BadgeTapped(TWO, BadgeKind.UID_125KHZ),
        ]


async def test_noise_is_told_and_stops_nothing(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.disturb()
        assert isinstance(await anext(events), ReaderNoise)
        await bench.lay(ONE)
        assert await anext(events) == BadgeTapped(ONE, BadgeKind.UID_125KHZ)


async def test_an_unplugged_reader_is_told_once_and_found_again(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        for _ in range(2):
            await bench.unplug()
            lost = await anext(events)
            assert isinstance(lost, ReaderLost)
            assert lost.reason
            await bench.plug()
            assert await anext(events) == ReaderFound()
        await bench.lay(ONE)
        assert await anext(events) == BadgeTapped(ONE, BadgeKind.UID_125KHZ)


async def test_a_badge_that_lies_there_through_a_loss_is_not_tapped_again(
    make_bench: Callable[[], Bench],
) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.lay(ONE)
        assert await anext(events) == BadgeTapped(ONE, BadgeKind.UID_125KHZ)
        await bench.unplug()
        assert isinstance(await anext(events), ReaderLost)
        await bench.plug()
        assert await anext(events) == ReaderFound()
        await bench.lay(ONE)
        await bench.take(ONE)
        assert await anext(events) == BadgeRemoved(ONE)


@pytest.mark.parametrize("lost", [False, True])
async def test_close_ends_the_events_of_one_who_waits(make_bench: Callable[[], Bench], lost: bool) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        if lost:
            await bench.unplug()
            assert isinstance(await anext(events), ReaderLost)
        async with asyncio.TaskGroup() as group:
            rest = group.create_task(_all(events))
            await asyncio.sleep(0.05)
            await bench.reader.aclose()
            await bench.reader.aclose()
        assert rest.result() == []


async def _all(events: AsyncIterator[ReaderEvent]) -> list[ReaderEvent]:
    return [event async for event in events]


async def test_a_port_that_is_missing_at_the_start_is_lost_not_an_error(tmp_path: Path) -> None:
    port = str(tmp_path / "absent")
    reader = build_reader("rdm6300", {"port": port}, "bench")
    async with asyncio.timeout(DEADLINE_S):
        first = await anext(reader.events())
    await reader.aclose()
    assert isinstance(first, ReaderLost)
    assert port in first.reason


async def test_a_slow_listener_does_not_make_a_present_badge_removed(tmp_path: Path) -> None:
    bench = Rdm6300Bench(tmp_path)
    async with listening(bench) as events:
        await bench.lay(ONE)
        assert await anext(events) == BadgeTapped(ONE, BadgeKind.UID_125KHZ)
        await asyncio.sleep(1.2)  # longer than removal_ms; meanwhile the reader went on
        await bench.lay(ONE, times=3)
        await bench.disturb()
        assert isinstance(await anext(events), ReaderNoise)

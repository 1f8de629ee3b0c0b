"""What every badge reader must do, whatever it is. A new reader joins with a bench of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hardware.events import (
    BadgeRemoved,
    BadgeTapped,
    ReaderEvent,
    ReaderFound,
    ReaderLost,
    ReaderNoise,
)
from hardware.registry import build_reader
from tests.kit.bus_benches import BUS_BENCHES
from tests.kit.reader_benches import BENCHES, Bench

DEADLINE_S = 20


ALL = BENCHES | BUS_BENCHES


@pytest.fixture(params=ALL)
def make_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    benches: list[Bench] = []

    def make() -> Bench:
        benches.append(ALL[request.param](tmp_path))
        return benches[-1]

    yield make
    for bench in benches:
        bench.stop()


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
        await bench.lay(bench.one, times=5)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await bench.take(bench.one)
        assert await anext(events) == BadgeRemoved(bench.one)
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)


async def test_another_badge_replaces_the_first(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.lay(bench.one)
        await bench.lay(bench.two)
        assert [await anext(events) for _ in range(3)] == [
            BadgeTapped(bench.one, bench.kind),
            BadgeRemoved(bench.one),
            BadgeTapped(bench.two, bench.kind),
        ]


async def test_noise_is_told_and_stops_nothing(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.disturb()
        assert isinstance(await anext(events), ReaderNoise)
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)


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
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)


async def test_a_badge_that_lies_there_through_a_loss_is_not_tapped_again(
    make_bench: Callable[[], Bench],
) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await bench.unplug()
        assert isinstance(await anext(events), ReaderLost)
        await bench.plug()
        assert await anext(events) == ReaderFound()
        await bench.lay(bench.one)
        await bench.take(bench.one)
        assert await anext(events) == BadgeRemoved(bench.one)


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


@pytest.mark.parametrize("kind", ["rdm6300", "pn532", "wiegand", "keyboard", "osdp"])
async def test_a_port_that_is_missing_at_the_start_is_lost_not_an_error(kind: str, tmp_path: Path) -> None:
    port = str(tmp_path / "absent")
    more = {"keyboard": {"number": "hex", "badge": "uid_13mhz"}, "osdp": {"key": "5A" * 16}}
    reader = build_reader(kind, {"port": port, **more.get(kind, {})}, "bench")
    async with asyncio.timeout(DEADLINE_S):
        first = await anext(reader.events())
    await reader.aclose()
    assert isinstance(first, ReaderLost)
    assert port in first.reason


async def test_a_slow_listener_does_not_make_a_present_badge_removed(
    make_bench: Callable[[], Bench],
) -> None:
    bench = make_bench()
    async with listening(bench) as events:
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await asyncio.sleep(1.2)  # longer than removal_ms; meanwhile the reader went on
        await bench.lay(bench.one, times=3)
        await bench.disturb()
        assert isinstance(await anext(events), ReaderNoise)

"""The live floor: the latest of every station, and readers who are never told too much or too little."""

from __future__ import annotations

import asyncio

import pytest

from booking_api.live import SUBSCRIBERS_MAX, LiveFloor
from floor.wire.messages import Station, Stations
from floor.words import Activity, StationState


def station(machine: str, elapsed_ms: int = 0) -> Station:
    return Station(
        machine=machine, state=StationState.FREE, activity=Activity.IDLE, since_ms=0, elapsed_ms=elapsed_ms
    )


def say(live: LiveFloor, *shown: Station, gateway: str = "gw") -> None:
    live.received(Stations(gateway=gateway, at_ms=0, stations=list(shown)), 5)


def test_a_snapshot_shows_the_latest_of_each() -> None:
    live = LiveFloor()
    say(live, station("a"), station("b"))
    say(live, station("a", 9))
    assert live.station("a") == station("a", 9)
    assert (set(live.snapshot().stations), live.gateway_of("b")) == ({"a", "b"}, "gw")
    assert live.snapshot().gateways["gw"].online


async def test_a_slow_reader_is_given_each_machine_once() -> None:
    live = LiveFloor()
    changes = live.subscribe()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    for n in range(1_000):
        say(live, station("a", n), station("b"))
    assert await first == {"a", "b"}
    say(live, station("a", 999), station("b"))
    say(live, station("b", 1))
    live.touch("c")
    assert await anext(changes) == {"b", "c"}


async def test_a_gateway_that_goes_changes_its_machines_once() -> None:
    live = LiveFloor()
    say(live, station("a"))
    say(live, station("z"), gateway="other")
    changes = live.subscribe()
    heard = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    live.presence("gw", True, 6)
    live.presence("gw", False, 7)
    assert await heard == {"a"}
    assert not live.snapshot().gateways["gw"].online


async def test_readers_are_bounded_and_leave_no_trace() -> None:
    live = LiveFloor()
    readers = [asyncio.ensure_future(anext(live.subscribe())) for _ in range(SUBSCRIBERS_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="follow the floor"):
        await anext(live.subscribe())
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    live.touch("a")
    late = asyncio.ensure_future(anext(live.subscribe()))
    await asyncio.sleep(0)
    live.touch("b")
    assert await late == {"b"}

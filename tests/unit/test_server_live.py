"""The live floor: the latest of every station, and readers who are never told too much or too little."""

from __future__ import annotations

import asyncio

import pytest

from booking_api.live import LEAD_FOR_MS, READERS_MAX, LiveFloor
from floor.errors import Refused
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
    for n in range(1_000):
        say(live, station("a", n), station("b"))
    assert await changes.next() == {"a", "b"}
    say(live, station("a", 999), station("b"))
    say(live, station("b", 1))
    live.touch("c")
    assert await changes.next() == {"b", "c"}


async def test_a_gateway_that_goes_changes_its_machines_once() -> None:
    live = LiveFloor()
    say(live, station("a"))
    say(live, station("z"), gateway="other")
    changes = live.subscribe()
    live.presence("gw", True, 6)
    live.presence("gw", False, 7)
    assert await changes.next() == {"a"}
    assert not live.snapshot().gateways["gw"].online


async def test_a_reader_who_stops_waiting_is_told_later() -> None:
    live = LiveFloor()
    changes = live.subscribe()
    waiting = asyncio.ensure_future(changes.next())
    await asyncio.sleep(0)
    live.touch("a")
    waiting.cancel()
    await asyncio.wait({waiting})
    live.touch("b")
    assert await changes.next() == {"a", "b"}


async def test_readers_are_bounded_and_leave_no_trace() -> None:
    live = LiveFloor()
    readers = [live.subscribe() for _ in range(READERS_MAX)]
    with pytest.raises(Refused, match="Too many pages") as refused:
        live.subscribe()
    assert refused.value.code == "readers_many"
    readers.clear()
    late = live.subscribe()
    live.touch("b")
    assert await late.next() == {"b"}


def test_a_clocks_lead_is_that_of_the_message_that_was_late_least() -> None:
    live = LiveFloor()

    def lead(at_ms: int, now_ms: int) -> int | None:
        live.received(Stations(gateway="gw", at_ms=at_ms, stations=[]), now_ms)
        return live.snapshot().gateways["gw"].lead_ms

    assert [lead(1_140, 1_000), lead(2_020, 2_000), lead(3_150, 3_000)] == [140, 140, 150]
    assert lead(3_000 + LEAD_FOR_MS, 3_000 + LEAD_FOR_MS) == 150
    assert lead(3_001 + LEAD_FOR_MS - 70, 3_001 + LEAD_FOR_MS) == -70, "an old one holds no more"

"""The drivers of plugs on a real Mosquitto, against scripted plugs in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import TypeVar

import pytest

from firmware_bridge.driver import Driver
from firmware_bridge.events import ActivityChanged, Identified, MachineEvent, Noise, ReadingTaken
from firmware_bridge.registry import build
from floor.errors import MachineFault
from floor.meter import Quantity
from floor.words import Activity
from tests.kit.mosquitto import Mosquitto, PlugProcess, mosquitto, plug

DEADLINE_S = 30.0
E = TypeVar("E")
SETTINGS: dict[str, dict[str, object]] = {
    "shelly": {"prefix": "bench-plug"},
    "tasmota": {"topic": "bench-plug"},
    "zigbee2mqtt": {"device": "bench-plug"},
}
FIRMWARE = {
    "shelly": Identified("Shelly PlugSG3", "1.4.4"),
    "tasmota": Identified("Tasmota bench-plug", "14.2.0(release-tasmota)"),
    "zigbee2mqtt": Identified("Zigbee plug bench-plug", "Zigbee2MQTT 2.1.1"),
}


class Watch:
    """Keeps every event of a driver, and waits for the next of a kind."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.seen: list[MachineEvent] = []
        self._from = 0
        self._news = asyncio.Condition()

    async def run(self) -> None:
        async with aclosing(self.driver.events()) as events:
            async for event in events:
                async with self._news:
                    self.seen.append(event)
                    self._news.notify_all()

    async def next(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
        try:
            async with asyncio.timeout(DEADLINE_S), self._news:
                while True:
                    while self._from < len(self.seen):
                        event = self.seen[self._from]
                        self._from += 1
                        if isinstance(event, kind) and fits(event):
                            return event
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"no {kind.__name__} came within {DEADLINE_S:g} s; the last were {self.seen[-8:]}")

    async def activity(self, activity: Activity) -> ActivityChanged:
        return await self.next(ActivityChanged, lambda event: event.activity is activity)

    async def energy(self, mwh: int) -> None:
        await self.next(ReadingTaken, lambda event: event.counters[Quantity.ENERGY_MWH] == mwh)

    def never_fell(self) -> bool:
        readings = [event.counters for event in self.seen if isinstance(event, ReadingTaken)]
        return all(two[name] >= one[name] for one, two in pairwise(readings) for name in one)


@asynccontextmanager
async def watching(broker: Mosquitto, kind: str, **more: object) -> AsyncIterator[Watch]:
    quick = {"broker": broker.url, "poll_s": 0.2, "silence_s": 3.0, "after_s": 0.5, "deadline_s": 3.0}
    driver = build(kind, quick | SETTINGS[kind] | more, "gateway.toml")
    watch = Watch(driver)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await driver.aclose()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("plugs")) as running:
        yield running


async def switched_on(peer: PlugProcess, kind: str) -> None:
    """As somebody who presses the plug's button."""
    topic, payload = {
        "shelly": ("bench-plug/rpc", '{"id":9,"src":"x","method":"Switch.Set","params":{"id":0,"on":true}}'),
        "tasmota": ("cmnd/bench-plug/Power1", "ON"),
        "zigbee2mqtt": ("zigbee2mqtt/bench-plug/set", '{"state":"ON"}'),
    }[kind]
    await asyncio.to_thread(peer.say, topic, payload)


@pytest.mark.parametrize("kind", SETTINGS)
async def test_a_plug_is_heard_through_work_noise_resets_and_its_death(broker: Mosquitto, kind: str) -> None:
    with plug(broker, kind, "bench-plug") as peer:
        async with watching(broker, kind) as watch:
            assert await watch.next(Identified) == FIRMWARE[kind]
            watch._from = 0
            await watch.activity(Activity.IDLE)
            await switched_on(peer, kind)
            await asyncio.to_thread(peer.tell, "watts 600")
            await watch.activity(Activity.BUSY)
            await asyncio.to_thread(peer.tell, "use 360")  # 60 Wh
            await watch.energy(60_000)
            state = {"shelly": "events/rpc", "tasmota": "SENSOR", "zigbee2mqtt": ""}[kind]
            topic = {
                "shelly": f"bench-plug/{state}",
                "tasmota": f"tele/bench-plug/{state}",
                "zigbee2mqtt": "zigbee2mqtt/bench-plug",
            }[kind]
            await asyncio.to_thread(peer.say, topic, "{ not json")
            await watch.next(Noise)
            await asyncio.to_thread(peer.tell, "total 0")  # somebody resets the counter: nothing was used
            await asyncio.to_thread(peer.tell, "use 180")
            await watch.energy(90_000)
            await asyncio.to_thread(peer.tell, "watts 2")
            await watch.activity(Activity.IDLE)
            await asyncio.to_thread(peer.die)
            lost = await watch.activity(Activity.UNREACHABLE)
            assert "last will" in lost.words or "does not run" in lost.words
            await asyncio.to_thread(peer.start)  # it comes back with 1000 Wh: that cannot have been used
            await watch.activity(Activity.IDLE)
            for order in (watch.driver.hold, watch.driver.resume, watch.driver.cancel):
                with pytest.raises(MachineFault, match="cannot be told"):
                    await order()
            await watch.driver.message("nobody reads this")
            assert watch.never_fell()
            energy = [event for event in watch.seen if isinstance(event, ReadingTaken)][-1].counters
            assert energy[Quantity.ENERGY_MWH] == 90_000
            assert energy[Quantity.BUSY_TIME_MS] > 0


async def test_what_was_used_while_the_broker_was_gone_is_metered_and_not_as_busy_time(
    broker: Mosquitto,
) -> None:
    with plug(broker, "shelly", "bench-plug") as peer:
        async with watching(broker, "shelly") as watch:
            await watch.activity(Activity.IDLE)
            await asyncio.to_thread(broker.stop)
            assert "lost" in (await watch.activity(Activity.UNREACHABLE)).words
            await asyncio.to_thread(broker.start)
            await watch.activity(Activity.IDLE)
            await asyncio.to_thread(peer.until, lambda: peer.connected)
            await asyncio.to_thread(peer.tell, "total 1050.001")
            await watch.energy(50_001)
            assert watch.never_fell()


async def test_a_plug_that_is_not_there_is_silent_and_one_with_another_switch_says_so(
    broker: Mosquitto,
) -> None:
    async with watching(broker, "tasmota", topic="nobody", silence_s=0.5) as watch:
        assert (await watch.activity(Activity.UNREACHABLE)).words == "it was silent for 0.5 s"
    with plug(broker, "shelly", "bench-plug"):
        async with watching(broker, "shelly", switch=3) as watch:
            assert "value 3 not found" in (await watch.activity(Activity.UNREACHABLE)).words


async def test_no_broker_is_unreachable() -> None:
    driver = build("shelly", {"broker": "mqtt://127.0.0.1:1", "prefix": "p"}, "gateway.toml")
    async with aclosing(driver.events()) as events:
        event = await anext(events)
    assert isinstance(event, ActivityChanged)
    assert event.activity is Activity.UNREACHABLE
    assert "no connection to mqtt://127.0.0.1:1" in event.words

"""The drivers of plugs on a real Mosquitto, against scripted plugs in processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.driver import Driver
from firmware_bridge.events import ActivityChanged, Identified, Noise
from firmware_bridge.registry import build
from floor.meter import Quantity
from floor.words import Activity
from tests.kit.accuracy import within
from tests.kit.cable import Cable, cable
from tests.kit.driver_contract import Bench, DriverContract, Lack, OnCable
from tests.kit.mosquitto import Mosquitto, PlugProcess, mosquitto, plug
from tests.kit.watch import Watch, watching

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


def quick(url: str, kind: str, **more: object) -> Driver:
    soon = {"broker": url, "poll_s": 0.2, "silence_s": 1.0, "after_s": 0.3, "deadline_s": 3.0}
    return build(kind, soon | SETTINGS[kind] | more, "gateway.toml")


def watched(broker: Mosquitto, kind: str, **more: object) -> AbstractAsyncContextManager[Watch]:
    return watching(quick(broker.url, kind, **{"silence_s": 3.0} | more))


async def energy(watch: Watch, mwh: int) -> None:
    await watch.until(lambda: watch.counter(Quantity.ENERGY_MWH) == mwh, f"{mwh} mWh")


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


STATES = {
    "shelly": "bench-plug/events/rpc",
    "tasmota": "tele/bench-plug/SENSOR",
    "zigbee2mqtt": "zigbee2mqtt/bench-plug",
}


@pytest.mark.parametrize("kind", SETTINGS)
async def test_energy_is_exact_through_noise_a_reset_and_the_plugs_death(
    broker: Mosquitto, kind: str
) -> None:
    with plug(broker, kind, "bench-plug") as peer:
        async with watched(broker, kind) as watch:
            await watch.settled(Activity.IDLE)
            assert watch.of(Identified) == [FIRMWARE[kind]]
            await switched_on(peer, kind)
            await asyncio.to_thread(peer.tell, "watts 600")
            await watch.activity(Activity.BUSY)
            await asyncio.to_thread(peer.tell, "use 360")  # 60 Wh
            await energy(watch, 60_000)
            await asyncio.to_thread(peer.say, STATES[kind], "{ not json")
            await watch.next(Noise)
            await asyncio.to_thread(peer.tell, "total 0")  # somebody resets the counter: nothing was used
            await asyncio.to_thread(peer.tell, "use 180")
            await energy(watch, 90_000)
            await asyncio.to_thread(peer.die)
            lost = await watch.activity(Activity.UNREACHABLE)
            assert "last will" in lost.words or "does not run" in lost.words
            await asyncio.to_thread(peer.start)  # it comes back with 1000 Wh: that cannot have been used
            await watch.activity(Activity.IDLE)
            await watch.driver.message("nobody reads this")
            assert abs(watch.counter(Quantity.ENERGY_MWH) - 90_000) <= within("energy of a plug")
            assert watch.counter(Quantity.BUSY_TIME_MS) > 0


async def test_what_was_used_while_the_broker_was_gone_is_metered_and_not_as_busy_time(
    broker: Mosquitto,
) -> None:
    with plug(broker, "shelly", "bench-plug") as peer:
        async with watched(broker, "shelly") as watch:
            await watch.activity(Activity.IDLE)
            await asyncio.to_thread(broker.stop)
            assert "lost" in (await watch.activity(Activity.UNREACHABLE)).words
            await asyncio.to_thread(broker.start)
            await watch.activity(Activity.IDLE)
            await asyncio.to_thread(peer.until, lambda: peer.connected)
            await asyncio.to_thread(peer.tell, "total 1050.001")
            await energy(watch, 50_001)


async def test_a_plug_that_is_not_there_is_silent_and_one_with_another_switch_says_so(
    broker: Mosquitto,
) -> None:
    async with watched(broker, "tasmota", topic="nobody", silence_s=0.5) as watch:
        assert (await watch.activity(Activity.UNREACHABLE)).words == "it was silent for 0.5 s"
    with plug(broker, "shelly", "bench-plug"):
        async with watched(broker, "shelly", switch=3) as watch:
            assert "value 3 not found" in (await watch.activity(Activity.UNREACHABLE)).words


async def test_no_broker_is_unreachable() -> None:
    driver = build("shelly", {"broker": "mqtt://127.0.0.1:1", "prefix": "p"}, "gateway.toml")
    async with aclosing(driver.events()) as events:
        event = await anext(events)
    assert isinstance(event, ActivityChanged)
    assert event.activity is Activity.UNREACHABLE
    assert "no connection to mqtt://127.0.0.1:1" in event.words


class PlugBench(OnCable):
    """A scripted plug on the broker; the cable lies between the broker and the driver."""

    quantity = Quantity.ENERGY_MWH
    lacks = frozenset({Lack.JOBS, Lack.USER, Lack.PROGRESS, Lack.OUTCOME, Lack.HOLD, Lack.CANCEL, Lack.FAULT})

    def __init__(self, kind: str, peer: PlugProcess, line: Cable) -> None:
        self.kind, self.peer, self.cable = kind, peer, line
        if kind == "zigbee2mqtt":
            self.lacks |= {Lack.CLOCK}

    def driver(self) -> Driver:
        return quick(f"mqtt://127.0.0.1:{self.cable.port}", self.kind)

    async def tell(self, *orders: str) -> None:
        for order in orders:
            await asyncio.to_thread(self.peer.tell, order)

    async def start(self) -> None:
        await switched_on(self.peer, self.kind)
        await self.tell("watts 600", "use 60")

    async def finish(self) -> None:
        await self.tell("watts 0")

    async def power_cut(self) -> None:
        await asyncio.to_thread(self.peer.die)

    async def power_up(self) -> None:
        await asyncio.to_thread(self.peer.start)

    async def noise(self) -> None:
        for payload in ("{", "[]", '"' + "x" * 300, '{"StatusSNS": 1, "params": [], "power": "NaN"}'):
            await asyncio.to_thread(self.peer.say, STATES[self.kind], payload)

    async def reset_counters(self) -> None:
        await self.tell("total 0", "use 60")

    async def wrong_clock(self) -> None:
        await self.tell("skew 86400")


class PlugContract(DriverContract):
    kind: str

    @pytest.fixture(scope="class")
    @classmethod
    def peer(cls, broker: Mosquitto) -> Iterator[PlugProcess]:
        with plug(broker, cls.kind, "bench-plug") as peer:
            yield peer

    @pytest.fixture(autouse=True)
    def _peer(self, broker: Mosquitto, peer: PlugProcess) -> None:
        self.broker, self.plug = broker, peer

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        async with cable(self.broker.port) as line:
            bench = PlugBench(self.kind, self.plug, line)
            await bench.finish()
            yield bench


class TestShelly(PlugContract):
    kind = "shelly"


class TestTasmota(PlugContract):
    kind = "tasmota"


class TestZigbee2Mqtt(PlugContract):
    kind = "zigbee2mqtt"

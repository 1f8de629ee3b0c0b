"""What stands at a real broker for Home Assistant, and that the broker's absence delays nobody."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.events import ReadingTaken
from floor.meter import Quantity
from floor.wire.messages import LockOut
from gateway import home_assistant
from gateway.app import opened
from gateway.checking import greet
from gateway.config import HomeAssistantConfig, load
from gateway.home_assistant import HomeAssistant
from gateway.wiring import Ordered
from hardware.broker import BrokerAddress
from tests.kit.gateway import Bench
from tests.kit.mosquitto import Mosquitto, mosquitto

DEADLINE_S = 20
USER = ("makerfloor", "secret")
CONFIG = "homeassistant/device/makerfloor_gw_laser/config"
STATE, AVAILABLE = "makerfloor/gw/laser/state", "makerfloor/gw/available"
DISCOVERY_KEYS = {"device", "origin", "state_topic", "availability_topic", "components"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("ha"), user=USER) as running:
        yield running


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


class Listener:
    """Reads as Home Assistant does: everything, and what was retained before it came."""

    def __init__(self, port: int) -> None:
        self.said: dict[str, str] = {}
        self.retained: set[str] = set()
        self.all: list[str] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(*USER)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload).decode()
        self.said[message.topic] = payload
        self.all.append(f"{message.topic} {payload}")
        if message.retain:
            self.retained.add(message.topic)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    async def until(self, topic: str, **wanted: object) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                held = json.loads(self.said.get(topic, "{}"))
                if all(held.get(key) == value for key, value in wanted.items()):
                    return
                await asyncio.sleep(0.02)

    async def until_says(self, topic: str, payload: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.said.get(topic) != payload:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def telling(bench: Bench, port: int) -> AsyncIterator[tuple[HomeAssistant, asyncio.Task[None]]]:
    config = HomeAssistantConfig("127.0.0.1", port, *USER)
    told = HomeAssistant(config, "gw", [bench.station], "makerfloor test")
    bench.station.services = bench.services(told.changed)
    task = asyncio.create_task(told.run())
    try:
        yield told, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_machine_appears_with_its_state_and_nothing_of_its_members(
    bench: Bench, broker: Mosquitto
) -> None:
    early, late = Listener(broker.port), None
    try:
        async with telling(bench, broker.port):
            await early.until_says(AVAILABLE, "online")
            off = {"in_use": "OFF", "busy": "OFF", "locked_out": "OFF"}
            await early.until(STATE, state="free", **off)
            await bench.tap()
            await early.until(STATE, state="in_use", in_use="ON")
            assert "energy" not in json.loads(early.said[CONFIG])["components"]
            await bench.station.handle(ReadingTaken({Quantity.ENERGY_MWH: 1_234_567}), 0.0)
            await early.until(STATE, energy_kwh=1.2346)
            assert "energy" in json.loads(early.said[CONFIG])["components"]
            await bench.tap()
            await early.until(STATE, state="free", in_use="OFF")
            await bench.station.handle(Ordered(LockOut(machine="laser", reason="smoke"), "tech"), 0.0)
            await early.until(STATE, state="locked_out", locked_out="ON")
            late = Listener(broker.port)
            await late.until(STATE, state="locked_out")
            await late.until_says(AVAILABLE, "online")
            assert late.retained == {CONFIG, STATE, AVAILABLE}, "who comes late finds all of it"
        await early.until_says(AVAILABLE, "offline")  # a stop in order says so too
        for secret in ("Ada", "ada", "62e3086ced", "smoke"):
            assert not any(secret in message for message in early.all)
    finally:
        for listener in (early, late):
            if listener:
                listener.close()


async def test_the_configuration_is_what_home_assistants_discovery_takes(
    bench: Bench, broker: Mosquitto
) -> None:
    listener = Listener(broker.port)
    try:
        async with telling(bench, broker.port):
            await listener.until(CONFIG, state_topic=STATE, availability_topic=AVAILABLE)
    finally:
        listener.close()
    config = json.loads(listener.said[CONFIG])
    assert set(config) == DISCOVERY_KEYS
    assert config["device"]["identifiers"] == ["makerfloor_gw_laser"]
    assert config["device"]["name"] == "Laser"
    assert config["origin"]["name"] == "Makerfloor"
    components = config["components"]
    assert {one["platform"] for one in components.values()} == {"sensor", "binary_sensor"}
    assert len({one["unique_id"] for one in components.values()}) == len(components)
    assert components["state"]["device_class"] == "enum"
    assert set(components["state"]["options"]) == {
        "free",
        "starting",
        "in_use",
        "holding",
        "run_on",
        "locked_out",
    }
    assert components["busy"]["value_template"] == "{{ value_json.busy }}"
    assert "command" not in listener.said[CONFIG]


async def test_a_gateway_that_dies_is_said_to_be_offline_by_the_broker(
    bench: Bench, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[socket.socket] = []
    client = HomeAssistant._client

    def kept(self: HomeAssistant):  # type: ignore[no-untyped-def]
        made = client(self)
        set_up = made._client.on_socket_open

        def on_open(*arguments: object) -> None:
            opened.append(arguments[2])  # type: ignore[arg-type]
            set_up(*arguments)

        made._client.on_socket_open = on_open
        return made

    monkeypatch.setattr(HomeAssistant, "_client", kept)
    listener = Listener(broker.port)
    try:
        async with telling(bench, broker.port):
            await listener.until_says(AVAILABLE, "online")
            opened[-1].shutdown(socket.SHUT_RDWR)  # as if the power were cut
            await listener.until_says(AVAILABLE, "offline")
            await listener.until_says(AVAILABLE, "online")  # and back by itself
    finally:
        listener.close()


async def test_a_dead_or_silent_broker_delays_no_tap(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_assistant, "BACKOFF_S", (0.01, 0.05))
    monkeypatch.setattr(home_assistant, "ANSWER_S", 1)
    with socket.socket() as silent:  # takes connections and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        async with telling(bench, port) as (_, task):
            for on in (True, False) * 5:
                await bench.tap()
                assert bench.relay.is_on is on
                await asyncio.sleep(0.02)
            assert not task.done()
    async with telling(bench, port) as (_, task):  # and now nobody is there
        await bench.tap()
        assert bench.relay.is_on
        await asyncio.sleep(0.2)
        assert not task.done()
        with mosquitto(tmp_path, user=USER) as broker:
            assert greet(BrokerAddress("127.0.0.1", broker.port, *USER)) == ""
            refusal = greet(BrokerAddress("127.0.0.1", broker.port, USER[0], "wrong"))
            assert refusal == "it refuses this gateway: Not authorized"


async def test_a_gateway_with_the_table_in_its_settings_tells_it(tmp_path: Path, broker: Mosquitto) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'name = "gw"\nbadge_key = "{"00" * 32}"\nserver_key = "{"A" * 43}="\n'
        'journal = {storage = "volatile"}\n'
        f'http = {{port = 0}}\nhomeassistant = {{host = "127.0.0.1", port = {broker.port}, '
        f'username = "{USER[0]}", password = "{USER[1]}", prefix = "ha"}}\n'
        '[[stations]]\nmachine = "mill"\nreader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
    )
    listener = Listener(broker.port)
    try:
        async with opened(load(file)) as gateway:
            task = asyncio.create_task(gateway.run())
            await listener.until(
                "ha/device/makerfloor_gw_mill/config", state_topic="makerfloor/gw/mill/state"
            )
            task.cancel()
            await asyncio.wait([task], timeout=DEADLINE_S)
            assert task.done()
        await listener.until_says(AVAILABLE, "offline")
    finally:
        listener.close()

"""Machines appear in Home Assistant: by its MQTT discovery, on a broker of its own settings, to be read only.

One device for each station: retained configuration, retained state, availability by a last will. There is no
command topic, and nothing is subscribed: nobody grants anything from there. No member and no badge appears.
Source: Home Assistant's documentation of MQTT discovery (of whole devices, since 2024.11), of the MQTT sensor
and binary sensor; and its own tests of discovery.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import aiomqtt

from floor.meter import Quantity
from floor.words import Activity, StationState
from gateway.config import HomeAssistantConfig

if TYPE_CHECKING:
    from gateway.station import Station

log = logging.getLogger(__name__)
AGAIN_S = 30
BACKOFF_S = (1.0, 60.0)
ANSWER_S = 10
STATES = [state.value for state in StationState if state is not StationState.OFFLINE]
NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
KWH_MWH = 1_000_000
"""Thousandths of a watt-hour in a kilowatt-hour."""


def _ending() -> bool:
    """Whether this task was told to end: in Python 3.11 a wait that is over at that moment forgets it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class HomeAssistant:
    """Tells a broker of all stations. `run` never ends; it reconnects with bounded backoff."""

    def __init__(
        self, config: HomeAssistantConfig, gateway: str, stations: Iterable[Station], software: str
    ) -> None:
        self._config = config
        self._gateway = gateway
        self._stations = list(stations)
        self._software = software
        self._changed = asyncio.Event()
        self._available = f"makerfloor/{gateway}/available"

    def changed(self) -> None:
        """Say that a station changed."""
        self._changed.set()

    async def run(self) -> None:
        """Connect, and connect again, for ever."""
        failures = 0
        while True:
            try:
                async with self._client() as client:
                    failures = 0
                    await self._tell(client)
            except (aiomqtt.MqttError, OSError) as lost:
                if _ending():
                    raise asyncio.CancelledError from lost  # which leaving a dead broker has hidden
                log.log(logging.DEBUG if failures else logging.WARNING, "Home Assistant's broker: %s", lost)
            low, high = BACKOFF_S
            await asyncio.sleep(min(high, low * 2**failures) * random.uniform(0.5, 1))
            failures = min(failures + 1, 16)

    @staticmethod
    async def _stay(client: aiomqtt.Client) -> None:
        """Raise MqttError when the connection is lost; nothing is subscribed, so nothing comes."""
        async for _ in client.messages:
            pass

    def _client(self) -> aiomqtt.Client:
        config = self._config
        return aiomqtt.Client(
            config.host,
            config.port,
            username=config.username or None,
            password=config.password or None,
            identifier=f"makerfloor-{self._gateway}",
            will=aiomqtt.Will(self._available, "offline", 1, True),
            tls_params=aiomqtt.TLSParameters(ca_certs=config.ca) if config.ca else None,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            timeout=ANSWER_S,
            keepalive=20,
        )

    async def _tell(self, client: aiomqtt.Client) -> None:
        """Publish what changed, for as long as the connection lasts."""
        told: dict[str, str] = {}
        stay = asyncio.create_task(self._stay(client))
        stay.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            while True:
                self._changed.clear()
                messages = dict(self._messages())
                for topic, payload in messages.items():
                    if told.get(topic) != payload:
                        await client.publish(topic, payload, qos=1, retain=True)
                        told[topic] = payload
                    if _ending():
                        raise asyncio.CancelledError
                change = asyncio.create_task(self._changed.wait())
                try:
                    await asyncio.wait([stay, change], timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    change.cancel()
                if stay.done():
                    stay.result()
                await asyncio.sleep(0.5)  # a burst of changes is one message
        finally:
            stay.cancel()
            # no will is sent for who leaves in order
            with suppress(aiomqtt.MqttError):
                await client.publish(self._available, "offline", qos=0, retain=True, timeout=1)

    def _messages(self) -> Iterable[tuple[str, str]]:
        """Everything that is to stand at the broker: how to read each station, and its state."""
        for station in self._stations:
            metered = station.side.counters
            id = NOT_IN_IDS.sub("_", f"{self._gateway}_{station.machine}")
            topic = f"makerfloor/{self._gateway}/{NOT_IN_IDS.sub('_', station.machine)}/state"
            described = self._described(id, topic, station.view.name, metered)
            yield f"{self._config.prefix}/device/makerfloor_{id}/config", json.dumps(described)
            yield topic, json.dumps(_state(station, metered))
        yield self._available, "online"

    def _described(self, id: str, topic: str, name: str, metered: Mapping[Quantity, int]) -> object:
        energy = {"energy": ENERGY} if Quantity.ENERGY_MWH in metered else {}
        return {
            "device": {
                "identifiers": [f"makerfloor_{id}"],
                "name": name,
                "manufacturer": "Makerfloor",
                "model": f"Station of {self._gateway}",
            },
            "origin": {"name": "Makerfloor", "sw_version": self._software},
            "state_topic": topic,
            "availability_topic": self._available,
            "components": {
                key: {**fields, "unique_id": f"makerfloor_{id}_{key}"}
                for key, fields in (COMPONENTS | energy).items()
            },
        }


def _binary(name: str, key: str, device_class: str | None = None) -> dict[str, object]:
    fields: dict[str, object] = {
        "platform": "binary_sensor",
        "name": name,
        "value_template": f"{{{{ value_json.{key} }}}}",
    }
    return {**fields, "device_class": device_class} if device_class else fields


COMPONENTS: dict[str, dict[str, object]] = {
    "state": {
        "platform": "sensor",
        "name": "State",
        "device_class": "enum",
        "options": STATES,
        "value_template": "{{ value_json.state }}",
    },
    "in_use": _binary("In use", "in_use", "occupancy"),
    "busy": _binary("Busy", "busy", "running"),
    "locked_out": _binary("Out of order", "locked_out", "problem"),
}
ENERGY: dict[str, object] = {
    "platform": "sensor",
    "name": "Energy",
    "device_class": "energy",
    "state_class": "total_increasing",
    "unit_of_measurement": "kWh",
    "value_template": "{{ value_json.energy_kwh }}",
}


def _state(station: Station, metered: Mapping[Quantity, int]) -> dict[str, object]:
    state = station.view.state
    shown: dict[str, object] = {
        "state": state,
        "in_use": _on(state in {StationState.IN_USE, StationState.HOLDING}),
        "busy": _on(station.side.activity is Activity.BUSY),
        "locked_out": _on(state is StationState.LOCKED_OUT),
    }
    energy = metered.get(Quantity.ENERGY_MWH)
    return shown if energy is None else {**shown, "energy_kwh": round(energy / KWH_MWH, 4)}


def _on(yes: bool) -> str:
    return "ON" if yes else "OFF"

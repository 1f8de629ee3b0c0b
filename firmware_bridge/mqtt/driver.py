"""A machine that publishes what it does: topics and JSON paths are named in a mapping file."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent
from firmware_bridge.mapping.mapping import load_mapping
from firmware_bridge.mapping.tracker import MappedMachine
from firmware_bridge.orders import NoOrders
from firmware_bridge.settings import setting
from firmware_bridge.transports import Transports
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.real import RealTransports


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings(BrokerSettings):
    """The settings of a machine that publishes what it does."""

    mapping: str = setting(example="/etc/makerfloor/kiln.toml")
    silence_s: float = setting(120.0, least=0.1, most=86_400.0)


class MqttMachine(NoOrders):
    """See Driver. `transports`, `backoff`, `clock` (monotonic seconds): for recordings and tests."""

    def __init__(
        self,
        settings: MqttSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mapping = load_mapping(settings.mapping, "topic")
        self.name = self._mapping.name
        self._mqtt = (transports or RealTransports()).mqtt(settings, self.name)
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._tick_s = min(1.0, settings.silence_s / 4)
        self._machine = MappedMachine(self._mapping, settings.silence_s, secrets.token_hex(4))

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        online = self._mapping.online.place.source if self._mapping.online else None
        async with self._mqtt.open(self._mapping.sources) as broker:
            for event in self._machine.connected(self._clock()):
                yield event
            while True:
                told = await broker.receive(self._tick_s)
                # what was retained is of the past: only whether the machine is there may be
                if told and (not told.retained or told.topic == online):
                    for event in self._machine.receive({told.topic: told.payload}, self._clock()):
                        yield event
                for event in self._machine.tick(self._clock()):
                    yield event

"""Drives any plug: connects, asks it every `poll_s`, and says what it measures."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent
from firmware_bridge.gauges import Gauge
from firmware_bridge.orders import NoOrders
from firmware_bridge.plugs.facts import Dialect, Named, Presence, Refusal
from firmware_bridge.plugs.tracker import Limits, PlugTracker
from firmware_bridge.settings import setting
from firmware_bridge.transports import Transports
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.real import RealTransports
from floor.errors import ConfigError, MachineFault


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugSettings(BrokerSettings):
    """What the settings of every plug have in common."""

    busy_above_w: float = setting(20.0, least=0.0, most=100_000.0)
    idle_below_w: float = setting(10.0, least=0.0, most=100_000.0)
    after_s: float = setting(5.0, least=0.0, most=3600.0)
    most_w: float = setting(3680.0, least=1.0, most=100_000.0)
    poll_s: float = setting(5.0, least=0.05, most=600.0)
    silence_s: float = setting(30.0, least=0.1, most=3600.0)


class PlugDriver(NoOrders):
    """One plug; see Driver. `transports`, `backoff`, `clock` (monotonic seconds): for recordings and tests.

    Raises ConfigError when the settings contradict each other.
    """

    def __init__(
        self,
        settings: PlugSettings,
        dialect: Dialect,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = dialect.name
        _check(settings, self.name)
        self._settings = settings
        self._dialect = dialect
        self._mqtt = (transports or RealTransports()).mqtt(settings, self.name)
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._tracker = PlugTracker(
            Limits(
                settings.busy_above_w,
                settings.idle_below_w,
                settings.after_s,
                settings.most_w,
                settings.silence_s,
            )
        )

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    def gauges(self) -> tuple[Gauge, ...]:
        """Return what the machine draws; see Shows.gauges."""
        return self._tracker.gauges

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        async with self._mqtt.open(self._dialect.topics) as broker:
            self._tracker.connected(self._clock())
            poll_s, named = self._clock(), False
            while True:
                if self._clock() >= poll_s:
                    poll_s = self._clock() + self._settings.poll_s
                    for topic, payload in (() if named else self._dialect.greeting) + self._dialect.poll:
                        await broker.publish(topic, payload)
                told = await broker.receive(max(0.01, poll_s - self._clock()))
                for fact in self._dialect.parse(told) if told else ():
                    if isinstance(fact, Refusal):
                        raise MachineFault(f"{self.name}: {fact.words}")
                    if isinstance(fact, Named) and named:
                        continue
                    named = named or isinstance(fact, Named)
                    if isinstance(fact, Presence) and fact.online:
                        poll_s = self._clock()  # it is back: ask at once
                    for event in self._tracker.receive(fact, self._clock()):
                        yield event
                for event in self._tracker.tick(self._clock()):
                    yield event


def _check(settings: PlugSettings, where: str) -> None:
    if settings.idle_below_w > settings.busy_above_w:
        raise ConfigError(
            where,
            "idle_below_w",
            f"{settings.idle_below_w:g} W lies above busy_above_w",
            f"Write at most {settings.busy_above_w:g}",
        )
    if settings.silence_s < 2 * settings.poll_s:
        raise ConfigError(
            where,
            "silence_s",
            f"{settings.silence_s:g} s is less than two polls",
            f"Write at least {2 * settings.poll_s:g}, or a smaller poll_s",
        )

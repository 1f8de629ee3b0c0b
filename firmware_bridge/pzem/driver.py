"""Reads a PZEM-004T v3: what a machine draws says whether it works, and how much energy it used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent, Measured
from firmware_bridge.gauges import Gauge
from firmware_bridge.orders import NoOrders
from firmware_bridge.plugs.facts import Sample
from firmware_bridge.plugs.tracker import Limits, PlugTracker
from firmware_bridge.pzem.parser import Measurement, PzemFact, Refused, Replies, request
from firmware_bridge.settings import setting
from firmware_bridge.transports import Stream, Transports
from firmware_bridge.transports.real import RealTransports
from floor.errors import ConfigError, MachineFault, MachineUnreachable

BAUD = 9600
TRIES = 3
URL_EXAMPLE = "serial:///dev/ttyUSB0"


@dataclass(frozen=True, slots=True, kw_only=True)
class PzemSettings:
    """The settings of one meter in a gateway's configuration."""

    url: str = setting(starts=("serial://", "tcp://"), example=URL_EXAMPLE)
    unit: float = setting(1.0, least=1, most=247)
    busy_above_w: float = setting(20.0, least=0.0, most=100_000.0)
    idle_below_w: float = setting(10.0, least=0.0, most=100_000.0)
    after_s: float = setting(2.0, least=0.0, most=3600.0)
    idle_after_s: float | None = setting(None, least=0.0, most=3600.0)
    most_w: float = setting(3680.0, least=1.0, most=100_000.0)
    poll_s: float = setting(1.0, least=0.05, most=60.0)
    answer_s: float = setting(1.0, least=0.05, most=10.0)


class PzemDriver(NoOrders):
    """One meter; see Driver. `transports`, `backoff`, `clock` (monotonic seconds): for recordings and tests.

    Raises ConfigError for a URL that names no line, and for thresholds that contradict each other.
    """

    def __init__(
        self,
        settings: PzemSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"PZEM at {settings.url}"
        if settings.idle_below_w > settings.busy_above_w:
            problem = f"{settings.idle_below_w:g} W lies above busy_above_w"
            raise ConfigError(self.name, "idle_below_w", problem, f"Write at most {settings.busy_above_w:g}")
        try:
            self._transport = (transports or RealTransports()).stream(settings.url, BAUD)
        except ValueError as error:
            raise ConfigError(self.name, "url", str(error), f"Write url = {URL_EXAMPLE!r}") from error
        self._settings = settings
        self._unit = int(settings.unit)
        self._backoff = backoff or Backoff()
        self._clock = clock
        gap_s = settings.poll_s + TRIES * settings.answer_s + 1
        self._tracker = PlugTracker(
            Limits(
                settings.busy_above_w,
                settings.idle_below_w,
                settings.after_s,
                settings.most_w,
                gap_s,
                settings.idle_after_s,
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
        async with self._transport.open() as stream:
            self._tracker.connected(self._clock())
            replies, shown = Replies(self._unit), None
            while True:
                for fact in await self._ask(stream, replies):
                    if isinstance(fact, Refused):
                        raise MachineFault(f"{self.name}: {fact.words}")
                    if not isinstance(fact, Measurement):
                        yield fact
                        continue
                    if fact != shown:
                        shown = fact
                        yield Measured(f"{fact.volts} V, {fact.amperes} A, {fact.watts} W")
                    for event in self._tracker.receive(
                        Sample(fact.watts, fact.energy_wh * 1000), self._clock()
                    ):
                        yield event
                await asyncio.sleep(self._settings.poll_s)

    async def _ask(self, stream: Stream, replies: Replies) -> list[PzemFact]:
        """Ask once, and again where no answer comes: one disturbed frame is no lost meter."""
        for left in reversed(range(TRIES)):
            try:
                await stream.write(request(self._unit))
                return await self._answer(stream, replies)
            except MachineUnreachable:
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _answer(self, stream: Stream, replies: Replies) -> list[PzemFact]:
        facts: list[PzemFact] = []
        until_s = self._clock() + self._settings.answer_s
        while (left_s := until_s - self._clock()) > 0:
            facts += replies.feed(await stream.read(left_s))
            if any(isinstance(fact, Measurement | Refused) for fact in facts):
                return facts
        raise MachineUnreachable(f"{self.name} said nothing that is a reply of unit {self._unit}")

"""Drives nothing: samples one signal of a machine, and says whether it is busy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent, Measured
from firmware_bridge.orders import NoOrders
from firmware_bridge.pulse.sampler import PIN, Sampler, sampler
from firmware_bridge.pulse.tracker import Limits, PulseTracker
from firmware_bridge.settings import setting
from firmware_bridge.transports import Transports
from floor.errors import ConfigError, MachineUnreachable

GAP = 5
SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseSettings:
    """The settings of one signal in a gateway's configuration."""

    source: str = setting(example="pin:17")
    active: str = setting("high", starts=("high", "low"), example="low")
    pull: str = setting("down", starts=("up", "down", "off"), example="up")
    on_above: float = setting(0.5, least=-1e12, most=1e12)
    off_below: float = setting(0.5, least=-1e12, most=1e12)
    sample_s: float = setting(0.05, least=0.01, most=60.0)
    steady_s: float = setting(0.1, least=0.0, most=3600.0)
    idle_steady_s: float | None = setting(None, least=0.0, most=3600.0)
    counts: str = setting("time", starts=("time", "jobs"), example="jobs")


class PulseDriver(NoOrders):
    """One signal; see Driver. `take` samples it instead of what `source` names, in a `unit` that is shown.

    Raises ConfigError for a source that is none and for thresholds that contradict each other.
    """

    def __init__(
        self,
        settings: PulseSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        take: Sampler | None = None,
        unit: str = "",
    ) -> None:
        self.name = f"signal at {settings.source}"
        self._unit = unit
        _check(settings, self.name)
        self._sampler = take or sampler(settings.source, settings.pull, self.name)
        self._every_s = settings.sample_s
        self._backoff = backoff or Backoff(most_s=5.0)
        self._clock = clock
        self._thread = ThreadPoolExecutor(1)
        self._sign = 1.0 if settings.active == "high" else -1.0
        edges = sorted((settings.on_above * self._sign, settings.off_below * self._sign))
        self._tracker = PulseTracker(
            Limits(
                high=edges[1],
                low=edges[0],
                steady_s=settings.steady_s,
                gap_s=max(1.0, GAP * settings.sample_s),
                counts_jobs=settings.counts == "jobs",
                reading_s=min(1.0, 10 * settings.sample_s),
                idle_steady_s=settings.idle_steady_s,
            )
        )

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.lost()
        shown = ""
        while True:
            value = await self._sample()
            if self._unit and shown != (shown := f"{value:.2f} {self._unit}"):
                yield Measured(shown)
            for event in self._tracker.sample(value * self._sign, self._clock()):
                yield event
            await asyncio.sleep(self._every_s)

    async def _sample(self) -> float:
        """Sample beside the event loop: a converter takes its time, and one that hangs is not asked twice."""
        try:
            async with asyncio.timeout(SAMPLE_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._sampler.sample)
        except TimeoutError as error:
            raise MachineUnreachable(f"{self.name} was not read within {SAMPLE_S:g} s") from error

    async def aclose(self) -> None:
        """Let go of the thread that samples; see Driver.aclose."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _check(settings: PulseSettings, where: str) -> None:
    if settings.off_below > settings.on_above:
        raise ConfigError(
            where,
            "off_below",
            f"{settings.off_below:g} lies above on_above",
            f"Write at most {settings.on_above:g}",
        )
    if settings.pull != "down" and not settings.source.startswith(PIN):
        raise ConfigError(where, "pull", "is of a pin, not of a file", "Leave it out")

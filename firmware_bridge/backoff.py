"""The one place that waits between tries: bounded exponential backoff with jitter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.events import ActivityChanged, MachineEvent
from floor.errors import MachineError
from floor.words import Activity


@dataclass(frozen=True, slots=True)
class Backoff:
    """Tries are `first_s` apart at first, then twice as far each time, at most `most_s`."""

    first_s: float = 0.5
    most_s: float = 30.0

    def delays(self, chance: Callable[[], float] = random.random) -> Iterator[float]:
        """Yield waits in seconds for ever, each between half of its step and the whole (`chance`: 0 to 1)."""
        step_s = self.first_s
        while True:
            yield step_s * (0.5 + chance() / 2)
            step_s = min(step_s * 2, self.most_s)


Connect = Callable[[], AsyncGenerator[MachineEvent, None]]


async def reconnecting(connect: Connect, backoff: Backoff) -> AsyncGenerator[MachineEvent, None]:
    """Yield the events of one connection after another, and UNREACHABLE with its reason between them.

    A connection ends by a MachineError; the same reason is said once until the machine answers again.
    """
    delays, told = backoff.delays(), ""
    while True:
        try:
            async with aclosing(connect()) as events:
                async for event in events:
                    if told or isinstance(event, ActivityChanged):
                        delays, told = backoff.delays(), ""
                    yield event
            why = "the machine ended the connection"
        except MachineError as error:
            why = str(error)
        if why != told:
            told = why
            yield ActivityChanged(Activity.UNREACHABLE, why)
        await asyncio.sleep(next(delays))

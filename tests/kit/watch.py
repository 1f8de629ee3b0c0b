"""Reads a driver as a gateway does: keeps every event, waits for the next, and holds what is always true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import TypeVar

import pytest

from firmware_bridge.driver import Driver
from firmware_bridge.events import (
    ActivityChanged,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    ReadingTaken,
)
from floor.meter import Quantity
from floor.words import Activity

DEADLINE_S = 60.0
E = TypeVar("E")


class Watch:
    """The events of one driver.

    `next` and `activity` go on behind the event that the last of them found; `settled`, `counted` and
    `counter` look at where things stand, in whatever order the events came.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.seen: list[MachineEvent] = []
        self._from = 0
        self._over = False
        self._news = asyncio.Condition()

    async def run(self) -> None:
        try:
            async with aclosing(self.driver.events()) as events:
                async for event in events:
                    async with self._news:
                        self.seen.append(event)
                        self._news.notify_all()
        finally:
            self._over = True
            async with self._news:
                self._news.notify_all()

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds; it is looked at after each event."""
        why = f"within {DEADLINE_S:g} s"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S), self._news:
                while not holds():
                    if self._over:
                        why = "before the driver's events ended"
                        break
                    await self._news.wait()
                else:
                    return
        pytest.fail(f"{what} did not come {why}; the last were {self.seen[-8:]}")

    async def next(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
        """Return the next event of a kind that fits."""
        found: list[E] = []

        def look() -> bool:
            while self._from < len(self.seen) and not found:
                event = self.seen[self._from]
                self._from += 1
                if isinstance(event, kind) and fits(event):
                    found.append(event)
            return bool(found)

        await self.until(look, getattr(kind, "__name__", str(kind)))
        return found[0]

    async def activity(self, activity: Activity) -> ActivityChanged:
        """Return the next change to an activity."""
        return await self.next(ActivityChanged, lambda event: event.activity is activity)

    @property
    def now(self) -> ActivityChanged | None:
        """What the machine does, as it was said last."""
        return next((event for event in reversed(self.seen) if isinstance(event, ActivityChanged)), None)

    async def settled(self, *activities: Activity) -> ActivityChanged:
        """Wait until the machine does one of these, and return its last words."""
        await self.until(lambda: bool(self.now and self.now.activity in activities), f"one of {activities}")
        assert self.now
        return self.now

    def of(self, kind: type[E]) -> list[E]:
        """Return all events of a kind, oldest first."""
        return [event for event in self.seen if isinstance(event, kind)]

    def counters(self) -> Mapping[Quantity, int]:
        """Return the last reading; an empty one before the first."""
        return next((one.counters for one in reversed(self.seen) if isinstance(one, ReadingTaken)), {})

    def counter(self, quantity: Quantity) -> int:
        """Return what the counter showed last, 0 before its first reading."""
        return self.counters().get(quantity, 0)

    async def counted(self, quantity: Quantity, at_least: int) -> int:
        """Wait until a counter has come so far."""
        await self.until(lambda: self.counter(quantity) >= at_least, f"{quantity} of {at_least}")
        return self.counter(quantity)

    def check(self) -> None:
        """Hold what is true of every driver at every time."""
        readings = [event.counters for event in self.of(ReadingTaken)]
        assert all(amount >= 0 for counters in readings for amount in counters.values())
        for one, two in pairwise(readings):
            assert all(two[name] >= one[name] for name in one), f"a counter fell: {one}, then {two}"
        running: str | None = None
        for event in self.seen:
            if isinstance(event, JobStarted):
                assert running is None, f"{event} began while {running} ran"
                running = event.job_id
            elif isinstance(event, JobProgressed):
                assert event.job_id == running, f"{event}, but {running} ran"
                assert 0 <= event.fraction <= 1, event
            elif isinstance(event, JobEnded):
                assert event.job_id == running, f"{event} ended, but {running} ran"
                assert event.job_time_ms >= 0
                running = None
        starts = [event.job_id for event in self.of(JobStarted)]
        assert len(starts) == len(set(starts)), f"a job's id came twice: {starts}"


@asynccontextmanager
async def watching(driver: Driver) -> AsyncIterator[Watch]:
    """Read a driver for the length of a `with`; at its end hold what is always true of its events."""
    watch = Watch(driver)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await driver.aclose()
    watch.check()

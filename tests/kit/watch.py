"""Reads a driver as a gateway does: keeps every event, and waits for the next of a kind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import TypeVar

import pytest

from firmware_bridge.driver import Driver
from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, MachineEvent, ReadingTaken
from floor.meter import Quantity
from floor.words import Activity

DEADLINE_S = 30.0
E = TypeVar("E")


class Watch:
    """The events of one driver. Each `next` goes on behind the event that the last one found."""

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

    async def counted(self, quantity: Quantity, at_least: int) -> int:
        reading = await self.next(ReadingTaken, lambda event: event.counters.get(quantity, 0) >= at_least)
        return reading.counters[quantity]

    def counter(self, quantity: Quantity) -> int:
        """Return what the counter showed last, 0 before its first reading."""
        shown = [event.counters for event in self.seen if isinstance(event, ReadingTaken)]
        return next((counters[quantity] for counters in reversed(shown) if quantity in counters), 0)

    def check(self) -> None:
        """Hold what is true of every driver at every time."""
        readings = [event.counters for event in self.seen if isinstance(event, ReadingTaken)]
        for one, two in pairwise(readings):
            assert all(two[name] >= one[name] for name in one), f"a counter fell: {one}, then {two}"
        running: str | None = None
        for event in self.seen:
            if isinstance(event, JobStarted):
                assert running is None, f"{event} began while {running} ran"
                running = event.job_id
            elif isinstance(event, JobEnded):
                assert event.job_id == running, f"{event} ended, but {running} ran"
                assert event.job_time_ms >= 0
                running = None
        starts = [event.job_id for event in self.seen if isinstance(event, JobStarted)]
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

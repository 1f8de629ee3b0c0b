"""A machine-access-control box, answered over HTTP by whoever calls `update`. Implements nodes.node.Node."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from floor.errors import MachineFault
from hardware.events import ReaderEvent, ReaderFound, ReaderLost
from hardware.nodes import mac
from hardware.nodes.mac import MacBox, Update
from hardware.nodes.question import Question
from hardware.ports import Screen

GLANCE_S = 0.25
MAX_WAITING = 64


class MacNode:
    """The box that calls itself `machine_name`; lost when it was silent for `silent_s`.

    It cannot be called, only answered: an order reaches it with its next post, 10 s later at most, and
    `close` raises MachineFault unless the box was told off.
    """

    fail_safe = False  # without an answer its relay stays as it is

    def __init__(
        self,
        name: str,
        machine_name: str,
        address: str,
        silent_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.machine_name = machine_name
        self.address = address
        self._silent_s = silent_s
        self._clock = clock
        self._box = MacBox(self._tell)
        self._screen = Screen(())
        self._told: deque[ReaderEvent] = deque()
        self._came = asyncio.Event()
        self._on = self._closed = self._over = False
        self._said: bool | None = None
        self._lost: bool | None = None
        self._heard_s = clock()

    @property
    def is_on(self) -> bool:
        """What was commanded last."""
        return self._on

    def on(self) -> None:
        """Give power with the next answer."""
        assert not self._closed, f"box {self.name} is closed"
        self._on = True

    def off(self) -> None:
        """Take the power with the next answer."""
        self._on = False

    def feedback(self) -> bool | None:
        """Return None: a box does not say. MachineFault when it was lost with power."""
        if self._clock() - self._heard_s > self._silent_s and (self._on or self._said):
            raise MachineFault(
                f"box {self.name} was silent for {self._silent_s:g} s; it may still give power"
            )
        return None

    def close(self) -> None:
        """Refuse power for good; MachineFault where the box was not told so."""
        if self._closed:
            return
        self._on, self._closed = False, True
        if self._said is not False:
            raise MachineFault(f"box {self.name} was not told off: it keeps its power until it is answered")

    def show(self, screen: Screen) -> None:
        """Show with the next answer."""
        self._screen = screen

    async def update(self, update: Update) -> dict[str, object]:
        """Take a post; return the decision as it stands, after a tap once the station has decided."""
        at_s, found = self._clock(), self._lost is not False
        self._heard_s, self._lost = at_s, False
        if found:
            self._tell(ReaderFound())
        if len(self._told) < MAX_WAITING:
            question = self._box.heard(update, at_s, found=found)
            if question:
                await self._decided(question)
        self._said = self._on
        return mac.reply(self._screen, relay=self._on)

    async def _decided(self, question: Question) -> None:
        """Wait until the question is closed, at its deadline at the latest."""
        closed = asyncio.Event()
        question.when_closed = closed.set
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(question.deadline_s - self._clock()):
                await closed.wait()
        question.expire(self._clock())

    async def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what the box asks and does, until `aclose`."""
        while not self._over:
            self._came.clear()
            self._box.tick(self._clock())
            if not self._lost and self._clock() - self._heard_s > self._silent_s:
                self._lost = True
                self._tell(ReaderLost(f"{self.machine_name} was silent for {self._silent_s:g} s"))
            while self._told and not self._over:
                yield self._told.popleft()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_S):
                    await self._came.wait()

    async def aclose(self) -> None:
        """End `events`; the relay stays as it is until `close`."""
        self._over = True
        self._came.set()

    def _tell(self, event: ReaderEvent) -> None:
        self._told.append(event)
        self._came.set()

"""A simulated twin of each thing that is wired to the Pi, so that the whole floor runs on a laptop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from floor.errors import MachineFault
from floor.words import BadgeKind, InputRole
from hardware.events import (
    BadgeRemoved,
    BadgeTapped,
    InputChanged,
    InputEvent,
    InputLost,
    ReaderEvent,
    ReaderFound,
    ReaderLost,
    ReaderNoise,
)
from hardware.ports import Screen

_MOST_WAITING = 64
_KEPT_CHANGES = 1000

_Event = TypeVar("_Event")


class _Feed(Generic[_Event]):
    """Events from those who act to the one who listens."""

    def __init__(self) -> None:
        self._waiting: deque[_Event] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def put(self, event: _Event) -> None:
        """Add an event and let the listener run; asyncio.QueueFull when 64 wait and nobody listens."""
        if len(self._waiting) >= _MOST_WAITING:
            raise asyncio.QueueFull
        self._waiting.append(event)
        self._wake.set()
        await asyncio.sleep(0)

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def events(self) -> AsyncIterator[_Event]:
        while not self._closed:
            if self._waiting:
                yield self._waiting.popleft()
            else:
                self._wake.clear()
                await self._wake.wait()


class SimulatedReader:
    """A badge reader without a reader. Implements hardware.ports.Reader.

    As with a real one, what a lost reader does not see is told, where it still holds, once it is found.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._feed: _Feed[ReaderEvent] = _Feed()
        self._found = True
        self._lying: tuple[bytes, BadgeKind] | None = None
        self._told: tuple[bytes, BadgeKind] | None = None

    async def tap(self, uid: bytes, kind: BadgeKind = BadgeKind.UID_125KHZ) -> None:
        """Lay a badge on the reader, in place of any other; it stays until `remove`."""
        self._lying = (uid, kind)
        await self._tell()

    async def remove(self, uid: bytes) -> None:
        """Take the badge away, if it lies there."""
        if self._lying is not None and self._lying[0] == uid:
            self._lying = None
        await self._tell()

    async def lose(self, reason: str) -> None:
        """Unplug the reader."""
        if self._found:
            self._found = False
            await self._feed.put(ReaderLost(reason))

    async def find(self) -> None:
        """Plug the reader in again."""
        if not self._found:
            self._found = True
            await self._feed.put(ReaderFound())
            await self._tell()

    async def noise(self, detail: str) -> None:
        """Disturb the line."""
        if self._found:
            await self._feed.put(ReaderNoise(detail))

    async def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what happens until `aclose`."""
        if self._found:
            yield ReaderFound()
        async for event in self._feed.events():
            yield event

    async def aclose(self) -> None:
        """End `events`."""
        self._feed.close()

    async def _tell(self) -> None:
        if not self._found or self._lying == self._told:
            return
        gone, self._told = self._told, self._lying
        if gone is not None:
            await self._feed.put(BadgeRemoved(gone[0]))
        if self._lying is not None:
            await self._feed.put(BadgeTapped(*self._lying))


class SimulatedRelay:
    """A relay in memory whose contact can be welded or stuck. Implements hardware.ports.Relay.

    `history` holds the changes of the command (at most 1000), oldest first, from the False at the start.
    """

    def __init__(self, name: str, feedback_wired: bool = True) -> None:
        self.name = name
        self.history: deque[bool] = deque([False], maxlen=_KEPT_CHANGES)
        self._feedback_wired = feedback_wired
        self._closed = False
        self._fault: bool | None = None

    @property
    def is_on(self) -> bool:
        """What was commanded last."""
        return self.history[-1]

    @property
    def contact(self) -> bool:
        """Whether the machine has power, whatever was commanded."""
        return self.is_on if self._fault is None else self._fault

    def on(self) -> None:
        """Command the contact closed."""
        assert not self._closed, f"relay {self.name} is closed"
        self._command(True)

    def off(self) -> None:
        """Command the contact open."""
        self._command(False)

    def feedback(self) -> bool | None:
        """Return whether the contact is closed; None where feedback is not wired."""
        return self.contact if self._feedback_wired else None

    def close(self) -> None:
        """Switch off for good."""
        self.off()
        self._closed = True

    def weld(self) -> None:
        """Weld the contact: it stays closed whatever is commanded."""
        self._fault = True

    def stick_open(self) -> None:
        """Block the contact: it stays open whatever is commanded."""
        self._fault = False

    def repair(self) -> None:
        """Let the contact follow its command again."""
        self._fault = None

    def _command(self, level: bool) -> None:
        if level != self.is_on:
            self.history.append(level)


class SimulatedPanel:
    """A panel that remembers its last `kept` (> 0) screens, oldest first. Implements hardware.ports.Panel."""

    def __init__(self, name: str, kept: int = 20) -> None:
        self.name = name
        self.screens: deque[Screen] = deque(maxlen=kept)

    def show(self, screen: Screen) -> None:
        """Remember the screen."""
        self.screens.append(screen)


class SimulatedInput:
    """A contact in memory. Implements hardware.ports.Input."""

    def __init__(self, name: str, role: InputRole = InputRole.DOOR, active: bool = False) -> None:
        self.name = name
        self.role = role
        self.active = active
        self._lost = ""
        self._feed: _Feed[InputEvent] = _Feed()

    async def change(self, active: bool) -> None:
        """Bring the contact into this state; nothing is told when it is in it already, or is lost."""
        if active != self.active:
            self.active = active
            if not self._lost:
                await self._feed.put(InputChanged(self.name, active))

    async def lose(self, reason: str) -> None:
        """Make it unreadable, for this reason (not empty)."""
        if not self._lost:
            self._lost = reason
            await self._feed.put(InputLost(self.name, reason))

    async def find(self) -> None:
        """Make it readable again."""
        if self._lost:
            self._lost = ""
            await self._feed.put(InputChanged(self.name, self.active))

    def read(self) -> bool:
        """Return whether it is active."""
        if self._lost:
            raise MachineFault(f"input {self.name}: {self._lost}")
        return self.active

    async def events(self) -> AsyncIterator[InputEvent]:
        """Yield the state that held when the listener came, then each change."""
        yield InputLost(self.name, self._lost) if self._lost else InputChanged(self.name, self.active)
        async for event in self._feed.events():
            yield event

    async def aclose(self) -> None:
        """End `events`."""
        self._feed.close()

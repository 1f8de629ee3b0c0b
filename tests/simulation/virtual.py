"""Time that stands until everybody waits, then jumps to whoever waits shortest: an hour takes seconds.

What runs in threads runs in step with it. Functions that a program hands to a thread run at once and answer
later; the journal's own thread writes what it is given before anything else goes on, unless its disk is slow.
So the same seed takes the same way.
"""

from __future__ import annotations

import asyncio
import queue
import selectors
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from random import Random
from time import sleep
from typing import Any

STEP_S = 10.0
"""What a thread may take, in real seconds, until the simulation gives up."""


class _Jumping:
    """A selector that does not wait: it tells the loop for how long it would have."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[Any]:
        if ready := self._real.select(0):
            return ready
        assert timeout is not None, "everybody waits, and nothing will ever happen"
        self._jump(timeout)
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time. `lag` draws how long work in threads takes."""

    def __init__(self, random: Random) -> None:
        self.now_s = 1_000.0
        self._random = random
        super().__init__(_Jumping(self._pass))  # type: ignore[arg-type] # as far as the loop asks

    def _pass(self, seconds: float) -> None:
        self.now_s += max(seconds, 1e-6)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:
        """Do the work at once; its result comes a moment later, as from a thread."""
        future: asyncio.Future[Any] = self.create_future()
        try:
            result, error = func(*args), None
        except Exception as raised:  # noqa: BLE001 # a thread's error is its caller's
            result, error = None, raised

        def answer() -> None:
            if not future.done():
                future.set_result(result) if error is None else future.set_exception(error)

        self.call_later(self._random.uniform(0.0001, 0.01), answer)
        return future


class StepQueue:
    """The queue of the journal's thread. Whoever puts waits until the thread has done what was put.

    While `slow` is set, what is put is held back instead; `feed` lets one through.
    """

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self.held: deque[Any] = deque()
        self._changed = threading.Condition()
        self._idle = False
        self._poked = False
        self.slow = False
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def empty(self) -> bool:
        return not self._items

    def get(self, timeout: float) -> Any:
        with self._changed:
            while not self._items:
                self._idle = True
                self._changed.notify_all()
                if self._poked:
                    self._poked = False
                    raise queue.Empty
                self._changed.wait(STEP_S)
            return self._items.popleft()

    def put(self, item: Any) -> None:
        if item is None:  # the journal closes: whatever was held is of a process that is gone
            while self.held:
                self._hand(self.held.popleft())
            with self._changed:
                self._items.append(None)
                self._changed.notify_all()
        elif self.slow or self.held:
            self.held.append(item)
        else:
            self._hand(item)

    def feed(self) -> None:
        """Let the disk take one of what is held back."""
        if self.held:
            self._hand(self.held.popleft())

    def poke(self) -> None:
        """Have the thread find that there was nothing to do for a while."""
        with self._changed:
            self._idle = False
            self._poked = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._idle, STEP_S), "the journal's thread hangs"

    def _hand(self, item: Any) -> None:
        self.before()
        with self._changed:
            self._idle = False
            self._items.append(item)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._idle, STEP_S), "the journal's thread hangs"
        self.after()


class QueueModule:
    """Stands in for `queue` in the journal: remembers the queue that was made last."""

    Empty = queue.Empty

    def __init__(self) -> None:
        self.made: list[StepQueue] = []

    def SimpleQueue(self) -> StepQueue:
        self.made.append(StepQueue())
        return self.made[-1]


class TimeModule:
    """Stands in for `time` in one module. Nanoseconds are those of one computer's two clocks."""

    def __init__(
        self, loop: VirtualLoop, wall_ms: Callable[[], int], monotonic_ms: Callable[[], int]
    ) -> None:
        self._loop, self._wall_ms, self._monotonic_ms = loop, wall_ms, monotonic_ms

    def time_ns(self) -> int:
        return self._wall_ms() * 1_000_000

    def time(self) -> float:
        return self._wall_ms() / 1000

    def monotonic_ns(self) -> int:
        return self._monotonic_ms() * 1_000_000

    def monotonic(self) -> float:
        return self._loop.now_s

    def perf_counter(self) -> float:
        return self._loop.now_s

    sleep = staticmethod(sleep)

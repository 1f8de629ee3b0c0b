"""An event loop that never waits: its clock jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Skipping(selectors.DefaultSelector):
    """Selects without waiting; what would have been waited is added to `now_s`."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0 if timeout is not None else None)
        if not found and timeout:
            self.now_s += timeout
        return found


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0 and passes only while nothing else can be done; threads are waited for."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)
        self._threads = ThreadPoolExecutor(1)

    def time(self) -> float:
        """Return the seconds that have passed here."""
        return self._skipping.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> Future[T]:
        """Run to the end before anything else: here a thread takes no time."""
        done = self._threads.submit(func, *args)
        wait([done])
        return asyncio.wrap_future(done, loop=self)

    def close(self) -> None:
        """Close it, and its thread."""
        self._threads.shutdown()
        super().close()

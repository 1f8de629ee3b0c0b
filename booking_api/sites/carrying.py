"""Carries between sites for as long as `network serve` runs: each site and each pair in a thread of its own.

A thread that waits for a database that never answers waits alone, and nothing waits for it at the end: what
it had begun is undone by its database, and the next run takes the step again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from booking_api.quiet import Quiet
from booking_api.sites.courier import Courier, Work
from floor.errors import FloorError

log = logging.getLogger(__name__)
LOOK_S = 1.0
SILENT_S = 30.0
"""So long a step may take until the log says that it waits."""
STOP_S = 5.0
"""So long the end waits for steps that are under way."""


@dataclass(slots=True)
class _Round:
    """A thread that looks again and again; `since_s` is when the look began that is under way, else None."""

    thread: threading.Thread
    since_s: float | None = None


class Carrying:
    """All looks of a courier, side by side. `now_ms` is UTC milliseconds."""

    def __init__(self, courier: Courier, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._ended = threading.Event()
        self._quiet = Quiet(log)
        self._rounds: dict[str, _Round] = {}
        for name, work in courier.works().items():
            # A daemon: one that waits for ever does not keep the process.
            thread = threading.Thread(target=self._repeat, args=(name, work), name=name, daemon=True)
            self._rounds[name] = _Round(thread)

    def start(self) -> None:
        """Begin to look, and go on until `stop`."""
        for one in self._rounds.values():
            one.thread.start()

    def stop(self, within_s: float = STOP_S) -> list[str]:
        """Begin no further look; return which looks were still under way after so many seconds."""
        self._ended.set()
        ends_s = time.monotonic() + within_s
        for one in self._rounds.values():
            one.thread.join(max(0.0, ends_s - time.monotonic()))
        return [name for name, one in self._rounds.items() if one.thread.is_alive()]

    def silent(self, now_s: float) -> list[str]:
        """Return what has waited for an answer for more than SILENT_S, by the monotonic clock."""
        began = {name: one.since_s for name, one in self._rounds.items()}
        return [name for name, since_s in began.items() if since_s and now_s - since_s > SILENT_S]

    def _repeat(self, name: str, work: Work) -> None:
        mine = self._rounds[name]
        while not self._ended.is_set():
            mine.since_s, pause_s = time.monotonic(), LOOK_S
            try:
                work(self._now_ms())
            except (FloorError, SQLAlchemyError) as error:
                self._quiet.warn(name, error)
            except Exception:  # the supervisor's place: nobody else would hear of it, and the others go on
                log.exception("%s failed, and is tried again in %d s", name, SILENT_S)
                pause_s = SILENT_S
            mine.since_s = None
            self._ended.wait(pause_s)

"""What passes a driver's transports, kept in memory until it is saved; bounded.

A tape has entries: tables with `at`, the seconds since it began. `docs/drivers/recordings.md` has the format.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields

from firmware_bridge.events import MachineEvent
from floor.errors import MachineError

MOST_BYTES = 8 << 20
ENTRY_BYTES = 64
Entry = dict[str, object]


class Tape:
    """Takes entries until they hold `most_bytes`; `full` is set then, what follows is not kept."""

    def __init__(self, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self.entries: list[Entry] = []
        self.full = asyncio.Event()
        self.cut = False
        self._clock = clock
        self._began_s = clock()
        self._left = most_bytes
        self._lines: dict[str, int] = {}

    def now(self) -> float:
        """Return the seconds since it began."""
        return round(self._clock() - self._began_s, 4)

    def line(self, kind: str) -> Line:
        """Name the next transport of a kind: `http1`, `http2`, …"""
        self._lines[kind] = self._lines.get(kind, 0) + 1
        return Line(self, f"{kind}{self._lines[kind]}")

    def note(self, **values: object) -> None:
        """Keep an entry."""
        self._left -= ENTRY_BYTES + _size(values)
        if self._left < 0:
            self.cut = True
            self.full.set()
        if not self.cut:
            self.entries.append({"at": self.now(), **values})

    def end(self) -> None:
        """Keep when it ended, and whether the limit ended it; in an entry that always fits."""
        last = self.entries[-1]["at"] if self.cut and self.entries else self.now()
        self.entries.append({"at": last, "ended": "limit" if self.cut else "as wanted"})

    def said(self, event: MachineEvent) -> None:
        """Keep what the driver said."""
        self.note(event=event_table(event))


@dataclass(slots=True)
class Line:
    """Where one transport, or one connection of it, makes its entries."""

    tape: Tape
    name: str
    _connections: int = 0

    def connection(self) -> Line:
        """Name the next connection: `sockets1.1`, `sockets1.2`, …"""
        self._connections += 1
        return Line(self.tape, f"{self.name}.{self._connections}")

    def note(self, **values: object) -> None:
        """Keep an entry of this line."""
        self.tape.note(on=self.name, **values)

    @contextmanager
    def failures(self, **values: object) -> Iterator[None]:
        """Keep a MachineError that passes, beside `values`."""
        try:
            yield
        except MachineError as error:
            self.note(**values, failed=[type(error).__name__, str(error)])
            raise


def event_table(event: MachineEvent) -> dict[str, object]:
    """Return an event as a table of JSON: `event` names it, its fields follow."""
    table: dict[str, object] = {"event": type(event).__name__}
    for one in fields(event):
        value = getattr(event, one.name)
        if isinstance(value, Mapping):
            value = {str(name): count for name, count in value.items()}
        table[one.name] = str(value) if isinstance(value, str) else value  # a StrEnum as its word
    return table


def _size(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(one) for one in value.values())
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return 8

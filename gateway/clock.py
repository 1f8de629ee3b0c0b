"""The gateway's clock: durations from the monotonic clock, wall time with what is known of its error."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from floor.timescale import TimeScale

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: a wall clock that shows less is a Pi's without a battery that has not yet learned the time."""


class Clock(Protocol):
    """What the gateway asks of time; tests put a clock of their own in its place."""

    boot_id: str

    def monotonic_ms(self) -> int:
        """Return milliseconds since some instant before start, never falling."""

    def wall_ms(self) -> int:
        """Return UTC milliseconds since 1970, as far as the machine knows them."""

    def known(self) -> bool:
        """Whether wall time can be trusted to decide on dates."""

    def error_ms(self) -> int | None:
        """Return by how much wall time may be wrong, None where nobody knows."""


class SystemClock:
    """The machine's own clocks, on floor time. `last_recorded_ms` is the newest wall time in the journal."""

    def __init__(self, scale: TimeScale | None = None, last_recorded_ms: int = 0) -> None:
        self._scale = scale
        self._speed = scale.speed if scale else 1
        self._start_ns = time.monotonic_ns()
        self._earliest_ms = max(EARLIEST_MS, last_recorded_ms)
        self.boot_id = BOOT_ID.read_text().strip() if BOOT_ID.exists() else f"start-{time.time_ns()}"

    def monotonic_ms(self) -> int:
        """Return floor milliseconds since this object was made."""
        return (time.monotonic_ns() - self._start_ns) * self._speed // 1_000_000

    def wall_ms(self) -> int:
        """Return floor time."""
        real_ms = time.time_ns() // 1_000_000
        return self._scale.at(real_ms) if self._scale else real_ms

    def known(self) -> bool:
        """Whether the clock shows no time before one that it has shown already."""
        return self.wall_ms() >= self._earliest_ms

    def error_ms(self) -> int | None:
        """Return 1000 once systemd-timesyncd has set the clock, which keeps it well within a second.

        Floor time on a scale is 0 wrong: all of a demonstration's processes read it from one clock.
        """
        if self._scale:
            return 0
        return 1000 if SYNCHRONIZED.exists() else None

"""The gateway's clock: durations from the monotonic clock, wall time with what is known of its error."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Protocol

from floor.timescale import TimeScale

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: a wall clock that shows less is a Pi's without a battery that has not yet learned the time."""
UNSYNCHRONIZED = 0x40
"""STA_UNSYNC of adjtimex(2)."""
TRUSTED_MS = 600_000
"""A clock that the server's contradicts by more is not believed: ten minutes."""
TRANSIT_MS = 1_000
"""What a message from the server may take on its way, beside the difference of the clocks."""
HEARD_FOR_MS = 3_600_000
"""For how long an hour that the server told stands against later ones that came slower."""


class Clock(Protocol):
    """What the gateway asks of time; tests put a clock of their own in its place."""

    boot_id: str

    def monotonic_ms(self) -> int:
        """Return milliseconds since the machine started, never falling."""

    def wall_ms(self) -> int:
        """Return UTC milliseconds since 1970, as far as the machine knows them."""

    def known(self) -> bool:
        """Whether wall time can be trusted to decide on dates."""

    def error_ms(self) -> int | None:
        """Return by how much wall time may be wrong, None where nobody knows."""

    def not_before(self, wall_ms: int) -> None:
        """Take that it was this late already, by what was recorded."""

    def heard(self, server_ms: int) -> None:
        """Take the time at which the server signed a message that has just come."""


class SystemClock:
    """The machine's own clocks, on floor time."""

    def __init__(self, scale: TimeScale | None = None) -> None:
        self._scale = scale
        self._speed = scale.speed if scale else 1
        self._earliest_ms = EARLIEST_MS
        self._heard: tuple[int, int] | None = None
        self.boot_id = BOOT_ID.read_text().strip() if BOOT_ID.exists() else f"start-{time.time_ns()}"

    def monotonic_ms(self) -> int:
        """Return floor milliseconds since the machine started."""
        return time.monotonic_ns() * self._speed // 1_000_000

    def wall_ms(self) -> int:
        """Return floor time."""
        real_ms = time.time_ns() // 1_000_000
        return self._scale.at(real_ms) if self._scale else real_ms

    def known(self) -> bool:
        """Whether the server agrees; until it has spoken, that the clock shows no time that was already.

        The journal's last time may be of a clock that had jumped ahead: then the server knows better.
        """
        error_ms = self._heard_error_ms()
        return self.wall_ms() >= self._earliest_ms if error_ms is None else error_ms <= TRUSTED_MS

    def not_before(self, wall_ms: int) -> None:
        """Take that it was this late already."""
        self._earliest_ms = max(self._earliest_ms, wall_ms)

    def heard(self, server_ms: int) -> None:
        """Hold the server's time against the monotonic clock: so a step of the wall clock is noticed.

        A message may come late and never early, so of several the one that says the latest time is nearest.
        """
        if self._scale:
            return  # one clock for all, on which a message takes minutes
        now_ms = self.monotonic_ms()
        offset_ms = server_ms - now_ms
        if self._heard is None or offset_ms > self._heard[0] or now_ms - self._heard[1] > HEARD_FOR_MS:
            self._heard = (offset_ms, now_ms)

    def _heard_error_ms(self) -> int | None:
        """Return by how much the wall clock is off by the server's time; None where it was not told."""
        if self._heard is None:
            return None
        return abs(self.wall_ms() - self.monotonic_ms() - self._heard[0]) + TRANSIT_MS

    def error_ms(self) -> int | None:
        """Return the kernel's bound where something keeps its clock, else what the server's time proved.

        Floor time on a scale is 0 wrong: all of a demonstration's processes read it from one clock.
        """
        if self._scale:
            return 0
        kept_ms = _kernel_error_ms()
        error_ms = self._heard_error_ms() if kept_ms is None else kept_ms
        return error_ms if self.known() else None


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` of adjtimex(2), and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def _kernel_error_ms() -> int | None:
    """Return the most by which the kernel's clock is wrong, None while no time service keeps it."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    state = _Timex(modes=0)
    if adjtimex is None or adjtimex(ctypes.byref(state)) < 0 or state.status & UNSYNCHRONIZED:
        return None
    return int(state.maxerror) // 1000 + 1

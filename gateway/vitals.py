"""How the gateway's computer is doing: disk, memory, temperature. Nothing of the floor waits for it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from floor.wire.messages import Vitals
from gateway.metrics import free_ratio

EVERY_S = 30.0
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
MEMINFO, STATUS = Path("/proc/meminfo"), Path("/proc/self/status")


class Pulse:
    """Looks now and then, in a thread that no exit waits for: a disk that hangs holds up only that."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._last = Vitals()
        self._looked_s = -EVERY_S
        self._looking: threading.Thread | None = None

    def vitals(self, clock_error_ms: int | None, answer_ms: int | None) -> Vitals:
        """Return what was seen last, and look again where that is old; never waits."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= EVERY_S and not (self._looking and self._looking.is_alive()):
            self._looked_s = now_s
            self._looking = threading.Thread(target=self._look, name="vitals", daemon=True)
            self._looking.start()
        return self._last.model_copy(update={"clock_error_ms": clock_error_ms, "answer_ms": answer_ms})

    def _look(self) -> None:
        self._last = look(self._data)


def look(data: Path) -> Vitals:
    """Ask the disk of a folder and the kernel; what they do not say is None. Waits for the disk."""
    try:
        free: int | None = round(free_ratio(data) * 1000)
    except OSError:
        free = None
    heat = _number(THERMAL, "")
    return Vitals(
        free_permille=free,
        rss_kb=_number(STATUS, "VmRSS:"),
        memory_kb=_number(MEMINFO, "MemAvailable:"),
        celsius=round(heat / 1000) if heat is not None and -100_000 < heat < 300_000 else None,
    )


def _number(file: Path, key: str) -> int | None:
    """Return the number behind a key of a file of the kernel's (proc(5)), None where it is not there."""
    try:
        for line in file.read_text().splitlines():
            if line.startswith(key):
                return int(line.removeprefix(key).split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return None

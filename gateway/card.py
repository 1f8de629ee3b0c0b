"""How long the disk takes to keep what it is told: each session's start waits for it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

APPENDS = 200
ENTRY = b"x" * 600
"""About what the start of a session takes in the journal."""
TAP_MS = 50.0
"""What a tap may take (docs/performance.md)."""
LEAST_FREE = 200 << 20


def durable_ms(
    folder: Path, appends: int = APPENDS, sync: Callable[[int], None] = os.fdatasync
) -> tuple[float, float]:
    """Append to a file so many times, durably each time; returns the median and the 99th percentile in ms.

    The file goes away again. Raises OSError.
    """
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(appends):
            begun = time.perf_counter()
            file.write(ENTRY)
            file.flush()
            sync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    return took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]


def report(
    folder: Path,
    fine: Callable[[str], None],
    lacks: Callable[[str], None],
    appends: int = APPENDS,
    sync: Callable[[int], None] = os.fdatasync,
) -> None:
    """Say what the disk of a folder takes, what that means for a tap, and how much room there is."""
    try:
        median, worst = durable_ms(folder, appends, sync)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        lacks(f"disk: {folder} cannot be written: {error.strerror}")
        return
    words = f"disk: an entry is durable after {median:.1f} ms (median), {worst:.1f} ms (99 of 100)"
    if worst < TAP_MS / 2:
        fine(f"{words}: fit for taps under {TAP_MS:.0f} ms")
    elif median < TAP_MS / 2:
        fine(f"{words}: most taps stay under {TAP_MS:.0f} ms, some do not; a better card or an SSD mends it")
    else:
        lacks(f"{words}: taps take longer than {TAP_MS:.0f} ms; take a better card, or an SSD")
    if free < LEAST_FREE:
        lacks(f"disk: only {free >> 20} MiB are free at {folder}")

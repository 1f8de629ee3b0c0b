"""What the journal writes to a gateway's card, by every write and flush of its process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.benchmarks.result import Figure
from tests.kit.disk.cuts import JOURNALIST
from tests.kit.disk.journalist import facts
from tests.kit.disk.writes import Write, recorded, recorder

SESSIONS = 400
STATIONS, HOURS, CHECKPOINT_S, TAPS = 16, 10, 30, 400
"""A busy day: all stations in use for ten hours, with checkpoints, and so many taps that begin or end it."""


async def wear(folder: Path) -> list[Figure]:
    """Record a journal whose entries come one by one, and count what a busy day would write."""
    data = folder / "data"
    data.mkdir()
    program = [*JOURNALIST, str(data), str(SESSIONS)]
    writes = await asyncio.to_thread(recorded, program, data, recorder(folder))
    entries = sum(len(facts(n)) for n in range(SESSIONS))
    kib = sum(len(one.data) for one in writes if _on_card(one)) / 1024 / entries
    flushes = sum(one.kind == "S" for one in writes) / entries
    day = STATIONS * HOURS * 3600 / CHECKPOINT_S + TAPS
    return [
        Figure("card: written for one entry of the journal that comes alone", round(kib, 1), "KiB"),
        Figure("card: flushes for one such entry", round(flushes, 2), "", 1.0),
        Figure(
            f"card: a day of {STATIONS} stations in use for {HOURS} h, checkpoints included, at most",
            round(day * kib / 1024),
            "MiB",
        ),
    ]


def _on_card(one: Write) -> bool:
    """The index of the write-ahead log is shared memory: it is written to, but never flushed."""
    return one.kind == "W" and one.name.startswith("journal.db") and not one.name.endswith("-shm")

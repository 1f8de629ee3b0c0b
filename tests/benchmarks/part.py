"""One part of `make bench`, in a process of its own: `python -m tests.benchmarks.part NAME FILE`.

Its figures go to FILE as JSON. A part that fails, or is ended for its length, takes no other with it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    beside,
    bills,
    budget,
    card,
    close,
    machines,
    memory,
    pages,
    rosters,
    server,
    taps,
    workers,
)
from tests.benchmarks.result import Figure

Benchmark = Callable[[Path], Coroutine[Any, Any, list[Figure]]]
BENCHMARKS: dict[str, Benchmark] = {
    "floor": taps.against_the_floor,
    "stations": taps.twenty_stations,
    "broker": taps.broker_stopped,
    "disk-20ms": partial(taps.hung_disk, seconds=0.02),
    "disk-500ms": partial(taps.hung_disk, seconds=0.5),
    "disk-30s": partial(taps.hung_disk, seconds=30),
    "beside": beside.taps,
    "start": beside.start,
    "rosters": rosters.rosters,
    "ingest": server.ingest,
    "workers": workers.workers,
    "budget": budget.limits,
    "close": close.close,
    "close-postgres": close.close_on_postgres,
    "bills": bills.bills,
    "card": card.wear,
    "pages": pages.pages,
    "memory": memory.gateway_memory,
    "machines": machines.machines,
}


def main(name: str, file: Path) -> None:
    """Measure one part."""
    logging.disable(logging.CRITICAL)
    # Beside the checkout and not in /tmp, which may be memory on which fsync costs nothing.
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build", prefix="bench-") as folder:
        figures = asyncio.run(BENCHMARKS[name](Path(folder)))
    file.write_text(json.dumps([asdict(figure) for figure in figures]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

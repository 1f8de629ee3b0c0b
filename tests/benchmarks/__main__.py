"""make bench: measure, print a table and JSON, and with --write put both into docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import beside, budget, card, close, machines, memory, pages, rosters, server, taps
from tests.benchmarks.result import Figure, as_json, machine, table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
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
    "budget": budget.limits,
    "close": close.close,
    "close-postgres": close.close_on_postgres,
    "card": card.wear,
    "pages": pages.pages,
    "memory": memory.gateway_memory,
    "machines": machines.machines,
}
LONG = {"close-postgres"}
"""Measured when they are named only."""


def main() -> int:
    parser = argparse.ArgumentParser("make bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=BENCHMARKS, default=[name for name in BENCHMARKS if name not in LONG]
    )
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--write", type=Path, help="the page whose measured part is replaced")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    figures: list[Figure] = []
    for name in arguments.only:
        print(f"measuring {name} …", file=sys.stderr)
        # Beside the checkout and not in /tmp, which may be memory on which fsync costs nothing.
        with tempfile.TemporaryDirectory(dir=Path.cwd() / "build", prefix="bench-") as folder:
            figures += asyncio.run(BENCHMARKS[name](Path(folder)))
    print(table(figures))
    print(as_json(figures))
    if arguments.json:
        arguments.json.write_text(as_json(figures))
    if arguments.write:
        write(arguments.write, figures)
    return 0


def write(page: Path, figures: list[Figure]) -> None:
    """Replace the measured part of a page."""
    text = page.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    day = datetime.now(UTC).date()
    page.write_text(f"{before}{BEGIN}\nMeasured {day} on {machine()}.\n\n{table(figures)}\n{END}{after}")


if __name__ == "__main__":
    raise SystemExit(main())

"""make bench: measure, print a table and JSON, and with --write put both into docs/performance.md."""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.part import BENCHMARKS
from tests.benchmarks.result import Figure, as_json, failed, machine, table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
LONG = {"close-postgres"}
"""Measured when they are named only."""
LIMIT_S, END_S = 900, 60
"""A part that takes longer is ended, and may tidy up for a minute."""


def main() -> int:
    parser = argparse.ArgumentParser("make bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=BENCHMARKS, default=[name for name in BENCHMARKS if name not in LONG]
    )
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--write", type=Path, help="the page whose measured part is replaced")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    began = time.monotonic()
    for name in arguments.only:
        figures += measured(name)
    minutes = (time.monotonic() - began) / 60
    print(table(figures))
    print(as_json(figures))
    if arguments.json:
        arguments.json.write_text(as_json(figures))
    if arguments.write:
        others = [
            failed(name, "not run: it was not named") for name in BENCHMARKS if name not in arguments.only
        ]
        write(arguments.write, figures + others, minutes)
    broken = [figure for figure in figures if figure.said.startswith("failed")]
    for figure in broken:
        print(f"{figure.what} {figure.said}", file=sys.stderr)
    return 1 if broken else 0


def measured(name: str) -> list[Figure]:
    """Return the figures of one part, or one that says how it failed."""
    print(f"measuring {name} …", end=" ", file=sys.stderr, flush=True)
    began, before = time.monotonic(), _processor_s()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "tests.benchmarks.part", name, file.name]
        part = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            said = part.communicate(timeout=LIMIT_S)[1]
        except subprocess.TimeoutExpired:
            part.send_signal(signal.SIGINT)  # it stops what it started
            said = _ended(part) + f"it took more than {LIMIT_S} s"
        took_s, used_s = time.monotonic() - began, _processor_s() - before
        print(f"{took_s:.0f} s, {used_s:.0f} s of processor", file=sys.stderr, flush=True)
        if part.returncode == 0:
            return [Figure(**one) for one in json.loads(Path(file.name).read_text())]
    print(said, file=sys.stderr)
    return [failed(name, said.strip().rpartition("\n")[2] or f"it ended with {part.returncode}")]


def _ended(part: subprocess.Popen[str]) -> str:
    try:
        return part.communicate(timeout=END_S)[1]
    except subprocess.TimeoutExpired:
        part.kill()
        return part.communicate()[1]


def _processor_s() -> float:
    """Seconds of processor of all that ended and was waited for; a PostgreSQL of a part is not in it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write(page: Path, figures: list[Figure], minutes: float) -> None:
    """Replace the measured part of a page."""
    text = page.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    when = f"Measured {datetime.now(UTC).date()} on {machine()}, in {minutes:.0f} minutes."
    page.write_text(f"{before}{BEGIN}\n{when}\n\n{table(figures)}\n{END}{after}")


if __name__ == "__main__":
    raise SystemExit(main())

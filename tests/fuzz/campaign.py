"""Ten million inputs for what reads from outside, each target its share, in a process of its own.

python -m tests.fuzz.campaign --inputs 10000000 --seed 1 [--minutes 60]
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.engine import Run, fuzz
from tests.fuzz.targets import TARGETS

OUT = Path("build/fuzz.json")
MEMORY_BYTES = 2 << 30
"""What a process of the campaign may have in all: an input that takes more is a finding."""
NAMED = {target.name: target for target in TARGETS}


def one(work: tuple[str, int, int, float]) -> Run:
    """Fuzz one target in a process of its own: its name, a seed, so many inputs, seconds at most."""
    name, seed, inputs, seconds = work
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    return fuzz(NAMED[name], seed, inputs, seconds, timed=True)


def weights(only: str) -> dict[str, float]:
    """The quicker a target is, the more it is given: measured with a few inputs of another seed."""
    logging.disable(logging.CRITICAL)
    runs = {name: fuzz(target, 0, 300) for name, target in NAMED.items() if only in name}
    speed = {name: 1e-3 / max(1e-5, run.seconds / max(1, run.inputs)) for name, run in runs.items()}
    return {name: one / sum(speed.values()) for name, one in speed.items()}


def main() -> int:
    """Run, print a line for each target, and write what came of it to build/fuzz.json."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--inputs", type=int, default=10_000_000, help="in all")
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--minutes", type=float, default=240, help="processor time in all, at most")
    reader.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    reader.add_argument("--out", type=Path, default=OUT)
    reader.add_argument("--only", default="", help="targets with this in their name")
    asked = reader.parse_args()
    share, began_s, runs = weights(asked.only), time.monotonic(), list[Run]()
    work = [
        (name, asked.seed, round(asked.inputs * part) + 1, 60 * asked.minutes / len(share))
        for name, part in share.items()
    ]
    with multiprocessing.get_context("fork").Pool(asked.jobs, maxtasksperchild=1) as pool:
        for run in pool.imap_unordered(one, work):
            runs.append(run)
            _say(run)
            _write(asked.out, runs, asked.seed, time.monotonic() - began_s)
    print(f"{sum(run.inputs for run in runs):,} inputs, {sum(len(run.found) for run in runs)} findings")
    return 1 if any(run.found for run in runs) else 0


def _say(run: Run) -> None:
    print(
        f"{run.target}: {run.inputs:,} inputs, {run.refused:,} refused, {run.seconds:.0f} s of processor,"
        f" slowest {1000 * run.slowest_s:.0f} ms, {run.lines} lines, {run.kept} kept",
        flush=True,
    )
    for found in run.found:
        print(f"  FOUND {found.data[:2_000]!r}\n{found.how}", flush=True)


def _write(out: Path, runs: list[Run], seed: int, wall_s: float) -> None:
    out.parent.mkdir(exist_ok=True)
    whole = {
        "seed": seed,
        "inputs": sum(run.inputs for run in runs),
        "findings": sum(len(run.found) for run in runs),
        "processor_s": round(sum(run.seconds for run in runs), 1),
        "wall_s": round(wall_s, 1),
        "targets": [
            asdict(run) | {"found": [repr(one.data) for one in run.found]} for run in sorted(runs, key=_name)
        ],
    }
    out.write_text(json.dumps(whole, indent=1) + "\n")


def _name(run: Run) -> str:
    return run.target


if __name__ == "__main__":
    sys.exit(main())

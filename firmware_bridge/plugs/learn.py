"""Proposes from recorded watts what is busy and what is idle.

`python -m firmware_bridge.plugs.learn FILE` reads one number of watts a line, and prints the settings.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

LEAST_SAMPLES = 20
LEAST_SHARE = 0.02
STRAYS = 0.02
APART = 1.3
FLOOR_W = 0.5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is proposed: watts above which a machine is busy, and below which it is idle."""

    busy_above_w: float
    idle_below_w: float


def propose(watts: Sequence[float]) -> Thresholds | None:
    """Find the two clusters that samples fall into; None where there are not two, or too few samples.

    Samples (W, ≥ 0) are compared by their ratio: standby of 4 or 6 W is one thing, 6 or 300 W are two.
    The cut is where the squares of the distances to both means are least in sum; each cluster holds at least
    LEAST_SHARE of the samples, STRAYS of each at the edges do not count, and the upper begins at APART times
    the end of the lower. The thresholds lie a third and two thirds of the way between them.
    """
    logs = sorted(math.log(max(one, FLOOR_W)) for one in watts if math.isfinite(one) and one >= 0)
    least = max(2, math.ceil(len(logs) * LEAST_SHARE))
    if len(logs) < LEAST_SAMPLES:
        return None
    sums = [0.0, *accumulate(logs)]

    def between(cut: int) -> float:
        low, high = sums[cut], sums[-1] - sums[cut]
        return low * low / cut + high * high / (len(logs) - cut)

    cut = max(range(least, len(logs) - least + 1), key=between)
    low = logs[cut - 1 - int(cut * STRAYS)]
    high = logs[cut + int((len(logs) - cut) * STRAYS)]
    if high - low < math.log(APART):
        return None
    third = (high - low) / 3
    return Thresholds(round(math.exp(low + 2 * third), 1), round(math.exp(low + third), 1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the settings that a file of samples proposes; 1 when it shows no two states."""
    parser = argparse.ArgumentParser(prog="python -m firmware_bridge.plugs.learn", description=__doc__)
    parser.add_argument("file", type=Path, help="one number of watts a line")
    given = parser.parse_args(arguments)
    try:
        watts = [float(line) for line in given.file.read_text().split()]
    except (OSError, ValueError) as error:
        parser.exit(1, f"{given.file}: {error}\n")
    found = propose(watts)
    if found is None:
        parser.exit(1, f"{given.file}: no two states in {len(watts)} samples: record idle and work\n")
    print(f"busy_above_w = {found.busy_above_w}\nidle_below_w = {found.idle_below_w}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

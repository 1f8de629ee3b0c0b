"""A day of a large floor: 200 stations, 5,000 members, evening and night, and all that goes wrong in a day.

python -m tests.simulation.day
python -m tests.simulation.day --seed 7 --hours 2      another day, or the beginning of one

The simulated floor of tests.simulation.world with its oracle, in one process and on one core.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time
from pathlib import Path

from tests.simulation.campaign import SHOWN, live
from tests.simulation.world import Plan

RESULT = Path("build/day.json")


def main() -> int:
    """Live the day, print and record what came of it and what it took; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--gateways", type=int, default=10)
    parser.add_argument("--stations", type=int, default=20, help="of each gateway")
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--limit", type=int, default=20_000_000, help="what each fifth may owe, micro-units")
    parser.add_argument("--seldom", type=int, default=5, help="how seldom things fail: 5 is once an hour")
    parser.add_argument("--coarse", type=int, default=6, help="stations tick, and so on, so seldom")
    given = parser.parse_args()
    plan = Plan(
        given.seed,
        gateways=given.gateways,
        stations=given.stations,
        people=given.people,
        hours=given.hours,
        pace=20,
        limit_micro=given.limit,
        leaps=True,
        seldom=given.seldom,
        human=True,
        coarse=given.coarse,
        limited_each=5,
    )
    gc.set_threshold(100_000, 50, 50)  # thousands of members live on: to look through them takes long
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    lived = live(plan)
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    took = {
        "wall_s": round(time.monotonic() - began_s),
        "processor_s": round(time.process_time() - began_cpu_s),
        "memory_mib": memory_mib,
    }
    stations = given.gateways * given.stations
    print(f"seed {lived.seed}: {lived.uses} uses of {stations} stations by {given.people} members", end=" ")
    print(f"in {lived.hours:.1f} hours, {lived.entries} journal entries")
    print(", ".join(f"{what} {figure}" for what, figure in took.items()))
    for name, counts in (("ends", lived.ends), ("sessions", lived.sessions), ("happened", lived.happened)):
        print(f"{name}: " + ", ".join(f"{what} {count}" for what, count in counts.most_common()))
    print(*lived.contradictions[:SHOWN], f"contradictions: {len(lived.contradictions)}", sep="\n")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(vars(lived) | took, indent=1))
    return bool(lived.contradictions)


if __name__ == "__main__":
    sys.exit(main())

"""Many seeds of the simulated floor, and what came of them: `make campaign`.

python -m tests.simulation.campaign --seeds 60 --sessions 120
python -m tests.simulation.campaign --first 17 --seeds 1     one seed again, with its contradictions
python -m tests.simulation.campaign --seeds 1 --gateways 20 --stations 10 --people 5000 --hours 24 --pace 20
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.simulation.oracle import judge
from tests.simulation.world import Plan, World, run

RESULT = Path("build/campaign.json")
MEMORY = Path("/dev/shm")
SHOWN = 20


@dataclass
class Lived:
    """What came of one seed."""

    seed: int
    uses: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    sessions: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    hours: float = 0.0
    entries: int = 0
    contradictions: list[str] = field(default_factory=list)


def live(plan: Plan) -> Lived:
    """Run one seed in a folder of its own, in memory where there is some: its disk is simulated anyway."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            return run(plan, Path(folder), _sum_up)
    finally:
        logging.disable(before)


def _sum_up(world: World) -> Lived:
    rows = world.floor.sessions().values()
    return Lived(
        seed=world.plan.seed,
        uses=len(world.uses),
        ends=Counter(use.how for use in world.uses),
        sessions=Counter(str(row.state) for row in rows),
        happened=world.happened,
        entries=world.entries(),
        hours=(world.loop.now_s - 1_000) / 3_600,
        contradictions=judge(world),
    )


def main() -> int:
    """Run the seeds, print and record what came of them; 1 when any contradicts the truth."""
    parser = argparse.ArgumentParser(prog="make campaign", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=120)
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--stations", type=int, default=3, help="of each gateway")
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--hours", type=float, default=0.0, help="instead of so many sessions")
    parser.add_argument("--pace", type=int, default=1, help="how many times as long as usual a use takes")
    parser.add_argument("--limit", type=int, default=None, help="what each second may owe, in micro-units")
    parser.add_argument("--twins", type=int, default=0, help="computers with a copied card")
    parser.add_argument("--leaps", action="store_true", help="clocks go far off too, and the server's own")
    parser.add_argument("--calm", action="store_true", help="nothing fails")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    given = parser.parse_args()
    one = Plan(
        given.first, given.sessions, not given.calm, given.gateways, given.stations, given.people,
        given.hours, given.pace, given.limit, given.twins, given.leaps,
    )  # fmt: skip
    plans = [replace(one, seed=seed) for seed in range(given.first, given.first + given.seeds)]
    began_s, whole = time.monotonic(), Lived(given.first)
    with ProcessPoolExecutor(given.jobs) as pool:
        for lived in pool.map(live, plans):
            print(
                f"seed {lived.seed}: {lived.uses} uses, {len(lived.contradictions)} contradictions",
                flush=True,
            )
            for words in lived.contradictions[:SHOWN]:
                print(f"    {words}")
            whole.uses += lived.uses
            whole.hours += lived.hours
            whole.ends += lived.ends
            whole.sessions += lived.sessions
            whole.happened += lived.happened
            whole.contradictions += [f"seed {lived.seed}: {words}" for words in lived.contradictions]
    print(f"\n{given.seeds} seeds, {whole.uses} uses in {whole.hours:.0f} hours of a floor", end=", ")
    print(f"simulated in {time.monotonic() - began_s:.0f} s")
    for name, counts in (("ends", whole.ends), ("sessions", whole.sessions), ("happened", whole.happened)):
        print(f"{name}: " + ", ".join(f"{what} {count}" for what, count in counts.most_common()))
    print(f"contradictions: {len(whole.contradictions)}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(vars(whole) | {"seeds": given.seeds}, indent=1))
    return bool(whole.contradictions)


if __name__ == "__main__":
    sys.exit(main())

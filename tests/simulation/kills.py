"""Gateway, server, broker and PostgreSQL killed with SIGKILL at random moments while machines are used.

python -m tests.simulation.kills --kills 200 --seed 1

Then every session of the server is held against the contacts' own truth. Who is killed when, and who taps,
comes of the seed; how far a process has come in that moment does not, so a seed is repeated nearly.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.peers.postgres import Cluster
from tests.simulation.kills_oracle import contradictions, has_all, read
from tests.simulation.processes import ADA, BEN, LAID_S, Space, until

RESULT = Path("build/kills.json")
MEMORY = Path("/dev/shm")
MACHINES = ("saw", "mill", "lathe")
BETWEEN_S = (0.2, 6.0)
DOWN_S = (0.1, 4.0)
TAP_S = (LAID_S, 4.0)
SETTLED_S = 180.0
EMPTIED = 0.3
"""How often a broker that was killed comes back without what it kept."""


class Fight:
    """A running space, its people, and who kills: `live` until so many were killed and all is well again."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.random = space, Random(seed)
        self.happened: Counter[str] = Counter()
        self._returns: dict[str, float] = {}

    def live(self, kills: int) -> None:
        last = len(self.space.deaths) + kills
        self.space.tap_until(closed=True)
        taps_s = dict.fromkeys(self.space.machines, time.monotonic())
        kill_s = time.monotonic() + self.random.uniform(*BETWEEN_S)
        while len(self.space.deaths) < last or self._returns:
            for machine, due_s in taps_s.items():
                if time.monotonic() > due_s:
                    taps_s[machine] = time.monotonic() + self.random.uniform(*TAP_S)
                    self._tap(machine)
            self._come_back()
            if len(self.space.deaths) < last and time.monotonic() > kill_s:
                kill_s = time.monotonic() + self.random.uniform(*BETWEEN_S)
                self._kill()
            time.sleep(0.02)
        self._settle()

    def _tap(self, machine: str) -> None:
        badge = self.random.choices((ADA, BEN), (2, 1))[0]
        if "gateway" not in self._returns:  # else nobody listens at the line
            self.space.tap(machine, badge)

    def _kill(self) -> None:
        alive = [name for name in self.space.processes if name not in self._returns]
        if alive:
            name = self.random.choice(alive)
            self.space.kill(name)
            self.happened[f"{name} killed"] += 1
            self._returns[name] = time.monotonic() + self.random.uniform(*DOWN_S)

    def _come_back(self) -> None:
        """Start who was killed, when it is due; and who ended by itself, as its unit does."""
        for name, process in self.space.processes.items():
            if name not in self._returns and process.poll() is not None:
                self.happened[f"{name} ended by itself"] += 1
                self._returns[name] = time.monotonic() + 1
        for name in [name for name, due_s in self._returns.items() if time.monotonic() > due_s]:
            if name == "gateway":
                self.space.stop_post()
                self.space.forget_taps()
            if name == "broker" and self.random.random() < EMPTIED:
                (self.space.folder / "broker/mosquitto.db").unlink(missing_ok=True)
                self.happened["broker emptied"] += 1
            del self._returns[name]
            self.space.start(name)

    def _settle(self) -> None:
        """End every use, and wait until the server has all that the gateway recorded."""
        for machine in self.space.machines:
            while self.space.rig.closed(machine):
                for badge in (ADA, BEN):
                    if self.space.rig.closed(machine):
                        self.space.tap(machine, badge)
                        time.sleep(LAID_S)
                self._come_back()
        until(self._all_there, "the server has all that the gateway recorded", SETTLED_S)

    def _all_there(self) -> bool:
        self._come_back()
        return has_all(self.space)


def fight(kills: int, seed: int) -> tuple[Fight, list[str]]:
    """Live one space through so many kills; return what came of it, and what contradicts the truth."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        return _fight_in(Path(folder), kills, seed)


def _fight_in(folder: Path, kills: int, seed: int) -> tuple[Fight, list[str]]:
    home = folder / "database"
    home.mkdir()
    folder.chmod(0o755)  # PostgreSQL is another user
    space = Space(folder, MACHINES, Cluster(home))
    try:
        space.open()
        fought = Fight(space, seed)
        fought.live(kills)
        space.type_in("doctor")
        fought.happened["uses"] = len(space.rig.uses)
        fought.happened.update(str(row.stop_type) for row in read(space).sessions)
        return fought, contradictions(space)
    finally:
        space.end()


def main() -> int:
    """Fight once, print and record what came of it; 1 when anything contradicts the truth."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given, began_s = parser.parse_args(), time.monotonic()
    fought, wrong = fight(given.kills, given.seed)
    print(f"seed {given.seed}: {given.kills} kills in {time.monotonic() - began_s:.0f} s")
    print(", ".join(f"{what} {count}" for what, count in sorted(fought.happened.items())))
    print(*wrong, f"contradictions: {len(wrong)}", sep="\n")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(vars(given) | {"happened": fought.happened, "wrong": wrong}, indent=1))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

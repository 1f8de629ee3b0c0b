"""A broker that is full, without disk, slow, cut off or emptied, while machines are used: real processes.

python -m tests.simulation.broker_troubles --rounds 2 --seed 1

Each trouble lasts some seconds in which members tap; then all is well again, and the next one begins. At the
end each session is held against the contacts' own truth, and no tap may have waited for any of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random

from tests.kit.cable import PIECE_BYTES, Cable, cable
from tests.simulation.kills_oracle import contradictions, read
from tests.simulation.processes import ADA, BEN, LAID_S, PATIENCE_S, Space, until

MEMORY = Path("/dev/shm")
MACHINES = ("saw", "mill", "lathe")
LASTS_S = (8.0, 25.0)
TAP_S = (LAID_S, 3.0)
SETTLED_S = 180.0
WAITED_S = 1.0
"""How long after its tap a contact may change, on a computer that does all of this at once."""
SLOW = (200, 0.5)
"""Bytes a piece, and seconds a piece."""
STORE = "size=160k"
TINY = """
max_inflight_messages 1
max_queued_messages 1
memory_limit 1500000
"""


class Laid:
    """A cable between the gateway and the broker, with a thread and a loop of its own."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._ready, self._ended = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self.cable: Cable
        self._thread = threading.Thread(target=asyncio.run, args=[self._lie()])
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    async def _lie(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with cable(self._broker_port) as self.cable:
            self._ready.set()
            await self._ended.wait()

    def do(self, what: Callable[[], None]) -> None:
        """Do something to the cable in its own loop."""
        self._loop.call_soon_threadsafe(what)

    def pace(self, size: int, takes_s: float) -> None:
        self.cable.pace = (size, takes_s)

    def end(self) -> None:
        self.do(self._ended.set)
        self._thread.join(PATIENCE_S)


class Floor:
    """A space, its broker's store on a disk of 160 KiB, and what is done to them."""

    def __init__(self, space: Space, store: Path, laid: Laid, seed: int) -> None:
        self.space, self.store, self.laid, self.random = space, store, laid, Random(seed)
        self.waits_s: list[float] = []
        self.late: list[str] = []
        self._config = space.folder / "broker/mosquitto.conf"
        self._usual = self._config.read_text()
        self.troubles: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "full": (lambda: self._restart(TINY), lambda: self._restart("")),
            "without disk": (self._fill, self._empty),
            "killed without disk": (self._killed_full, self._empty),
            "emptied": (lambda: self._restart("", emptied=True), lambda: None),
            "slow": (lambda: laid.pace(*SLOW), lambda: laid.pace(PIECE_BYTES, 0)),
            "cut": (lambda: laid.do(laid.cable.cut), lambda: laid.do(laid.cable.mend)),
            "half open": (lambda: laid.do(laid.cable.mute), lambda: laid.do(laid.cable.unmute)),
        }

    def live(self, rounds: int) -> None:
        for name in ("broker", "server", "gateway"):
            self.space.start(name)
        self.space.tap_until(closed=True)
        for _ in range(rounds):
            for name in self.random.sample(sorted(self.troubles), len(self.troubles)):
                begin, finish = self.troubles[name]
                print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
                begin()
                self._use(self.random.uniform(*LASTS_S), name)
                finish()
        self._settle()

    def _use(self, for_s: float, trouble: str) -> None:
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            self._tap(self.random.choice(MACHINES), trouble)
            time.sleep(self.random.uniform(*TAP_S))

    def _tap(self, machine: str, trouble: str) -> None:
        """Tap, and see the contact change; another member's badge takes nothing over, and changes nothing."""
        before, began_s = self.space.rig.closed(machine), time.monotonic()
        badges = [badge for _, badge in self.space.taps[machine]]
        badge = badges[-1] if before else self.random.choice((ADA, BEN))
        self.space.tap(machine, badge)
        while self.space.rig.closed(machine) is before and time.monotonic() < began_s + PATIENCE_S:
            time.sleep(0.005)
        self.waits_s.append(time.monotonic() - began_s)
        if self.waits_s[-1] > WAITED_S:
            self.late.append(f"{trouble}: a tap at {machine} waited {self.waits_s[-1]:.2f} s")

    def _restart(self, more: str, *, emptied: bool = False) -> None:
        self.space.kill("broker")
        if emptied:
            (self.store / "mosquitto.db").unlink(missing_ok=True)
        self._config.write_text(self._usual + more)
        self.space.start("broker")

    def _fill(self) -> None:
        with (self.store / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(1024))

    def _killed_full(self) -> None:
        self._fill()
        time.sleep(2)  # it tries to save each second
        self._restart("")

    def _empty(self) -> None:
        (self.store / "filler").unlink()

    def _settle(self) -> None:
        for machine in MACHINES:
            if self.space.rig.closed(machine):
                self._tap(machine, "at the end")
        until(self._all_there, "the server has all that the gateway recorded", SETTLED_S)

    def _all_there(self) -> bool:
        path = self.space.folder / "pi/journal.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
            last = journal.execute("SELECT epoch, max(seq) FROM entries GROUP BY epoch").fetchall()
        books = read(self.space)
        return sorted((head.epoch, head.seq) for head in books.heads) == sorted(last) and books.settled


@contextmanager
def store_of(space: Space) -> Iterator[Path]:
    """Give the broker a disk of its own that is soon full."""
    store = space.folder / "store"
    store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", STORE, "store", str(store)], check=True)
    config = space.folder / "broker/mosquitto.conf"
    lines = [row for row in config.read_text().splitlines() if not row.startswith("persistence_location")]
    config.write_text("\n".join([*lines, f"persistence_location {store}/", ""]))
    try:
        yield store
    finally:
        subprocess.run(["umount", str(store)], check=True)


def _lived(folder: Path, rounds: int, seed: int) -> list[str]:
    space = Space(folder, MACHINES)
    (database,) = (folder / "space").rglob("makerfloor.db")
    space.environment["MAKERFLOOR_DATABASE_URL"] = f"sqlite:///{database}"
    laid = Laid(space.broker_port)
    config = folder / "pi/gateway.toml"
    config.write_text(config.read_text().replace(f"= {space.broker_port}", f"= {laid.cable.port}"))
    with store_of(space) as store:
        try:
            floor = Floor(space, store, laid, seed)
            floor.live(rounds)
            space.shell("makerfloor --config space/makerfloor.toml doctor")
            books = read(space)
            waits_s = sorted(floor.waits_s)
            print(
                f"{len(waits_s)} taps, {len(books.sessions)} sessions, {len(books.records)} entries", end="; "
            )
            print(
                f"a tap waited {waits_s[len(waits_s) // 2]:.3f} s in the middle, {waits_s[-1]:.3f} s at most"
            )
            said = Counter(re.findall(r": (.*)", (folder / "broker.log").read_text()))
            print(*(f"the broker said {count} times: {what}" for what, count in said.items()), sep="\n")
            return [*floor.late, *contradictions(space)]
        finally:
            space.end()
            laid.end()


def main() -> int:
    """Live through all troubles so many times; 1 when anything contradicts the truth."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.broker_troubles", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given, began_s = parser.parse_args(), time.monotonic()
    if os.geteuid():
        print("a broker in trouble: not run, for only root may mount its small disk")
        return 0
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        wrong = _lived(Path(folder), given.rounds, given.seed)
    print(f"seed {given.seed}, {given.rounds} rounds of trouble in {time.monotonic() - began_s:.0f} s")
    print(*wrong, f"contradictions: {len(wrong)}", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

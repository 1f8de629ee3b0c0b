"""A tap beside other systems, interleaved in one run; and the start of a gateway."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.benchmarks.memory import MEMBERS, large_roster
from tests.benchmarks.peers.fabomatic import fabomatic
from tests.benchmarks.peers.machine_access import machine_access
from tests.benchmarks.peers.nemo import nemo
from tests.benchmarks.peers.ours import gateway
from tests.benchmarks.peers.processes import TROUBLES
from tests.benchmarks.result import Figure, failed, ms

ROUNDS, WARM_UP = 300, 15
STARTS, OPEN_S = 5, 3.0
"""So often a gateway is started; and the time in which it opens its other readers."""
MACHINES = [f"laser-{n}" for n in range(8)]


class System(Protocol):
    """What a member can tap at."""

    def tap(self) -> tuple[float, float]: ...
    def end(self) -> None: ...


@contextlib.contextmanager
def _ours(folder: Path) -> Iterator[System]:
    with gateway(folder / "gateway", large_roster(MACHINES)) as ours:
        ours.start()
        time.sleep(OPEN_S)
        yield ours


SYSTEMS: dict[str, Callable[[Path], AbstractContextManager[System]]] = {
    "Makerfloor's gateway": _ours,
    "Fab-O-Matic's backend": fabomatic,
    "machine-access-control": machine_access,
    "NEMO": nemo,
}


async def taps(folder: Path) -> list[Figure]:
    """Tap at each system in turn, so that a noisy machine is noisy for all of them."""
    figures: dict[str, list[Figure]] = {}
    with contextlib.ExitStack() as stack:
        systems: dict[str, System] = {}
        for name, begin in SYSTEMS.items():
            try:
                systems[name] = stack.enter_context(begin(folder))
            except TROUBLES as error:
                figures[name] = [failed(f"{name}: tap", error)]
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
        for _ in range(ROUNDS + WARM_UP):
            for step in (_tap, _end):
                for name in [*systems]:
                    try:
                        step(systems[name], took[name])
                    except TROUBLES as error:
                        del systems[name]
                        figures[name] = [failed(f"{name}: tap", error)]
    figures |= {name: _figures(name, took[name][WARM_UP:]) for name in systems}
    return [one for name in SYSTEMS for one in figures[name]]


def _tap(system: System, took: list[tuple[float, float]]) -> None:
    took.append(system.tap())


def _end(system: System, took: list[tuple[float, float]]) -> None:
    system.end()


def _figures(name: str, took: list[tuple[float, float]]) -> list[Figure]:
    return [
        Figure(f"{name}: tap → {what}, {part}", ms([one[n] for one in took], of), "ms")
        for n, what in enumerate(("allowed", "recorded"))
        for part, of in (("median", 0.5), ("p99", 0.99))
    ]


async def start(folder: Path) -> list[Figure]:
    """Start a gateway that has a roster on disk, again and again; its first tap is waiting."""
    roster = large_roster(MACHINES[:1])
    took: list[float] = []
    for n in range(STARTS):
        with gateway(folder / str(n), roster) as one:
            took.append(one.start())
    middle = round(statistics.median(took), 2)
    what = f"start of a gateway's process → first tap accepted, {MEMBERS:,} members on disk"
    return [
        Figure(f"{what}: median of {STARTS}", middle, "s", None, "< 2 s", middle < 2),
        Figure(f"{what}: slowest", round(max(took), 2), "s"),
    ]

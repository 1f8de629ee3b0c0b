"""A tap beside other systems, interleaved in one run; and the start of a gateway."""

from __future__ import annotations

import contextlib
import statistics
from pathlib import Path
from typing import Protocol

from tests.benchmarks.memory import MEMBERS, large_roster
from tests.benchmarks.peers.fabomatic import fabomatic
from tests.benchmarks.peers.nemo import nemo
from tests.benchmarks.peers.ours import gateway
from tests.benchmarks.result import Figure, ms

ROUNDS, WARM_UP = 150, 15
STARTS = 5
SYSTEMS = ("Makerfloor's gateway", "Fab-O-Matic's backend", "NEMO")


class System(Protocol):
    """What a member can tap at."""

    def tap(self) -> tuple[float, float]: ...
    def end(self) -> None: ...


async def taps(folder: Path) -> list[Figure]:
    """Tap at each system in turn, so that a noisy machine is noisy for all of them."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(gateway(folder / "gateway", large_roster(["laser"])))
        ours.start()
        ours.end()
        others: list[System] = [stack.enter_context(fabomatic(folder)), stack.enter_context(nemo(folder))]
        systems: list[System] = [ours, *others]
        took: list[list[tuple[float, float]]] = [[] for _ in systems]
        for _ in range(ROUNDS + WARM_UP):
            for system, samples in zip(systems, took, strict=True):
                samples.append(system.tap())
                system.end()
    figures: list[Figure] = []
    for name, samples in zip(SYSTEMS, took, strict=True):
        for n, what in enumerate(("allowed", "recorded")):
            times = [sample[n] for sample in samples[WARM_UP:]]
            figures += [
                Figure(f"{name}: tap → {what}, median", ms(times, 0.5), "ms"),
                Figure(f"{name}: tap → {what}, p99", ms(times, 0.99), "ms"),
            ]
    return figures


async def start(folder: Path) -> list[Figure]:
    """Start a gateway that has a roster on disk, again and again; its first tap is waiting."""
    roster = large_roster(["laser"])
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

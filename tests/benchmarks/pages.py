"""How long the server needs for each page, with a year of a large floor in its books."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.benchmarks.result import Figure, ms
from tests.contract.server.test_web_access import MAY, NAMES, address
from tests.kit import year
from tests.kit.furnished import furnish
from tests.kit.web import WebFloor, build

ROUNDS = 15
WORST = 3
GOAL_MS = 100
SKIPPED = ("/live/", "/healthz", "/sign-in", "/join", "/auth")
"""Streams, and what has nothing to do with the size of the floor."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One page as one role sees it: the seconds that each answer took, and its size in bytes."""

    path: str
    role: str
    seconds: tuple[float, ...]
    size: int


async def pages(folder: Path) -> list[Figure]:
    """Time each page that answers 200, as the member, the technician and the operator see it."""
    floor = build(folder)
    async with floor.program("ada") as client:
        await furnish(floor, client)
    size = year.Size(sessions=int(os.environ.get("BENCH_SESSIONS", year.Size().sessions)))
    year.fill(floor, size)
    timed = [one for letter in "mtp" for one in await _walk(floor, letter)]
    worst = sorted(timed, key=lambda one: -ms(one.seconds, 0.95))
    every = [second for one in timed for second in one.seconds]
    what = f"pages, {size.machines} machines, {size.members:,} members, {size.sessions:,} sessions"
    p95 = ms(every, 0.95)
    figures = [
        Figure(f"{what}: median of {len(timed)} pages", ms(every, 0.5), "ms"),
        Figure(f"{what}: p95 of all", p95, "ms", None, f"< {GOAL_MS} ms", p95 < GOAL_MS),
        Figure(
            f"{what}: pages whose p95 is {GOAL_MS} ms and more",
            sum(ms(one.seconds, 0.95) >= GOAL_MS for one in timed),
            "",
        ),
    ]
    for one in worst[: int(os.environ.get("BENCH_WORST", WORST))]:
        p95 = ms(one.seconds, 0.95)
        seen = f"{one.path} as {one.role} ({one.size // 1024} KiB): p95"
        figures.append(Figure(seen, p95, "ms", None, f"< {GOAL_MS} ms", p95 < GOAL_MS))
    return figures


async def _walk(floor: WebFloor, letter: str) -> list[Timed]:
    found: list[Timed] = []
    browser = await floor.signed_in(NAMES[letter])
    for (method, path), allowed in MAY.items():
        if method != "GET" or letter not in allowed or path.startswith(SKIPPED) or path.endswith("/live"):
            continue
        asked = address(floor, path)
        first = await browser.get(asked)
        if first.status_code == 200:
            seconds = [await _time(browser, asked) for _ in range(ROUNDS)]
            found.append(Timed(path, NAMES[letter], tuple(seconds), len(first.content)))
    return found


async def _time(browser: httpx.AsyncClient, asked: str) -> float:
    began = time.perf_counter()
    await browser.get(asked)
    return time.perf_counter() - began

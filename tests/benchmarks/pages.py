"""How long the server needs for each page, with a year of a large floor in its books."""

from __future__ import annotations

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
WORST = 4
GOAL_MS = 100
SKIPPED = ("/live/", "/healthz", "/metrics", "/sign-in", "/join")
"""Streams, and what has nothing to do with the size of the floor."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One address as one role sees it: the seconds that each answer took, its size in bytes and its type."""

    path: str
    role: str
    seconds: tuple[float, ...]
    size: int
    media_type: str

    @property
    def p95_ms(self) -> float:
        return ms(self.seconds, 0.95)


async def pages(folder: Path) -> list[Figure]:
    """Time what answers 200, as the member, the technician and the operator see it."""
    floor = build(folder)
    async with floor.program("ada") as client:
        await furnish(floor, client)
    size = year.Size()
    year.fill(floor, size)
    timed = [one for letter in "mtp" for one in await _walk(floor, letter)]
    there = f"{size.machines} machines, {size.members:,} members, {size.sessions:,} sessions"
    html = [one for one in timed if one.media_type == "text/html"]
    answers = [one for one in timed if one.media_type == "application/json"]
    files = [one for one in timed if one not in html and one not in answers]
    return [
        *_figures(f"pages, {there}", html, f"< {GOAL_MS} ms"),
        *_figures("the same, answers of the API", answers, ""),
        *_figures("the same, files", files, ""),
    ]


def _figures(what: str, timed: list[Timed], goal: str) -> list[Figure]:
    every = [second for one in timed for second in one.seconds]
    held = ms(every, 0.95) < GOAL_MS if goal else None
    figures = [
        Figure(f"{what}: median of {len(timed)}", ms(every, 0.5), "ms"),
        Figure(f"{what}: p95", ms(every, 0.95), "ms", None, goal, held),
    ]
    for one in sorted(timed, key=lambda one: -one.p95_ms)[:WORST]:
        held = one.p95_ms < GOAL_MS if goal else None
        seen = f"`{one.path}` as {one.role}, {one.size // 1024} KiB: p95"
        figures.append(Figure(seen, one.p95_ms, "ms", None, goal, held))
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
            rounds = 1 if first.elapsed.total_seconds() > 1 else ROUNDS
            seconds = [await _time(browser, asked) for _ in range(rounds)]
            kind = first.headers["content-type"].partition(";")[0]
            found.append(Timed(path, NAMES[letter], tuple(seconds), len(first.content), kind))
    return found


async def _time(browser: httpx.AsyncClient, asked: str) -> float:
    began = time.perf_counter()
    await browser.get(asked)
    return time.perf_counter() - began

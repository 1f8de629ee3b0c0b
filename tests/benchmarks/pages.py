"""How long the server needs for each page, with a year of a large floor in its books."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from booking_api.app import create_app
from booking_api.cli.server import settle
from tests.benchmarks.result import Figure, ms
from tests.contract.server.test_web_access import MAY, NAMES, address
from tests.kit import year
from tests.kit.crawl import crawl
from tests.kit.furnished import furnish
from tests.kit.web import WebFloor, build

ROUNDS, SELDOM, SLOW_S = 15, 5, 0.3
"""So often each address is asked: less often what takes longer than that, once what takes a second."""
WORST = 4
GOAL_MS = 100
OFTEN = 100_000
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
    floor = unhurried(build(folder))
    async with floor.program("ada") as client:
        await furnish(floor, client)
    size = year.Size()
    year.fill(floor, size)
    for letter in "mtp":  # the first request of each page loads its room
        await _walk(floor, letter, rounds=0)
    settle()  # as `makerfloor serve` does after a while
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


def unhurried(floor: WebFloor) -> WebFloor:
    """Return the floor with a server that lets one browser ask as often as it likes."""
    sign_in = replace(floor.context.settings.sign_in, requests_per_minute=OFTEN)
    context = replace(floor.context, settings=replace(floor.context.settings, sign_in=sign_in))
    return replace(floor, context=context, app=create_app(context))


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


async def _walk(floor: WebFloor, letter: str, rounds: int = ROUNDS) -> list[Timed]:
    found: list[Timed] = []
    browser = await floor.signed_in(NAMES[letter])
    for path, asked in (await _addresses(floor, browser, letter)).items():
        first = await browser.get(asked)
        if first.status_code == 200:
            took = first.elapsed.total_seconds()
            most = 1 if took > 1 else SELDOM if took > SLOW_S else rounds
            times = min(rounds, most)
            seconds = [await _time(browser, asked) for _ in range(times)]
            kind = first.headers["content-type"].partition(";")[0]
            found.append(Timed(path, NAMES[letter], tuple(seconds), len(first.content), kind))
    return found


async def _addresses(floor: WebFloor, browser: httpx.AsyncClient, letter: str) -> dict[str, str]:
    """Return the pages that links lead to, and whatever else the role may read."""
    linked = {one.route: one.address for one in await crawl(browser) if one.is_page}
    may = {path for (method, path), allowed in MAY.items() if method == "GET" and letter in allowed}
    others = {path: address(floor, path) for path in sorted(may - linked.keys())}
    left = {
        path: asked
        for path, asked in others.items()
        if not path.startswith(SKIPPED) and not path.endswith("/live")
    }
    return linked | left


async def _time(browser: httpx.AsyncClient, asked: str) -> float:
    began = time.perf_counter()
    answer = await browser.get(asked)
    took = time.perf_counter() - began
    assert answer.status_code == 200, f"{asked}: {answer.status_code}"
    return took

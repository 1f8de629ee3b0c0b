"""Several processes on one PostgreSQL: one leads, each gateway is served by one, and they hear each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest

from booking_api.crew import CUT_OFF_S, PARTS, SURE_S, Shared
from tests.peers.postgres import PostgresPeer

PATIENCE_S = 60


@pytest.fixture
def url(postgres: PostgresPeer) -> Iterator[str]:
    made = postgres.make()
    yield made
    postgres.drop(made)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.05)


def shared_fairly(crews: list[Shared]) -> bool:
    """Whether each part is served by one, evenly, and one leads."""
    parts = [crew.served() for crew in crews]
    assert sum(map(len, parts)) == len(frozenset().union(*parts)), "a part is served twice"
    leading = sum(crew.leads() for crew in crews)
    assert leading <= 1, "two lead at a time"
    return leading == 1 and all(len(mine) == PARTS // len(crews) for mine in parts)


async def test_what_ends_is_taken_over_and_what_is_told_is_heard(url: str) -> None:
    crews = [Shared(url) for _ in range(3)]
    heard: list[tuple[int, object]] = []
    for n, crew in enumerate(crews):
        crew.listen(lambda kind, news, n=n: heard.append((n, news)))  # type: ignore[misc] # bound now
    running = [asyncio.create_task(crew.run()) for crew in crews]
    try:
        for crew in crews:
            crew.reach(True)
        await until(lambda: shared_fairly(crews))
        crews[0].tell("machine", "laser-1")
        await until(lambda: sorted(heard) == [(1, "laser-1"), (2, "laser-1")])
        leader = next(n for n, crew in enumerate(crews) if crew.leads())
        running[leader].cancel()
        await asyncio.gather(running[leader], return_exceptions=True)
        assert not crews[leader].leads()
        assert not crews[leader].served()
        rest = [crew for n, crew in enumerate(crews) if n != leader]
        await until(lambda: shared_fairly(rest))
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as operator:
            ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s"
            operator.execute(ends, ("%crew",))
        await until(lambda: not any(crew.leads() for crew in rest))
        await until(lambda: shared_fairly(rest))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_who_hears_nothing_of_the_database_takes_itself_for_nobody(url: str) -> None:
    now_s = [0.0]
    crew = Shared(url, lambda: now_s[0])
    running = asyncio.create_task(crew.run())
    await asyncio.wait_for(crew.lead(), PATIENCE_S)
    assert crew.alone
    assert len(crew.served()) == PARTS
    now_s[0] += SURE_S
    assert not crew.leads()
    assert not crew.served()
    assert not crew.alone
    assert SURE_S < CUT_OFF_S  # the database frees its locks later
    await asyncio.wait_for(crew.lead(), PATIENCE_S)  # it looked again
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

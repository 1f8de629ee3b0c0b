"""Three workers of a server on PostgreSQL behind Mosquitto; the one that leads is killed under load."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import httpx
import pytest
from sqlalchemy import func
from sqlmodel import select

from booking_api.db import Database
from booking_api.ledger.models import LedgerEntry
from booking_api.metering.models import JournalHead, JournalRecord, Quarantined
from booking_api.sessions.models import MachineSession, SessionState
from floor.wire.messages import Station, Stations
from floor.wire.topics import Channel, topic
from floor.words import Activity, StationState
from tests.kit.mosquitto import Mosquitto, mosquitto
from tests.kit.senders import SETTINGS, Pi, free_ports, furnish
from tests.kit.server import NOW_MS, make_floor
from tests.peers.postgres import PostgresPeer, run_postgres

WORKERS = 3
GATEWAYS = [f"gw-{n}" for n in range(6)]
SESSIONS = 15
BATCH = 4
AGAIN_S = 3.0
PATIENCE_S = 90
TAKES_OVER_S = 20.0
"""A worker that was killed frees its locks at once; the rest is a busy machine's time."""


@dataclass
class Server:
    """The process that keeps the workers; each answers at `port` with the others, and at one of its own."""

    process: subprocess.Popen[bytes]
    port: int
    broker: Mosquitto
    database: Database
    member: str

    def url(self, worker: int) -> str:
        """The address of one worker, from 1 on; 0 is that of all."""
        return f"http://127.0.0.1:{self.port + worker}"

    def pids(self) -> list[int]:
        """The processes of the workers, in the order of their ports."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        doors = {
            int(pid): int(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2].split(b",")[-1])
            for pid in children
        }
        return sorted(doors, key=doors.__getitem__)

    async def metrics(self, client: httpx.AsyncClient, worker: int) -> str:
        try:
            return (await client.get(f"{self.url(worker)}/metrics", timeout=1)).text
        except httpx.HTTPError:
            return ""

    async def leader(self, client: httpx.AsyncClient) -> int:
        """Which one shows the levels of the space, that a round of its own has set; 0 while none does."""
        said = [await self.metrics(client, worker + 1) for worker in range(WORKERS)]
        leading = [n + 1 for n, text in enumerate(said) if "\nmakerfloor_hour_of_week " in text]
        assert len(leading) <= 1, "two lead at a time"
        return leading[0] if leading else 0

    async def applied(self, client: httpx.AsyncClient) -> list[int]:
        """How many entries each worker says that it applied since it began."""
        pattern = r'makerfloor_ingest_entries_total{outcome="applied"} (\d+)'
        said = [await self.metrics(client, worker + 1) for worker in range(WORKERS)]
        return [int(found[1]) if (found := re.search(pattern, text)) else 0 for text in said]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresPeer]:
    with run_postgres() as peer:
        yield peer


@pytest.fixture
def server(tmp_path: Path, postgres: PostgresPeer) -> Iterator[Server]:
    url, port = postgres.name(), free_ports(WORKERS)
    floor = make_floor(url, tmp_path / "data")
    with floor.db.write() as session:
        furnish(session, floor.vault, GATEWAYS)
    with mosquitto(tmp_path) as broker:
        file = tmp_path / "makerfloor.toml"
        file.write_text(SETTINGS.format(port=port, url=url, broker=broker.port))
        command = [sys.executable, "-m", "booking_api.cli", "--config", str(file), "serve"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen([*command, "--workers", str(WORKERS)], stdout=log, stderr=log)
        try:
            yield Server(process, port, broker, floor.db, floor.ada)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            sys.stderr.write((tmp_path / "log").read_text()[-4000:])
            floor.db.close()


async def until(holds: Callable[[], Awaitable[object]], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.2)


async def seen(client: httpx.AsyncClient, url: str) -> None:
    """Until the live wall of a worker shows that a machine is used."""
    async with asyncio.timeout(PATIENCE_S), client.stream("GET", f"{url}/live/wall") as stream:
        async for line in stream.aiter_lines():
            if 'data-state="in_use"' in line:
                return


async def show_a_use(client: aiomqtt.Client) -> None:
    """Say that a machine is used, some moments after everybody looks."""
    name = GATEWAYS[0]
    await asyncio.sleep(2)
    used = Station(
        machine=f"saw-{name}",
        state=StationState.IN_USE,
        activity=Activity.BUSY,
        since_ms=NOW_MS,
        session_id="s" * 32,
    )
    stations = Stations(gateway=name, at_ms=NOW_MS, journal_lag=0, stations=[used])
    await client.publish(topic(name, Channel.STATIONS), stations.encode(), qos=0)


@pytest.mark.timeout(300)
async def test_the_leader_is_killed_under_load_and_each_entry_is_applied_once(server: Server) -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        await until(lambda: server.leader(client))
        leader, pids = await server.leader(client), server.pids()
        pis = [
            Pi(name, server.member, NOW_MS + n, SESSIONS, BATCH, AGAIN_S, copies=2)
            for n, name in enumerate(GATEWAYS)
        ]
        sending = [asyncio.create_task(pi.run(server.broker.port)) for pi in pis]

        async def under_way() -> bool:
            return sum(pi.acknowledged for pi in pis) > SESSIONS

        await until(under_way)
        applied = await server.applied(client)
        os.kill(pids[leader - 1], signal.SIGKILL)
        killed_s = time.monotonic()

        async def another() -> bool:
            return await server.leader(client) not in (0, leader)

        await until(another, TAKES_OVER_S)
        print(
            f"another leads after {time.monotonic() - killed_s:.1f} s; applied until then by each: {applied}"
        )
        await asyncio.wait_for(asyncio.gather(*sending), PATIENCE_S)

        async def again() -> bool:
            return bool(await server.metrics(client, leader))

        await until(again)
        assert len(server.pids()) == WORKERS
        async with aiomqtt.Client("127.0.0.1", server.broker.port) as floor, asyncio.TaskGroup() as watching:
            for worker in range(WORKERS):
                watching.create_task(seen(client, server.url(worker + 1)))
            watching.create_task(show_a_use(floor))
    check_books(server)


def check_books(server: Server) -> None:
    """Each entry stands once, each session is priced once, and nothing was set aside."""
    total = len(GATEWAYS) * SESSIONS
    with server.database.read() as session:
        heads = {row.gateway: row.seq for row in session.exec(select(JournalHead))}
        states = session.exec(select(MachineSession.state)).all()
        records = session.exec(select(func.count()).select_from(JournalRecord)).one()
        entries = session.exec(select(func.count()).select_from(LedgerEntry)).one()
        assert not session.exec(select(func.count()).select_from(Quarantined)).one()
    assert heads == dict.fromkeys(GATEWAYS, 2 * SESSIONS)
    assert (records, entries) == (2 * total, total)
    assert states == [SessionState.PRICED] * total

"""Three workers of a server on PostgreSQL behind Mosquitto: the one that leads is killed under load.

After that the line between the third and the broker is cut, and mended.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiomqtt
import httpx
import pytest
from sqlalchemy import func
from sqlmodel import select

from booking_api.crew import part_of
from booking_api.db import Database
from booking_api.ledger.models import LedgerEntry
from booking_api.metering.models import JournalHead, JournalRecord, Quarantined
from booking_api.sessions.models import MachineSession, SessionState
from floor.wire.messages import Station, Stations
from floor.wire.topics import Channel, topic
from floor.words import Activity, StationState
from tests.kit.cable import Cable, cable
from tests.kit.mosquitto import Mosquitto, mosquitto
from tests.kit.senders import SETTINGS, Pi, free_ports, furnish
from tests.kit.server import NOW_MS, make_floor
from tests.peers.postgres import PostgresPeer, run_postgres

KEPT, FAR, WORKERS = 2, 3, 3
"""One process keeps the first two; the third is another, and the last that comes."""
SPREAD = (0, 5, 8, 13, 16, 21)
"""Parts of the gateways, such that each worker serves one of them, whoever takes which."""
GATEWAYS = [next(name for n in count() if part_of(name := f"gw-{n}") == part) for part in SPREAD]
SESSIONS = 15
BATCH = 4
AGAIN_S = 3.0
PATIENCE_S = 90
TAKES_OVER_S = 20.0
"""A worker that was killed frees its locks at once; the rest is a busy machine's time."""


@dataclass
class Server:
    """The process that keeps two workers; they answer at `port`, and each at one of its own."""

    process: subprocess.Popen[bytes]
    port: int
    broker: Mosquitto
    database: Database
    member: str
    folder: Path
    url_of_database: str

    def url(self, worker: int) -> str:
        """The address of one worker, from 1 on."""
        return f"http://127.0.0.1:{self.port + worker}"

    def pids(self) -> list[int]:
        """The processes of the workers that are kept, in the order of their ports."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        doors = {
            int(pid): int(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2].split(b",")[-1])
            for pid in children
        }
        return sorted(doors, key=doors.__getitem__)

    @contextmanager
    def far(self, broker_port: int) -> Iterator[None]:
        """Run the third worker, which reaches the broker elsewhere."""
        port = self.port + FAR
        settings = SETTINGS.format(port=port, url=self.url_of_database, broker=broker_port)
        with serving(self.folder, "far", settings):
            yield

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


@contextmanager
def serving(folder: Path, name: str, settings: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    file = folder / f"{name}.toml"
    file.write_text(settings)
    command = [sys.executable, "-m", "booking_api.cli", "--config", str(file), "serve", *more]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        sys.stderr.write((folder / f"{name}.log").read_text()[-4000:])


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
        settings = SETTINGS.format(port=port, url=url, broker=broker.port)
        with serving(tmp_path, "near", settings, "--workers", str(KEPT)) as process:
            yield Server(process, port, broker, floor.db, floor.ada, tmp_path, url)
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
async def test_workers_are_lost_under_load_and_each_entry_is_applied_once(server: Server) -> None:
    pis = [
        Pi(name, server.member, NOW_MS + n, SESSIONS, BATCH, AGAIN_S, copies=2)
        for n, name in enumerate(GATEWAYS)
    ]
    async with httpx.AsyncClient(timeout=10) as client, cable(server.broker.port) as line:
        await until(lambda: server.leader(client))
        with server.far(line.port):
            await until(lambda: server.metrics(client, FAR))
            await leader_is_killed(server, client, pis)
            async with (
                aiomqtt.Client("127.0.0.1", server.broker.port) as floor,
                asyncio.TaskGroup() as watching,
            ):
                for worker in range(WORKERS):
                    watching.create_task(seen(client, server.url(worker + 1)))
                watching.create_task(show_a_use(floor))
            await line_is_cut(server, client, pis, line)
    check_books(server, len(pis[0].writer.entries) // 2)


async def leader_is_killed(server: Server, client: httpx.AsyncClient, pis: list[Pi]) -> None:
    leader, pids = await server.leader(client), server.pids()
    sending = asyncio.create_task(send(server, pis))

    async def under_way() -> bool:
        return sum(pi.acknowledged for pi in pis) > SESSIONS

    await until(under_way)
    applied = await server.applied(client)
    os.kill(pids[leader - 1], signal.SIGKILL)
    killed_s = time.monotonic()

    async def another() -> bool:
        return await server.leader(client) not in (0, leader)

    await until(another, TAKES_OVER_S)
    print(f"another leads after {time.monotonic() - killed_s:.1f} s; applied until then by each: {applied}")
    await asyncio.wait_for(sending, PATIENCE_S)

    async def again() -> bool:
        return bool(await server.metrics(client, leader))

    await until(again)
    assert len(server.pids()) == KEPT


async def line_is_cut(server: Server, client: httpx.AsyncClient, pis: list[Pi], line: Cable) -> None:
    """Who hears no gateways leaves them to those who do, and takes them up again when it does."""

    async def far_works() -> bool:
        before = (await server.applied(client))[FAR - 1]
        await send(server, pis, 1)
        return (await server.applied(client))[FAR - 1] > before

    await until(far_works)
    line.cut()
    cut_s = time.monotonic()
    await asyncio.wait_for(send(server, pis, 1), PATIENCE_S)
    print(f"all was acknowledged {time.monotonic() - cut_s:.1f} s after the line was cut")
    line.mend()
    await until(far_works)


async def send(server: Server, pis: list[Pi], more: int = 0) -> None:
    """Send what is in the journals, and so many sessions more."""
    for pi in pis:
        for _ in range(more):
            pi.writer.session(server.member, 10, machine=f"saw-{pi.name}")
    await asyncio.gather(*(pi.run(server.broker.port) for pi in pis))


def check_books(server: Server, each: int) -> None:
    """Each entry of so many sessions a gateway stands once, each is priced once, nothing is set aside."""
    total = len(GATEWAYS) * each
    with server.database.read() as session:
        heads = {row.gateway: row.seq for row in session.exec(select(JournalHead))}
        states = session.exec(select(MachineSession.state)).all()
        records = session.exec(select(func.count()).select_from(JournalRecord)).one()
        entries = session.exec(select(func.count()).select_from(LedgerEntry)).one()
        assert not session.exec(select(func.count()).select_from(Quarantined)).one()
    assert heads == dict.fromkeys(GATEWAYS, 2 * each)
    assert (records, entries) == (2 * total, total)
    assert states == [SessionState.PRICED] * total

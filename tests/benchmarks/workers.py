"""How fast one, two and three workers of a server apply journals that gateways send them over a broker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from sqlmodel import func, select

from booking_api.sessions.models import MachineSession, SessionState
from tests.benchmarks.peers.processes import ended
from tests.benchmarks.result import Figure
from tests.kit.mosquitto import Mosquitto, mosquitto
from tests.kit.senders import SETTINGS, Pi, free_ports, furnish
from tests.kit.server import NOW_MS, make_floor
from tests.peers.postgres import PostgresPeer, run_postgres

WORKERS = (1, 2, 3)
GATEWAYS = [f"gw-{n}" for n in range(12)]
SESSIONS, BATCH, AGAIN_S, PATIENCE_S = 400, 200, 5.0, 120.0


async def workers(folder: Path) -> list[Figure]:
    """Measure with a PostgreSQL that flushes each commit, and a Mosquitto, all on this machine."""
    return await asyncio.to_thread(_each, folder)


def _each(folder: Path) -> list[Figure]:
    folder.chmod(0o711)  # PostgreSQL does not run as root: its own folder lies in this one
    with run_postgres(folder) as postgres, mosquitto(folder) as broker:
        return [_measured(count, folder / str(count), postgres, broker) for count in WORKERS]


def _measured(count: int, folder: Path, postgres: PostgresPeer, broker: Mosquitto) -> Figure:
    url, port = postgres.name(), free_ports(count)
    floor = make_floor(url, folder / "data")
    with floor.db.write() as session:
        furnish(session, floor.vault, GATEWAYS)
    pis = [Pi(name, floor.ada, NOW_MS + n, SESSIONS, BATCH, AGAIN_S) for n, name in enumerate(GATEWAYS)]
    file = folder / "makerfloor.toml"
    file.write_text(SETTINGS.format(port=port, url=url, broker=broker.port))
    command = [
        sys.executable,
        "-m",
        "booking_api.cli",
        "--config",
        str(file),
        "serve",
        "--workers",
        str(count),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    with ended(server):
        asyncio.run(_sent(pis, broker, BATCH))  # every worker has begun, and has read what it keeps
        began = time.perf_counter()
        asyncio.run(_sent(pis, broker, None))
        took = time.perf_counter() - began
    with floor.db.read() as session:
        query = select(func.count()).where(MachineSession.state == SessionState.PRICED)
        priced = session.exec(query).one()
    floor.db.close()
    assert priced == len(GATEWAYS) * SESSIONS, f"only {priced} were priced"
    rate = round(sum(len(pi.writer.entries) - BATCH for pi in pis) / took)
    what = (
        f"journal entries applied a second over MQTT, PostgreSQL, {len(GATEWAYS)} gateways, workers: {count}"
    )
    return Figure(what, rate, "/s")


async def _sent(pis: list[Pi], broker: Mosquitto, entries: int | None) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(pi.run(broker.port, entries) for pi in pis))

"""How fast the server applies journals: durable, priced and posted."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

from sqlmodel import func, select

from booking_api import migrations
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.metering.ingest import ingest as apply_batch
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.tariffs import service as tariffs
from booking_api.vault import open_vault
from floor.meter import Quantity
from floor.wire.journal import (
    BATCH_LIMIT,
    GENESIS,
    Fact,
    JournalBatch,
    JournalEntry,
    SessionEnded,
    SessionMetered,
    SessionStarted,
    chained,
)
from floor.words import StopType
from tests.benchmarks.result import Figure
from tests.kit.gateway import NOW_MS
from tests.peers.postgres import run_postgres

SESSIONS, MEMBERS = 4_000, 300
TARIFF = """
id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2020-01-01
[tiers.member]
multiplier = 0.5
[[components]]
per = "machine_time"
unit = "min"
price = 1.00
block = "10 min"
[[components]]
per = "energy"
unit = "kwh"
price = 0.40
"""
HEAD = 'id = "laser"\nname = "Laser"\ncommodity = "EUR"\nvalid_from = 2020-01-01\n[tiers.member]\n'
MINUTES = '[[components]]\nper = "machine_time"\nunit = "min"\nprice = 0.10\n'
DEPENDING = {
    "free quantity a month": HEAD + MINUTES + 'free = "45 min"\nfree_per = "month"\n',
    "brackets a month": HEAD
    + MINUTES
    + 'brackets_per = "month"\nbrackets = [{ above = "60 min", price = 0.05 }]\n',
    "caps a day and a month": HEAD
    + MINUTES
    + '[[caps]]\nper = "day"\nabove = 5\n[[caps]]\nper = "month"\nabove = 9\n',
}


def prepare(database: Database, tariff: str) -> list[str]:
    """Make a space with one gateway, one machine and its members; returns their ids."""
    migrations.upgrade(database.engine)
    with database.write() as session:
        enrol.enrol(session, open_vault(database.data), "gw", NOW_MS)
        tariffs.add(session, tariff, "bench", NOW_MS)
        details = machines.MachineDetails(id="laser", name="Laser", gateway="gw", tariff="laser")
        machines.add(session, details, NOW_MS)
        people = [members.MemberDetails(first_name="Maple", last_name=str(n)) for n in range(MEMBERS)]
        return [members.add(session, person, NOW_MS).id for person in people]


def facts(members: list[str]) -> Iterator[tuple[int, Fact]]:
    """Yield what a gateway records of many sessions, with the time of each."""
    for n in range(SESSIONS):
        id, at_ms, member = f"session-{n}", NOW_MS + n * 1_000, members[n % len(members)]
        start = {"session_id": id, "machine": "laser", "member": member, "account": member, "badge": "b"}
        yield at_ms, SessionStarted(**start, tier="member", max_duration_s=3600)
        used = {Quantity.MACHINE_TIME_MS: 600_000 + n, Quantity.ENERGY_MWH: 120_000}
        yield at_ms + 500_000, SessionMetered(session_id=id, elapsed_ms=500_000, counters=used)
        end = {"session_id": id, "stop_type": StopType.TAP_OUT, "elapsed_ms": 600_000 + n}
        yield at_ms + 600_000, SessionEnded(**end, counters=used)


def batches(members: list[str]) -> list[JournalBatch]:
    """Chain the facts and cut them into batches as a gateway does."""
    previous, entries = GENESIS, []
    for seq, (at_ms, fact) in enumerate(facts(members), 1):
        unplaced = JournalEntry.model_construct(
            seq=seq,
            recorded_ms=at_ms,
            clock_error_ms=0,
            monotonic_ms=at_ms - NOW_MS,
            boot_id="boot",
            previous=previous,
            hash=GENESIS,
            fact=fact,
        )
        entries.append(chained(1, previous, unplaced))
        previous = entries[-1].hash
    return [
        JournalBatch(gateway="gw", epoch=1, entries=entries[at : at + BATCH_LIMIT])
        for at in range(0, len(entries), BATCH_LIMIT)
    ]


def measure(url: str, folder: Path, engine: str, tariff: str = TARIFF, what: str = "") -> Figure:
    """Apply all batches to one database, one durable transaction each."""
    database = Database(url, folder)
    made = batches(prepare(database, tariff))
    gc.collect()
    gc.freeze()  # as `serve` does; and the journal that is to come is no part of the server's memory
    began = time.perf_counter()
    applied = 0
    for batch in made:
        with database.write() as session:
            applied += apply_batch(session, batch, NOW_MS).applied
    took = time.perf_counter() - began
    gc.unfreeze()
    with database.read() as session:
        priced = session.exec(select(func.count()).where(MachineSession.state == SessionState.PRICED)).one()
    database.close()
    assert applied == 3 * SESSIONS, f"only {applied} were applied"
    assert priced == SESSIONS, f"only {priced} were priced"
    rate = round(applied / took)
    name = f"journal entries applied a second, {engine}{what}"
    return Figure(name, rate, "/s", None, "≥ 2,000", rate >= 2000)


async def ingest(folder: Path) -> list[Figure]:
    """Measure on SQLite and on a PostgreSQL that flushes each commit."""
    return await asyncio.to_thread(_on_both, folder)


def _on_both(folder: Path) -> list[Figure]:
    """Measure prices that stand alone, and prices that depend on what was used before."""
    folder.chmod(0o711)  # PostgreSQL does not run as root: its own folder lies in this one
    found: list[Figure] = []
    with run_postgres(folder) as postgres:
        for n, (what, tariff) in enumerate((("", TARIFF), *DEPENDING.items())):
            place = folder / str(n)
            place.mkdir()
            urls = {"SQLite": f"sqlite:///{place / 'floor.db'}", "PostgreSQL": postgres.make()}
            for engine, url in urls.items():
                home = place / engine
                home.mkdir()
                found.append(measure(url, home, engine, tariff, what and f", {what}"))
    return found

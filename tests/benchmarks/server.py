"""How fast the server applies journals: durable, priced and posted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from booking_api import migrations
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.metering.ingest import ingest as apply_batch
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

SESSIONS = 4_000
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


def prepare(database: Database) -> str:
    """Make a space with one gateway, one machine and one member; returns the member's id."""
    migrations.upgrade(database.engine)
    with database.write() as session:
        enrol.enrol(session, open_vault(database.data), "gw", NOW_MS)
        tariffs.add(session, TARIFF, "bench", NOW_MS)
        details = machines.MachineDetails(id="laser", name="Laser", gateway="gw", tariff="laser")
        machines.add(session, details, NOW_MS)
        return members.add(session, members.MemberDetails(first_name="Maple", last_name="One"), NOW_MS).id


def facts(member: str) -> Iterator[tuple[int, Fact]]:
    """Yield what a gateway records of many sessions, with the time of each."""
    for n in range(SESSIONS):
        id, at_ms = f"session-{n}", NOW_MS + n * 1_000
        start = {"session_id": id, "machine": "laser", "member": member, "account": member, "badge": "b"}
        yield at_ms, SessionStarted(**start, tier="member", max_duration_s=3600)
        used = {Quantity.MACHINE_TIME_MS: 600_000 + n, Quantity.ENERGY_MWH: 120_000}
        yield at_ms + 500_000, SessionMetered(session_id=id, elapsed_ms=500_000, counters=used)
        end = {"session_id": id, "stop_type": StopType.TAP_OUT, "elapsed_ms": 600_000 + n}
        yield at_ms + 600_000, SessionEnded(**end, counters=used)


def batches(member: str) -> list[JournalBatch]:
    """Chain the facts and cut them into batches as a gateway does."""
    previous, entries = GENESIS, []
    for seq, (at_ms, fact) in enumerate(facts(member), 1):
        unplaced = JournalEntry.model_construct(
            seq=seq,
            recorded_ms=at_ms,
            clock_error_ms=None,
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


def measure(url: str, folder: Path, engine: str) -> Figure:
    """Apply all batches to one database, one durable transaction each."""
    database = Database(url, folder)
    made = batches(prepare(database))
    began = time.perf_counter()
    applied = 0
    for batch in made:
        with database.write() as session:
            applied += apply_batch(session, batch, NOW_MS).applied
    took = time.perf_counter() - began
    database.close()
    assert applied == 3 * SESSIONS, f"only {applied} were applied"
    rate = round(applied / took)
    what = f"journal entries applied a second, {engine}"
    return Figure(what, rate, "/s", None, "≥ 2,000", rate >= 2000)


async def ingest(folder: Path) -> list[Figure]:
    """Measure on SQLite; on PostgreSQL it is measured where the tests' server is up."""
    return [measure(f"sqlite:///{folder / 'makerfloor.db'}", folder, "SQLite")]

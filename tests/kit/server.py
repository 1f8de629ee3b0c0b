"""A server's database with a small floor in it, and journals as a gateway would write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func
from sqlmodel import Session, delete, select

from booking_api import migrations
from booking_api.certifications import service as certifications
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.happenings.models import Happened
from booking_api.ledger.models import AccountBalance, LedgerEntry
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.metering.ingest import Ingested, ingest
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.vault import Vault, open_vault
from floor.ids import uuid7
from floor.meter import Quantity
from floor.wire.journal import (
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
from tests.kit.template import copied

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000
TARIFF = """
id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "min"
price = 0.333333
"""


@dataclass
class Floor:
    """A migrated database with one gateway, two machines and two members."""

    db: Database
    vault: Vault
    ada: str
    ben: str

    def apply(self, batch: JournalBatch, now_ms: int = NOW_MS) -> Ingested:
        with self.db.write() as session:
            return ingest(session, batch, now_ms)

    def sessions(self) -> dict[str, MachineSession]:
        with self.db.read() as session:
            return {row.id: row for row in session.exec(select(MachineSession))}

    def balances(self) -> dict[tuple[str, str], int]:
        with self.db.read() as session:
            rows = session.exec(select(AccountBalance))
            return {(row.account, row.commodity): row.amount_micro for row in rows if row.amount_micro}

    def entries(self) -> int:
        with self.db.read() as session:
            return session.exec(select(func.count()).select_from(LedgerEntry)).one()


def make_floor(url: str, data: Path) -> Floor:
    ada, ben = copied(made_anew, url, data)
    return Floor(Database(url, data), open_vault(data), ada, ben)


def made_anew(url: str, data: Path) -> tuple[str, str]:
    """Furnish an empty database, and return the ids of its two members."""
    db = Database(url, data)
    migrations.upgrade(db.engine)
    with db.write() as session:
        ada, ben = furnish(session, open_vault(data))
        session.flush()
        session.exec(delete(Happened))  # what a test tells is all that there is to tell
    db.close()
    return ada.id, ben.id


def furnish(session: Session, vault: Vault) -> tuple[Member, Member]:
    """Enrol the gateway `gw`; put `laser-1` (with a tariff) and `door` (free) on it, and two members."""
    enrol.enrol(session, vault, "gw", NOW_MS)
    tariffs.add(session, TARIFF, "test", NOW_MS)
    session.flush()
    for id, tariff in (("laser-1", "laser"), ("door", None)):
        details = machines.MachineDetails(
            id=id, name=id.title(), gateway="gw", tariff=tariff, requires_certification=tariff is not None
        )
        machines.add(session, details, NOW_MS)
    ada = members.add(session, members.MemberDetails(first_name="Ada", last_name="Byron"), NOW_MS)
    ben = members.add(session, members.MemberDetails(first_name="Ben", last_name="Hall"), NOW_MS)
    certifications.grant(session, ada.id, "laser-1", ben.id, NOW_MS)
    return ada, ben


@dataclass
class Writer:
    """Writes one gateway's journal. Time goes on by a second with each fact."""

    gateway: str = "gw"
    epoch: int = 1
    start_ms: int = NOW_MS
    entries: list[JournalEntry] = field(default_factory=list)
    boot_id: str = "boot-1"
    monotonic_ms: int = 5_000
    clock_error_ms: int | None = 10

    def write(self, fact: Fact, after_ms: int = 1_000) -> JournalEntry:
        self.monotonic_ms += after_ms
        raw = JournalEntry(
            seq=len(self.entries) + 1,
            recorded_ms=self.start_ms + self.monotonic_ms,
            clock_error_ms=self.clock_error_ms,
            monotonic_ms=self.monotonic_ms,
            boot_id=self.boot_id,
            previous=GENESIS,
            hash=GENESIS,
            fact=fact,
        )
        entry = chained(self.epoch, self.entries[-1].hash if self.entries else GENESIS, raw)
        self.entries.append(entry)
        return entry

    def session(
        self, member: str, minutes: int, machine: str = "laser-1", account: str = "", checkpoints: int = 0
    ) -> str:
        """Write a whole session; returns its id."""
        id = uuid7(
            self.start_ms + self.monotonic_ms, (self.epoch << 32 | len(self.entries)).to_bytes(10, "big")
        )
        self.write(started(id, member, machine, account))
        elapsed = minutes * MINUTE_MS
        for number in range(1, checkpoints + 1):
            at = elapsed * number // (checkpoints + 1)
            self.write(
                SessionMetered(session_id=id, elapsed_ms=at, counters={Quantity.MACHINE_TIME_MS: at}),
                elapsed // (checkpoints + 1),
            )
        self.write(ended(id, elapsed))
        return id

    def batch(self, first: int = 1, last: int | None = None) -> JournalBatch:
        return batch_of(self, self.entries[first - 1 : last])

    def batches(self, size: int) -> list[JournalBatch]:
        return [batch_of(self, self.entries[at : at + size]) for at in range(0, len(self.entries), size)]


def batch_of(writer: Writer, entries: Sequence[JournalEntry]) -> JournalBatch:
    return JournalBatch(gateway=writer.gateway, epoch=writer.epoch, entries=list(entries))


def started(id: str, member: str, machine: str = "laser-1", account: str = "") -> SessionStarted:
    return SessionStarted(
        session_id=id,
        machine=machine,
        member=member,
        account=account or member,
        badge="b" * 32,
        tier="member",
        max_duration_s=3600,
    )


def ended(id: str, elapsed_ms: int) -> SessionEnded:
    return SessionEnded(
        session_id=id,
        stop_type=StopType.TAP_OUT,
        elapsed_ms=elapsed_ms,
        counters={Quantity.MACHINE_TIME_MS: elapsed_ms},
    )

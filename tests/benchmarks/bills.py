"""What it takes to bill 10,000 uses, here and with NEMO, month by month in turn; and NEMO's hard cap."""

from __future__ import annotations

import calendar
import contextlib
import statistics
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import httpx
from sqlmodel import Session

from booking_api.gateways import enrol
from booking_api.machines import service as machines
from booking_api.machines.service import MachineDetails
from booking_api.members import service as members
from booking_api.members.service import MemberDetails
from booking_api.metering.ingest import ingest
from booking_api.tariffs import service as tariffs
from floor.wire.journal import BATCH_LIMIT, JournalBatch
from tests.benchmarks.pages import unhurried
from tests.benchmarks.peers.nemo import Bills, Nemo, nemo_billing
from tests.benchmarks.peers.processes import TROUBLES
from tests.benchmarks.result import Figure, failed, ms
from tests.kit.furnished import API
from tests.kit.server import MINUTE_MS, Writer, ended, started
from tests.kit.web import NOW_MS, WebFloor, build

ACCOUNTS, USES, MINUTES = 500, 10_000, 15
MONTHS = ["2026-02", "2026-03"]
DUE_MICRO = USES * 6_000_000
"""A quarter of an hour at 24.00 an hour is 6.00, here and there."""
CAPPED_TAPS = 7
TARIFF = """
id = "bills"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
[tiers.member]
[[components]]
per = "machine_time"
unit = "h"
price = 24.00
"""
NEMO = "NEMO with NEMO-billing"
WHAT = f"a month of {USES:,} uses, {ACCOUNTS} accounts"


class Ours:
    """A server whose sessions came in a gateway's journal, and an operator's program at its API."""

    def __init__(self, folder: Path) -> None:
        self.floor = unhurried(build(folder))
        with self.floor.context.database.write() as session:
            self._members = furnish(session, self.floor)
        self._writer = Writer(gateway="bills", start_ms=0)

    def used(self, month: str) -> float:
        """Take a month's journal; return the seconds in which its uses were stored, priced and booked."""
        batches = list(self._batches(month))
        began = time.perf_counter()
        for batch in batches:
            with self.floor.context.database.write() as session:
                ingest(session, batch, NOW_MS)
        return time.perf_counter() - began

    def _batches(self, month: str) -> Iterator[JournalBatch]:
        writer, first = self._writer, len(self._writer.entries)
        begin_ms = int(datetime.fromisoformat(f"{month}-01T00:00:00+00:00").timestamp()) * 1000
        step_ms = 27 * 24 * 60 * MINUTE_MS // USES
        for n in range(USES):
            id = f"{month}-{n}"
            writer.monotonic_ms = begin_ms + n * step_ms
            writer.write(started(id, self._members[n % ACCOUNTS], "bills"))
            writer.write(ended(id, MINUTES * MINUTE_MS), MINUTES * MINUTE_MS)
        for at in range(first, len(writer.entries), BATCH_LIMIT):
            yield writer.batch(at + 1, at + BATCH_LIMIT)

    async def billed(self, client: httpx.AsyncClient, month: str) -> tuple[float, float, float]:
        """Return the seconds of the month's close, of its invoices, and of their PDFs."""
        began = time.perf_counter()
        closed = await client.post(f"{API}/periods/{month}/close", json={})
        assert closed.status_code == 200, closed.text[:500]
        closed_s = time.perf_counter() - began
        ran = await client.post(
            f"{API}/invoice-runs", json={"month": month}, headers={"idempotency-key": f"run-{month}"}
        )
        assert ran.status_code == 201, ran.text[:500]
        ran_s = time.perf_counter() - began - closed_s
        run = ran.json()
        assert run["totals_micro"] == {"EUR": DUE_MICRO}, run["totals_micro"]
        for document in run["documents"]:
            paper = await client.get(f"{API}/invoices/{document['number']}/pdf")
            assert paper.content.startswith(b"%PDF"), paper.text[:500]
        return closed_s, ran_s, time.perf_counter() - began - closed_s - ran_s


def furnish(session: Session, floor: WebFloor) -> list[str]:
    """Make a gateway, a machine and its tariff, and an account for each member; returns the members."""
    enrol.enrol(session, floor.context.vault, "bills", NOW_MS)
    tariffs.add(session, TARIFF, "bench", NOW_MS)
    session.flush()
    details = MachineDetails(id="bills", name="Laser", gateway="bills", tariff="bills")
    machines.add(session, details, NOW_MS)
    people = [MemberDetails(first_name="Maple", last_name=str(n)) for n in range(ACCOUNTS)]
    return [members.add(session, person, NOW_MS).id for person in people]


async def bills(folder: Path) -> list[Figure]:
    """Bill month after month, ours and NEMO's in turn; without NEMO ours alone."""
    ours, trouble = Ours(folder), None
    priced_s = [ours.used(month) for month in MONTHS]
    took: list[tuple[float, float, float]] = []
    theirs: list[tuple[float, float]] = []
    capped_s: list[float] = []
    with contextlib.ExitStack() as stack:
        try:
            member, manager = stack.enter_context(nemo_billing(folder, ACCOUNTS, USES, MONTHS))
            capped_s += [_capped(member) for _ in range(CAPPED_TAPS)]
        except TROUBLES as error:
            trouble = failed(NEMO, error)
        async with ours.floor.program("ada") as client:
            for month in MONTHS:
                took.append(await ours.billed(client, month))
                try:
                    theirs += [] if trouble else [_billed(manager, month)]
                except TROUBLES as error:
                    trouble = failed(NEMO, error)
    return [*_ours(priced_s, took), *([trouble] if trouble else _theirs(theirs, capped_s))]


def _capped(member: Nemo) -> float:
    took, _ = member.tap()
    member.end()
    return took


def _billed(manager: Bills, month: str) -> tuple[float, float]:
    """Return the seconds of the priced list, and of the invoices with their PDFs."""
    last_day = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
    listed_s, rows = manager.priced(month, last_day)
    due = sum(Decimal(str(row["amount"])) for row in rows)
    assert (len(rows), due * 1_000_000) == (USES, DUE_MICRO), f"NEMO listed {len(rows)} uses for {due}"
    made_s, count = manager.invoices(month)
    assert count == ACCOUNTS, f"NEMO made {count} invoices"
    return listed_s, made_s


def _seconds(name: str, what: str, took: list[float]) -> Figure:
    return Figure(f"{name}: {what}: {WHAT}", round(statistics.mean(took), 2), "s")


def _ours(priced_s: list[float], took: list[tuple[float, float, float]]) -> list[Figure]:
    closed, ran, printed = zip(*took, strict=True)
    return [
        _seconds("Makerfloor", "uses stored, priced and booked as they arrive", priced_s),
        _seconds("Makerfloor", "close", list(closed)),
        _seconds("Makerfloor", "invoices issued", list(ran)),
        _seconds("Makerfloor", "their PDFs", list(printed)),
        _seconds("Makerfloor", "close, invoices and PDFs", [sum(one) for one in took]),
    ]


def _theirs(took: list[tuple[float, float]], capped_s: list[float]) -> list[Figure]:
    listed, made = zip(*took, strict=True)
    return [
        _seconds(NEMO, "uses listed with their prices", list(listed)),
        _seconds(NEMO, "invoices with their PDFs", list(made)),
        Figure(
            f"{NEMO}: tap → allowed under a hard cap, {USES:,} uses before: median",
            ms(capped_s, 0.5),
            "ms",
        ),
    ]

"""A gateway with sixteen stations is out of touch for a week: its journal comes whole, with its own times."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import select

from booking_api.machines import service as machines
from booking_api.sessions.late import IN_TIME_MS, late_by_ms, session_late_by_ms
from booking_api.sessions.models import Alarm, SessionState
from floor.wire.journal import BATCH_LIMIT, AlarmRaised, JournalBatch
from gateway.journal import Journal
from gateway.journal_store import JournalStore
from tests.kit.gateway import FakeClock
from tests.kit.server import NOW_MS, Floor, Writer

STATIONS, DAYS, HOUR_MS = 16, 7, 3_600_000
MINUTES = 10
PRICE_MICRO = 3_330_000


def week(floor: Floor) -> Writer:
    """Write a week: each day an alarm, and at each station a use of ten minutes."""
    journal = Writer()
    for _ in range(DAYS):
        journal.write(AlarmRaised(machine=None, code="broker_lost"), 9 * HOUR_MS)
        for n in range(STATIONS):
            journal.session(floor.ada, MINUTES, f"laser-{n}", checkpoints=3)
            journal.monotonic_ms += MINUTES * 60_000
        journal.monotonic_ms += 24 * HOUR_MS - (journal.monotonic_ms - 5_000) % (24 * HOUR_MS)
    return journal


def furnish(floor: Floor) -> None:
    with floor.db.write() as session:
        for n in (n for n in range(STATIONS) if n != 1):
            details = machines.MachineDetails(id=f"laser-{n}", name=f"L{n}", gateway="gw", tariff="laser")
            machines.add(session, details, NOW_MS)


async def test_a_week_comes_whole_with_its_own_times_and_is_shown_as_late(
    floor: Floor, tmp_path: Path
) -> None:
    furnish(floor)
    written = week(floor)
    store = JournalStore(tmp_path / "journal.db")
    store.write((1, entry, entry.model_dump_json()) for entry in written.entries)
    store.close()
    journal = Journal(tmp_path / "journal.db", FakeClock(), lambda _: None)
    back_ms = NOW_MS + DAYS * 24 * HOUR_MS
    assert journal.lag == len(written.entries)
    while journal.lag:
        entries = await journal.to_send(journal.acknowledged, BATCH_LIMIT)
        sent = JournalBatch(gateway="gw", epoch=journal.epoch, entries=entries)
        journal.acknowledge(floor.apply(sent, back_ms).ack.seq)
    journal.close()

    rows = floor.sessions().values()
    assert len(rows) == STATIONS * DAYS
    assert {row.state for row in rows} == {SessionState.PRICED}
    assert floor.balances()[f"assets:member:{floor.ada}", "EUR"] == STATIONS * DAYS * PRICE_MICRO
    starts = {entry.fact.session_id: entry for entry in written.entries if hasattr(entry.fact, "member")}
    assert {row.id: row.started_ms for row in rows} == {id: e.recorded_ms for id, e in starts.items()}
    for row in rows:
        assert session_late_by_ms(row) == back_ms - (row.ended_ms or 0) > IN_TIME_MS
    with floor.db.read() as session:
        alarms = session.exec(select(Alarm).order_by(Alarm.at_ms)).all()
        days = [late_by_ms(alarm.at_ms, alarm.received_ms) // (24 * HOUR_MS) for alarm in alarms]
        assert days == [6, 5, 4, 3, 2, 1, 0]


def test_what_comes_at_once_is_not_late(floor: Floor) -> None:
    journal = Writer()
    id = journal.session(floor.ada, MINUTES)
    floor.apply(journal.batch(), journal.entries[-1].recorded_ms + 2_000)
    assert session_late_by_ms(floor.sessions()[id]) == 0

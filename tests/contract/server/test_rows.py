"""Rows that are written at once and words that are looked up at once say the same on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col, select

from booking_api.db import Database, insert_rows, one_of
from booking_api.maintenance.models import MachineUse
from booking_api.sessions.models import Job
from floor.words import JobOutcome

ODD = ['it\'s "so" \\ {é}', "三维\n打印", "a, b; :c %s", ""]
COUNTERS = {"filament_mg": (1 << 62) + 1, "名": 'a "b" \\n', "deep": [1, {"x": None}]}


@pytest.fixture
def database(empty: str, tmp_path: Path) -> Iterator[Database]:
    made = Database(empty, tmp_path)
    wanted = {Job.__tablename__, MachineUse.__tablename__}
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name in wanted]
    SQLModel.metadata.create_all(made.engine, tables)
    yield made
    made.close()


def test_rows_come_back_as_they_were_put(database: Database) -> None:
    rows = [
        {
            "gateway": "gw",
            "epoch": 1 << 40,
            "seq": n,
            "session": None if n else "s",
            "machine": word,
            "name": word * 2,
            "outcome": JobOutcome.DONE,
            "job_time_ms": 1 << 53,
            "counters": COUNTERS,
            "user": word,
            "at_ms": -n,
        }
        for n, word in enumerate(ODD)
    ]
    with database.write() as session:
        insert_rows(session, Job, rows)
        insert_rows(session, Job, [])
    with database.read() as session:
        assert [one.model_dump() for one in session.exec(select(Job).order_by(col(Job.seq)))] == rows
        kept = session.connection().execute(text("SELECT CAST(counters AS TEXT) FROM job")).scalars().all()
        assert set(kept) == {json.dumps(COUNTERS)}, "the text that copies and digests read is another"
        for asked in (ODD[:2], [*ODD, "none"], []):
            query = select(Job.machine).where(one_of(Job.machine, asked), Job.epoch == 1 << 40)
            assert set(session.exec(query)) == set(asked) & set(ODD)


def test_what_is_there_is_changed_only_where_that_is_said(database: Database) -> None:
    rows = [{"machine": "saw", "day": day, "totals": {"jobs": n}} for n, day in enumerate(("", "2026-05-21"))]
    put = "ON CONFLICT (machine, day) DO UPDATE SET totals = excluded.totals"
    with database.write() as session:
        insert_rows(session, MachineUse, rows[:1])
        insert_rows(session, MachineUse, [row | {"totals": {"jobs": 7}} for row in rows], put)
    with pytest.raises(IntegrityError), database.write() as session:
        insert_rows(session, MachineUse, rows)
    with database.read() as session:
        found = session.exec(select(MachineUse.totals).order_by(MachineUse.day)).all()
    assert found == [{"jobs": 7}, {"jobs": 7}]

"""Takes a database with data in it down through every revision and up again."""

from __future__ import annotations

from sqlalchemy import inspect, text

from booking_api import doctor, migrations
from booking_api.db import Database

LOSES = {
    ("0019", "browser_session"): "everybody is signed out of browsers",
    ("0004", "charge_line"): "lines of fees, which no session has, have no place before charges",
}
"""What a table that stays loses by a step down, by the revision that it ends at."""
GONE = ("it was posted and is gone", "it was written and is gone")
"""What the doctor says of books and an audit log whose tables were taken away and made anew."""


def step_down_and_up(database: Database) -> None:
    """Go down a revision at a time to the first, and up again; what stays loses nothing."""
    revisions = [f"{n:04}" for n in range(int(migrations.newest() or 0), 0, -1)]
    before = first = counts(database)
    for revision in revisions[1:]:
        migrations.downgrade(database.engine, revision)
        now = counts(database)
        lost = {(revision, name) for name, rows in now.items() if rows < before[name]}
        assert lost <= LOSES.keys(), lost
        before = now
    assert before["member"] == first["member"]
    assert before["machine_session"] == first["machine_session"]
    for revision in reversed(revisions):
        migrations.upgrade(database.engine, revision, zone=database.zone)
    after = counts(database)
    assert after.keys() == first.keys()
    assert {name: after[name] for name in before} == before
    assert [one.words for one in doctor.examine(database) if not one.words.startswith(GONE)] == []


def counts(database: Database) -> dict[str, int]:
    """Return how many rows each table has."""
    with database.engine.connect() as connection:
        names = sorted({*inspect(connection).get_table_names()} - {"alembic_version"})
        each = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names)
        return {name: rows for name, rows in connection.execute(text(each))}

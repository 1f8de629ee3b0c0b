"""Limits that stood on members move to their accounts, and back, with the data of a floor that is in use."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from booking_api import migrations
from booking_api.db import Database

MEMBER = (
    "INSERT INTO member (id, number, first_name, last_name, shown_name, tier, language, role, account, "
    "credit_limit_micro, created_ms) VALUES (:id, :id, 'Ada', 'Byron', 'Ada', 'member', 'en', 'member', :id, "
    ":credit, 7)"
)
BADGE = (
    "INSERT INTO badge (id, member, uid_sealed, uid_lookup, kind, label, enrolled_ms) "
    "VALUES ('b', 'ada', 'x', 'x', 'uid_13mhz', '', 7)"
)


def test_a_limit_moves_to_the_account_and_back(empty: str, tmp_path: Path) -> None:
    database = Database(empty, tmp_path)
    migrations.upgrade(database.engine, "0003")
    with database.engine.begin() as connection:
        connection.execute(text(MEMBER), [{"id": "ada", "credit": 5_000_000}, {"id": "ben", "credit": None}])
        connection.execute(text(BADGE))
    migrations.upgrade(database.engine)
    with database.engine.connect() as connection:
        kept = "SELECT id, kind, name, credit_limit_micro FROM account ORDER BY id"
        assert [tuple(row) for row in connection.execute(text(kept))] == [
            ("ada", "member", "Ada Byron", 5_000_000),
            ("ben", "member", "Ada Byron", None),
        ]
        assert connection.execute(text("SELECT member FROM badge")).scalars().all() == ["ada"]
    migrations.downgrade(database.engine, "0003")
    with database.engine.connect() as connection:
        kept = "SELECT id, credit_limit_micro FROM member ORDER BY id"
        assert [tuple(row) for row in connection.execute(text(kept))] == [("ada", 5_000_000), ("ben", None)]
    database.close()

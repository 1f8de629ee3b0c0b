"""Migrations go up and down on both databases, and end in what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from booking_api import doctor, migrations
from booking_api.db import Database
from booking_api.settings import read_settings
from booking_api.start import open_context, open_database
from booking_api.tables import METADATA
from floor.errors import ConfigError


def test_up_down_and_up_again(empty: str, tmp_path: Path) -> None:
    database = Database(empty, tmp_path)
    migrations.upgrade(database.engine)
    assert migrations.current(database.engine) == migrations.newest()
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    migrations.downgrade(database.engine, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    migrations.upgrade(database.engine)
    assert doctor.examine(database) == []
    database.close()


def test_a_server_does_not_start_on_an_older_database(empty: str, tmp_path: Path) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text(f'[database]\nurl = "{empty}"\n')
    settings = read_settings(file, {})
    database = Database(empty, tmp_path)
    migrations.upgrade(database.engine, "0001")
    with pytest.raises(ConfigError, match="makerfloor migrate"):
        open_database(settings)
    context = open_context(settings, migrate=True)
    with context.database.read() as session:
        assert session.connection().execute(text("SELECT epoch, n FROM roster_state")).one() == (1, 0)
    context.database.close()
    database.close()

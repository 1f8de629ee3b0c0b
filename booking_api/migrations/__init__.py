"""Migrations: one step before workers start, so that no two of them change the database at once.

Alembic is loaded where it runs: to see whether a database is of the newest form, nobody waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, String, column, inspect, select, table

if TYPE_CHECKING:
    from alembic.config import Config

_HERE = Path(__file__).parent
_VERSION = table("alembic_version", column("version_num", String()))
logging.getLogger("alembic").setLevel(logging.WARNING)


def upgrade(engine: Engine, revision: str = "head", zone: tzinfo = UTC) -> None:
    """Bring a database to the newest form, or to a revision; months are those of `zone`."""
    from alembic import command

    _run(engine, lambda config: command.upgrade(config, revision), zone)


def upgrade_within(connection: Connection, zone: tzinfo = UTC) -> None:
    """Bring a database to the newest form within a transaction that is under way."""
    from alembic import command

    command.upgrade(_config(connection, zone), "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to a revision; "base" is empty."""
    from alembic import command

    _run(engine, lambda config: command.downgrade(config, revision))


def current(engine: Engine) -> str | None:
    """Return the revision of a database, None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION.name):
            return None
        return connection.scalar(select(_VERSION.c.version_num))


def newest() -> str | None:
    """Return the revision that this software needs: files are named by theirs, which count up."""
    return max((file.name[:4] for file in (_HERE / "versions").glob("[0-9]*.py")), default=None)


def _config(connection: Connection, zone: tzinfo) -> Config:
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "zone": zone})
    config.set_main_option("script_location", str(_HERE))
    return config


def _run(engine: Engine, act: Callable[[Config], None], zone: tzinfo = UTC) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        act(_config(connection, zone))

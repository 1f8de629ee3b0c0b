"""Migrations: one step before workers start, so that no two of them change the database at once."""

import logging
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

_HERE = Path(__file__).parent
logging.getLogger("alembic").setLevel(logging.WARNING)


def upgrade(engine: Engine, revision: str = "head", zone: tzinfo = UTC) -> None:
    """Bring a database to the newest form, or to a revision; months are those of `zone`."""
    _run(engine, lambda config: command.upgrade(config, revision), zone)


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to a revision; "base" is empty."""
    _run(engine, lambda config: command.downgrade(config, revision))


def current(engine: Engine) -> str | None:
    """Return the revision of a database, None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the revision that this software needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config


def _run(engine: Engine, act: Callable[[Config], None], zone: tzinfo = UTC) -> None:
    config = _config()
    config.attributes["zone"] = zone
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        act(config)

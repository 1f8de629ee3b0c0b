"""The database as it stood at one moment, while others write; and a database made of that again."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import URL, make_url

from booking_api.backups.manifest import Facts, facts_of
from booking_api.db import Database, StorageFull, check_reachable
from floor.errors import ConfigError

_RESTORING = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-comments")


def is_sqlite(database: Database) -> bool:
    """Whether it is a file."""
    return database.engine.dialect.name == "sqlite"


def take(database: Database, to: Path) -> Facts:
    """Write the database as it stands into a new file; raises StorageFull, ConfigError."""
    return _copy(database, to) if is_sqlite(database) else _dump(database, to)


def _copy(database: Database, to: Path) -> Facts:
    """Copy in one step: by several, each write of the server would begin the copy anew."""
    source = sqlite3.connect(str(database.engine.url.database))
    target = sqlite3.connect(to)
    with contextlib.closing(source), contextlib.closing(target):
        target.execute("PRAGMA synchronous=OFF")
        try:
            source.backup(target)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                words = f"The disk that holds {to.parent} is full. Nothing was kept."
                raise StorageFull(words) from error
            raise ConfigError(str(to), "", f"cannot be written ({error})", "Look at the disk.") from error
    copy = Database(f"sqlite:///{to}", to.parent)
    try:
        with copy.engine.connect() as connection:
            return facts_of(connection)
    finally:
        copy.close()


def _dump(database: Database, to: Path) -> Facts:
    """Dump the very state that the facts are of: both see the same snapshot."""
    reading = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with reading.connect() as connection:
        name = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        _run("pg_dump", database.engine.url, "--format=custom", f"--snapshot={name}", f"--file={to}")
        return facts_of(connection)


def check_empty(url: str) -> None:
    """Raise ConfigError for what is no PostgreSQL database that can be reached and holds nothing."""
    database = Database(url, Path())
    try:
        if is_sqlite(database):
            remedy = "Name an empty one of PostgreSQL, or leave it away."
            raise ConfigError("makerfloor restore", "--database", "is no server's", remedy)
        check_reachable(database)
        with database.engine.connect() as connection:
            held = inspect(connection).get_table_names()
    finally:
        database.close()
    if held:
        problem = f"holds {len(held)} tables, and nothing is ever written over"
        raise ConfigError("makerfloor restore", "--database", problem, "Name an empty database.")


def load(dump: Path, url: str) -> None:
    """Fill an empty PostgreSQL database, all of it or nothing; raises ConfigError."""
    _run("pg_restore", make_url(url), *_RESTORING, str(dump))


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by its environment, which others cannot see."""
    if shutil.which(program) is None:
        remedy = "Install PostgreSQL's client: apt-get install postgresql-client."
        raise ConfigError(program, "", "is missing on this machine", remedy)
    where = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    command = [program, "--no-password", "--dbname", where, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
        raise ConfigError(program, "", f"failed ({said[:500]})", "Correct that, and try again.")

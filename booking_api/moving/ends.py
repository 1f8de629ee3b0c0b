"""The two ends of a move: a database that nobody else has open, and an empty one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from booking_api.db import Database
from floor.errors import Refused

POSTGRESQL = "postgresql"
WAIT_S = 2.0
"""How long a SQLite file may stay in another's hands before the move is refused."""
_OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


def address(words: str) -> str:
    """Return a database's address as the settings take it; raises Refused for one that is none."""
    try:
        url = make_url(words)
    except ArgumentError:
        url = make_url("nothing://")
    if url.drivername == POSTGRESQL:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg") or not url.database:
        remedy = "Write postgresql://user:password@host/name or sqlite:////absolute/path.db."
        raise Refused("move_to_invalid", f"--to names no database that a space can be in. {remedy}")
    return url.render_as_string(hide_password=False)


@contextlib.contextmanager
def held(database: Database) -> Iterator[Connection]:
    """Give a connection whose transaction is the only one of its database; raises Refused where it is not."""
    engine = _alone(database) if database.engine.dialect.name == "sqlite" else database.engine
    try:
        with engine.connect().execution_options(writes=True, alone=True) as connection:
            others = connection.dialect.name == POSTGRESQL and connection.scalar(text(_OTHERS))
            if others:
                raise _in_use()
            connection.begin() if not connection.in_transaction() else None
            yield connection
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig):
            raise _in_use() from error
        raise
    finally:
        engine.dispose()


@contextlib.contextmanager
def empty(database: Database) -> Iterator[Connection]:
    """Give a connection to an empty database, in one transaction that is committed at the block's end.

    Raises Refused for one that is not empty, or that cannot hold every letter.
    """
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if inspect(connection).get_table_names():
            remedy = "Name an empty one: nothing is ever written over."
            raise Refused("move_to_not_empty", f"The database {shown(database.url)} is not empty. {remedy}")
        if connection.dialect.name == POSTGRESQL:
            encoding = connection.scalar(text("SHOW server_encoding"))
            if encoding != "UTF8":
                remedy = "Make one with: createdb --encoding UTF8 --template template0."
                words = f"The database {shown(database.url)} is in {encoding}, not in UTF8. {remedy}"
                raise Refused("move_to_invalid", words)
        else:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        yield connection


def shown(url: str) -> str:
    """Return an address without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _alone(database: Database) -> Engine:
    """Make an engine that opens the SQLite file only when nobody else has it open, and lets nobody in."""
    engine = create_engine(database.url, connect_args={"timeout": WAIT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _in_use() -> Refused:
    remedy = "Stop the server (systemctl stop makerfloor) and close what else works with it, then move again."
    return Refused("move_in_use", f"The space's database is in use. {remedy}")

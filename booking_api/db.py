"""The database: SQLite on one machine, PostgreSQL beyond it; one place that begins and ends transactions.

Writes are transactions that commit before anybody is told that they happened; in an event loop they go
through `transact`, which runs them one at a time in a thread, and reads through `look`: a database whose host
does not answer keeps who asks it waiting for seconds, and nobody else.
"""

import asyncio
import contextlib
import contextvars
import errno
import functools
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Engine,
    Enum,
    bindparam,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, SQLModel

from booking_api.audit import acting
from floor.errors import ConfigError, FloorError

log = logging.getLogger(__name__)
T = TypeVar("T")
BUSY_TIMEOUT_MS = 30_000
AFTER_COMMIT = "after_commit"
DATA = "data"
ZONE = "zone"
_STOOD = "stood"
_FOLLOWING: dict[str, Callable[[Any], Any]] = {AFTER_COMMIT: list}
"""What of a session's `info` follows its savepoints, and how it is copied."""
JSON_OR_NULL = JSON(none_as_null=True)
"""The type of a JSON column in which nothing is NULL, not the JSON word."""
_LOCK = 0x6D66617069  # any number: what others lock in the same database is theirs
_ALONE = f"SELECT pg_advisory_xact_lock({_LOCK})"
_BESIDE_OTHERS = f"SELECT pg_advisory_xact_lock_shared({_LOCK})"
_REACH = {"connect_timeout": 5, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""How soon PostgreSQL is taken for gone, in seconds; what the address itself says goes before."""
_AWAY = ("08", "57P01", "57P02", "57P03", "53300")
"""How the SQL states begin of a server that ends, starts, or has no connection left."""
_IN_TURN = text(f"SELECT pg_advisory_xact_lock({_LOCK & 0xFFFF}, hashtext(:what))")
_FULL = ("disk is full", "no space left", "could not extend file")
_FULL_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StorageFull(FloorError):
    """The disk or the database has no room left: nothing was written, and what was written before stands."""


def word_column(words: type[StrEnum]) -> Enum:
    """Return a column type for a closed vocabulary: text in the database, the enum in Python."""
    return Enum(
        words, native_enum=False, length=32, create_constraint=False, values_callable=lambda kind: list(kind)
    )


class Database:
    """One database. `data` is the directory for what must lie outside of it (ledger heads, keys); `zone` is
    the space's clock, by which months and days begin.
    """

    def __init__(self, url: str, data: Path, zone: tzinfo = UTC) -> None:
        self.url = url
        self.data = data
        self.zone = zone
        self.engine = _make_engine(url)
        self._begins_writing = self.engine.execution_options(writes=True)
        self._begins_writing_alone = self.engine.execution_options(writes=True, alone=True)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session for reading; nothing that it changes is kept."""
        with Session(self.engine, expire_on_commit=False, info={DATA: self.data, ZONE: self.zone}) as session:
            yield session

    async def look(self, work: Callable[[Session], T]) -> T:
        """Run `work`, which only reads, in a thread."""
        return await asyncio.to_thread(self._look, work)

    def _look(self, work: Callable[[Session], T]) -> T:
        with self.read() as session:
            return work(session)

    @contextlib.contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Session]:
        """Give a session whose block is one transaction, committed at its end. Raises StorageFull.

        `alone`: no other write is under way while it is, of any process; SQLite has one writer anyway.
        """
        info: dict[Any, Any] = {DATA: self.data, ZONE: self.zone, AFTER_COMMIT: []}
        actor = acting.current()
        if actor is not None:
            info[acting.ACTOR] = actor
        try:
            engine = self._begins_writing_alone if alone else self._begins_writing
            with Session(engine, expire_on_commit=False, info=info) as session:
                yield session
                session.commit()
        except DBAPIError as error:
            raise explain(error, self.data) from error
        for act in session.info[AFTER_COMMIT]:
            try:
                act()
            except OSError as error:  # what is committed stands: nobody may be told that it failed
                log.error("%s: a file beside the database could not be written: %s", self.data, error)

    async def transact(self, work: Callable[[Session], T]) -> T:
        """Run `work` as one transaction in the writer's thread; what it returns is durable when this returns.

        A caller that is cancelled does not stop the transaction: it commits or fails as a whole. It is the
        caller's actor who acts.
        """
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._writer, run, self._run, work)

    def _run(self, work: Callable[[Session], T]) -> T:
        with self.write() as session:
            return work(session)

    def close(self) -> None:
        """Wait for the writer and give back every connection."""
        self._writer.shutdown(wait=True)
        self.engine.dispose()


def zone_of(session: Session) -> tzinfo:
    """Return the space's clock, as the session's database was told."""
    zone: tzinfo = session.info[ZONE]
    return zone


def one_at_a_time(session: Session, what: str) -> None:
    """Wait until no other transaction does this, and see what it wrote; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_IN_TURN, {"what": what})


def insert_rows(
    session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]], on_conflict: str = ""
) -> None:
    """Insert rows that name the same columns, in one statement; None is NULL.

    `on_conflict` ends the statement: what is done with a row whose key is there. No two rows have the same.
    """
    if not rows:
        return
    assert all(row.keys() == rows[0].keys() for row in rows), f"rows of {table} that differ in columns"
    session.flush()
    dialect = session.get_bind().dialect
    statement = _insert(table, tuple(rows[0]), on_conflict, dialect)
    if dialect.name == "postgresql":  # the driver would send, and the server run, a statement for each row
        session.execute(statement, {"rows": json.dumps(rows, default=date.isoformat)})
    else:
        session.execute(statement, rows)


class OneOf(FunctionElement[bool]):
    """Whether a column is one of many words: as `in_`, with all of them as one parameter.

    The statement stays the same however many they are, so that it is compiled and planned once.
    """

    inherit_cache = True
    type = Boolean()


def one_of(column: Any, words: Iterable[str | None]) -> OneOf:
    """Return a condition: a column is one of these words, which are many."""
    return OneOf(column, bindparam(None, list(words), JSON, unique=True))


@compiles(OneOf, "sqlite")
def _one_of_sqlite(element: OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, words = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({words}))"


@compiles(OneOf, "postgresql")
def _one_of_postgresql(element: OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, words = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text({words})))"


@functools.lru_cache(256)
def _insert(
    table: type[SQLModel], columns: tuple[str, ...], on_conflict: str, dialect: Dialect
) -> TextClause:
    """Write the statement: SQLAlchemy would compile an upsert anew each time."""
    local = inspect(table).local_table
    quote = dialect.identifier_preparer.quote
    into, names = quote(local.name), ", ".join(map(quote, columns))
    if dialect.name == "postgresql":
        rows = f"SELECT {names} FROM json_populate_recordset(NULL::{into}, CAST(:rows AS json))"
        return text(f"INSERT INTO {into} ({names}) {rows} {on_conflict}")
    values = ", ".join(f":{name}" for name in columns)
    types = [bindparam(name, type_=local.c[name].type) for name in columns]
    return text(f"INSERT INTO {into} ({names}) VALUES ({values}) {on_conflict}").bindparams(*types)


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Do something once the session's transaction is durable; only in sessions of `Database.write`."""
    session.info[AFTER_COMMIT].append(act)


def start_again(session: Session) -> None:
    """Undo all that a session of `Database.write` did so far, as if nothing had been asked: it may go on.

    So a page can show what an act would do, or why it is refused, and nothing of it is kept or told.
    """
    session.rollback()


def follow_savepoints(key: str, copy: Callable[[Any], Any]) -> None:
    """Let what stands in a session's `info` under a key be undone with the rows that it goes with.

    A savepoint that is rolled back restores what stood there at its begin, of which `copy` makes a copy; a
    transaction that is rolled back leaves nothing there.
    """
    _FOLLOWING[key] = copy


@event.listens_for(Session, "after_transaction_create")
def _after_begin(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        stood = {key: copy(session.info[key]) for key, copy in _FOLLOWING.items() if key in session.info}
        session.info.setdefault(_STOOD, []).append(stood)


@event.listens_for(Session, "after_rollback")
def _after_rollback(session: Session) -> None:
    """Restore what stood at the begin of the savepoint, or of the transaction, that was rolled back."""
    stood = {AFTER_COMMIT: list[Any]()} if AFTER_COMMIT in session.info else {}
    if session.in_nested_transaction():
        stood = session.info[_STOOD][-1]
    for key in _FOLLOWING:
        session.info.pop(key, None)
    session.info.update(stood)


@event.listens_for(Session, "after_transaction_end")
def _after_end(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        session.info[_STOOD].pop()


def explain(error: DBAPIError, data: Path) -> Exception:
    """Return StorageFull for a full disk, else the error itself."""
    text = str(error.orig).lower()
    if any(words in text for words in _FULL):
        return StorageFull(f"The disk that holds {data} is full. Free some space; what was recorded stands.")
    return error


@contextlib.contextmanager
def room_on_disk(folder: Path) -> Iterator[None]:
    """Raise StorageFull where the block finds no room left for a file in a folder."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_NUMBERS:
            raise StorageFull(f"The disk that holds {folder} is full. Nothing was kept.") from error
        raise


def is_away(error: DBAPIError) -> bool:
    """Whether an error says that PostgreSQL cannot be reached now; SQLite's file is always here."""
    if not isinstance(error, OperationalError | InterfaceError) or isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(_AWAY)


def check_reachable(database: Database, file: str = "makerfloor.toml", key: str = "database.url") -> None:
    """Raise ConfigError with a clear sentence when the database cannot be opened; it names file and key."""
    try:
        with database.engine.connect():
            pass
    except OperationalError as error:
        words = str(error.orig).strip().splitlines()[0]
        remedy = "Check that the server runs, the name and password are right, and the disk is there."
        raise ConfigError(file, key, f"cannot be opened ({words})", remedy) from error


def _make_engine(url: str) -> Engine:
    """Make the engine. Its errors go into logs, so they do not name what was written: hashes, sealed keys."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _bad_url(url) from error
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, connect_args={"check_same_thread": False}, pool_size=10, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername != "postgresql+psycopg":
        raise _bad_url(url)
    reach = {name: value for name, value in _REACH.items() if name not in parsed.query}
    engine = create_engine(parsed, connect_args=reach, pool_pre_ping=True, pool_size=10, hide_parameters=True)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _bad_url(url: str) -> ConfigError:
    remedy = "Write sqlite:////absolute/path.db or postgresql+psycopg://user:password@host/name."
    return ConfigError("makerfloor.toml", "database.url", f"is {url.split('@')[-1]!r}", remedy)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Without this the driver begins transactions by itself, deferred, and a write may fail half-way as busy.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("writes", False):
        connection.exec_driver_sql(_ALONE if options.get("alone", False) else _BESIDE_OTHERS)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""A table's rows in the one form that both databases give and take, streamed, and their digest.

Text, dates and JSON are text, letter by letter as they were written; numbers and yes or no are whole numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    Table,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from booking_api.moving.ends import POSTGRESQL
from floor.errors import Refused

BATCH = 2_000
"""Rows that are in memory at once."""
_BITS = 128
Row = tuple[int | str | None, ...]


@dataclass(slots=True)
class Digest:
    """How many rows there are, and the sum of their hashes: the same in whatever order they come."""

    rows: int = 0
    total: int = 0

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass rows on, and count each in."""
        for row in rows:
            hashed = hashlib.blake2b(repr(row).encode(), digest_size=_BITS // 8).digest()
            self.total = (self.total + int.from_bytes(hashed)) % (1 << _BITS)
            self.rows += 1
            yield row


def read(connection: Connection, table: Table) -> Iterator[Row]:
    """Yield a table's rows, in any order."""
    plain = [_plain(connection, column) for column in table.columns]
    query = select(*map(_as_it_is, plain)).select_from(table).execution_options(stream_results=True)
    for part in connection.execute(query).partitions(BATCH):
        yield from map(tuple, part)


def digest(connection: Connection, table: Table) -> Digest:
    """Read a table, and return its digest."""
    made = Digest()
    for _ in made.of(read(connection, table)):
        pass
    return made


def write(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    """Write rows into an empty table; raises Refused for what this database cannot hold.

    A table is one statement in PostgreSQL, so that rows of it may name each other.
    """
    put = _copy if connection.dialect.name == POSTGRESQL else _insert
    try:
        put(connection, _quoted(connection, table), [_name(connection, one) for one in table.columns], rows)
    except DBAPIError as error:
        words = str(error.orig).strip().splitlines()[0]
        raise Refused("move_refused", f"The table {table.name} cannot be moved: {words}.") from error


def count_on(connection: Connection, table: Table) -> None:
    """Let the next number of a table that counts its rows follow the last one that was moved."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != POSTGRESQL:
        return
    name, quoted = _name(connection, column), _quoted(connection, table)
    connection.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{quoted}', '{column.name}'), coalesce(max({name}), 1), "
            f"max({name}) IS NOT NULL) FROM {quoted}"
        )
    )


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    raw = connection.connection.cursor()
    try:
        with raw.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as stream:
            for row in rows:
                stream.write_row(row)
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(f"COPY {table}", None, error) from error
    finally:
        raw.close()


def _insert(connection: Connection, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    marks = ", ".join("?" * len(columns))
    while some := list(islice(rows, BATCH)):
        connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", some)


def _plain(connection: Connection, column: Column[Any]) -> str:
    name = _name(connection, column)
    if isinstance(column.type, JSON):
        return f"CAST({name} AS TEXT)"  # SQLite keeps a bare number of JSON as a number
    if connection.dialect.name == POSTGRESQL and isinstance(column.type, Date | Boolean):
        return f"CAST({name} AS {'TEXT' if isinstance(column.type, Date) else 'INTEGER'})"
    return name


def _as_it_is(words: str) -> ColumnElement[Any]:
    return literal_column(words)


def _name(connection: Connection, column: Column[Any]) -> str:
    return connection.dialect.identifier_preparer.quote(column.name)


def _quoted(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)

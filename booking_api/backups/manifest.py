"""What a backup says of itself, and how the database in it must look."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, inspect, text

NAME = "manifest.json"
SQLITE, POSTGRESQL = "database.sqlite", "database.dump"
Kind = Literal["sqlite", "postgresql"]


class Strict(BaseModel):
    """Nothing that is not known is passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BookHead(Strict):
    """The last entry of a book, and its hash."""

    seq: int
    hash: str


class Member(Strict):
    """A file of the backup: bytes, and SHA-256 as hex."""

    size: int = Field(ge=0)
    sha256: str


class Facts(Strict):
    """What a database holds: its form, its books' heads, and the rows of each table."""

    migration: str
    books: dict[str, BookHead]
    rows: dict[str, int]


class Manifest(Strict):
    """The last file of a backup. `made_ms` is UTC; `environment` names variables, not their values."""

    software: str
    made_ms: int
    space: str
    timezone: str
    database: Kind
    environment: list[str]
    facts: Facts
    members: dict[str, Member]


def facts_of(connection: Connection) -> Facts:
    """Look at a database in the connection's transaction, of whatever form it is."""
    migration = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    heads = connection.execute(text("SELECT id, seq, hash FROM book"))
    books = {id: BookHead(seq=seq, hash=hash) for id, seq, hash in heads}
    rows = {
        name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
        for name in sorted(inspect(connection).get_table_names())
    }
    return Facts(migration=migration, books=books, rows=rows)

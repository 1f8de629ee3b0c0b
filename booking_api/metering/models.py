"""Tables of the journals as they came, and of what could not be taken from them."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


class JournalHead(SQLModel, table=True):
    """How far one epoch of a gateway's journal is applied; a forked one goes no further."""

    __tablename__ = "journal_head"

    gateway: str = Field(primary_key=True, foreign_key="gateway.name", max_length=32)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    hash: str = Field(max_length=64)
    quarantined: bool = Field(default=False)


class JournalRecord(SQLModel, table=True):
    """One applied entry as it came; `body` is its JSON, so that the chain can be verified again."""

    __tablename__ = "journal_record"

    gateway: str = Field(primary_key=True, foreign_key="gateway.name", max_length=32)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    hash: str = Field(max_length=64)
    kind: str = Field(max_length=32)
    body: str = Field(sa_type=Text)
    recorded_ms: int = Field(sa_type=BigInteger)
    clock_error_ms: int | None = Field(default=None, sa_type=BigInteger)
    monotonic_ms: int = Field(sa_type=BigInteger)
    boot_id: str = Field(max_length=64)
    received_ms: int = Field(sa_type=BigInteger)


class BootClock(SQLModel, table=True):
    """When a start of a gateway happened: wall time less monotonic time, from its first entry that knew."""

    __tablename__ = "boot_clock"

    gateway: str = Field(primary_key=True, foreign_key="gateway.name", max_length=32)
    boot_id: str = Field(primary_key=True, max_length=64)
    offset_ms: int = Field(sa_type=BigInteger)
    clock_error_ms: int = Field(sa_type=BigInteger)


class Quarantined(SQLModel, table=True):
    """An entry that does not fit what was applied: kept for an operator, never guessed at."""

    __tablename__ = "journal_quarantine"

    gateway: str = Field(primary_key=True, foreign_key="gateway.name", max_length=32)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    hash: str = Field(primary_key=True, max_length=64)
    problem: str = Field(max_length=200)
    body: str = Field(sa_type=Text)
    received_ms: int = Field(sa_type=BigInteger)
    resolved_ms: int | None = Field(default=None, sa_type=BigInteger)
    resolved_by: str | None = Field(default=None, max_length=64)

"""Tables of sessions and of what happened around them."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.words import DenialReason, JobOutcome, StopType

UNSEEN = text("seen_ms IS NULL")


class SessionState(StrEnum):
    """Where a session stands on the server. An exception waits for an operator, who is told why."""

    OPEN = "open"
    PRICED = "priced"
    EXCEPTION = "exception"


class MachineSession(SQLModel, table=True):
    """One use of a machine. Ids come from the gateway and may be unknown here: then it is an exception.

    `counters` are the totals of the meters in base units. `total_micro` is what was charged, in micro-units
    of `commodity`, the sum of its charges; it is None until the session is priced. `clock_error_ms` bounds
    the error of `started_ms` (None: unknown). `ended_ms` is `started_ms` plus the monotonic `elapsed_ms`;
    `received_ms` is when the end reached this server.
    """

    __tablename__ = "machine_session"
    __table_args__ = (
        Index("ix_machine_session_held", "account", "state"),
        Index("ix_machine_session_state", "state", "started_ms", "id"),
        Index("ix_machine_session_used", "machine", "member", "ended_ms"),
    )

    id: str = Field(primary_key=True, max_length=64)
    gateway: str = Field(index=True, max_length=32)
    machine: str = Field(index=True, max_length=64)
    member: str = Field(index=True, max_length=64)
    account: str = Field(index=True, max_length=64)
    tier: str = Field(max_length=64)
    badge: str = Field(max_length=64)
    boot_id: str = Field(default="", max_length=64)
    state: SessionState = Field(sa_type=word_column(SessionState))
    exception: str = Field(default="", max_length=400)
    started_ms: int = Field(sa_type=BigInteger, index=True)
    start_monotonic_ms: int = Field(default=0, sa_type=BigInteger)
    clock_error_ms: int | None = Field(default=None, sa_type=BigInteger)
    held_ms: int | None = Field(default=None, sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    received_ms: int | None = Field(default=None, sa_type=BigInteger)
    elapsed_ms: int = Field(default=0, sa_type=BigInteger)
    stop_type: StopType | None = Field(default=None, sa_type=word_column(StopType))
    words: str = Field(default="", max_length=400)
    counters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    limit_micro: int | None = Field(default=None, sa_type=BigInteger)
    late_journal: bool = Field(default=False)
    tariff_version: str | None = Field(default=None, max_length=100)
    commodity: str | None = Field(default=None, max_length=16)
    total_micro: int | None = Field(default=None, sa_type=BigInteger)


class SessionReading(SQLModel, table=True):
    """A checkpoint of a session's meters since its start, by the journal entry that brought it."""

    __tablename__ = "session_reading"

    session: str = Field(primary_key=True, max_length=64)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    elapsed_ms: int = Field(sa_type=BigInteger)
    counters: dict[str, Any] = Field(sa_type=JSON)


class Refusal(SQLModel, table=True):
    """A tap that was refused; `member` is None for an unknown badge."""

    __tablename__ = "refusal"

    gateway: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    machine: str = Field(index=True, max_length=64)
    member: str | None = Field(default=None, index=True, max_length=64)
    badge: str = Field(max_length=64)
    reason: DenialReason = Field(sa_type=word_column(DenialReason))
    at_ms: int = Field(sa_type=BigInteger, index=True)


class Job(SQLModel, table=True):
    """A print or a cut that ended; `session` is None when it ran outside of one."""

    __tablename__ = "job"

    gateway: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    session: str | None = Field(default=None, index=True, max_length=64)
    machine: str = Field(index=True, max_length=64)
    name: str = Field(max_length=400)
    outcome: JobOutcome = Field(sa_type=word_column(JobOutcome))
    job_time_ms: int = Field(sa_type=BigInteger)
    counters: dict[str, Any] = Field(sa_type=JSON)
    user: str = Field(default="", max_length=400)
    at_ms: int = Field(sa_type=BigInteger)


class Alarm(SQLModel, table=True):
    """Something that staff must know; it stays until somebody says that they have seen it.

    `at_ms` is when it happened, `received_ms` when this server heard of it.
    """

    __tablename__ = "alarm"
    __table_args__ = (Index("ix_alarm_unseen", "at_ms", sqlite_where=UNSEEN, postgresql_where=UNSEEN),)

    gateway: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    machine: str | None = Field(default=None, index=True, max_length=64)
    code: str = Field(max_length=64)
    words: str = Field(default="", max_length=400)
    at_ms: int = Field(sa_type=BigInteger, index=True)
    received_ms: int | None = Field(default=None, sa_type=BigInteger)
    seen_ms: int | None = Field(default=None, sa_type=BigInteger)
    seen_by: str | None = Field(default=None, max_length=64)

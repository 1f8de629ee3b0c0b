"""The table of prints."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class PrintState(StrEnum):
    """Where a print stands: shown with its price, waiting for its member's tap, on the machine, or over."""

    UPLOADED = "uploaded"
    QUEUED = "queued"
    PRINTING = "printing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN = (PrintState.UPLOADED, PrintState.QUEUED, PrintState.PRINTING)
"""States in which a print needs its file."""


class PrintJob(SQLModel, table=True):
    """A file that a member wants printed on a machine, charged to `account`.

    The file lies below the data folder by its `sha256`. `quantities` is what it will use, in base units, and
    `missing` names what the tariff asks for besides. `price_micro`, in micro-units of `commodity` by the
    versions `tariffs`, is what it costs by that; None where no price was in force. `position` orders a
    member's prints on a machine. `words` says why it was not printed. Times are UTC milliseconds.
    """

    __tablename__ = "print_job"
    __table_args__ = (Index("ix_print_job_queue", "machine", "state"),)

    id: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    account: str = Field(max_length=64)
    machine: str = Field(foreign_key="machine.id", max_length=64)
    name: str = Field(max_length=80)
    sha256: str = Field(index=True, max_length=64)
    size: int = Field(sa_type=BigInteger)
    quantities: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    weighed: bool = Field(default=False)
    missing: list[str] = Field(default_factory=list, sa_type=JSON)
    price_micro: int | None = Field(default=None, sa_type=BigInteger)
    commodity: str = Field(default="", max_length=16)
    tariffs: list[str] = Field(default_factory=list, sa_type=JSON)
    note: str = Field(default="", max_length=200)
    position: int = Field(sa_type=BigInteger)
    state: PrintState = Field(sa_type=word_column(PrintState), index=True)
    session: str | None = Field(default=None, index=True, max_length=64)
    words: str = Field(default="", max_length=400)
    created_ms: int = Field(sa_type=BigInteger)
    closed_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    token_sealed: str = Field(max_length=200)

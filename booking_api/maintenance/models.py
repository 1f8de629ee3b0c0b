"""Tables of plans and their counts, of work orders, and of times out of order."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.maintenance import WhenOverdue

ALL_DAYS = ""
"""The day of a machine's totals since ever."""


class Source(StrEnum):
    """What opened a work order."""

    TECHNICIAN = "technician"
    FAULT = "fault"
    PLAN = "plan"
    ALARM = "alarm"


class OrderState(StrEnum):
    """Where a work order stands. What needs no work was dropped."""

    OPEN = "open"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    WAITING_PARTS = "waiting_parts"
    DONE = "done"
    DROPPED = "dropped"


CLOSED = (OrderState.DONE, OrderState.DROPPED)


class MaintenancePlan(SQLModel, table=True):
    """Work that comes again, as maintenance.toml says it, for the machines and kinds that it names.

    `names` and `texts` are by language. `every` has base units by measure (floor.maintenance). An alarm with
    a code of `alarms` opens a work order at once.
    """

    __tablename__ = "maintenance_plan"

    id: str = Field(primary_key=True, max_length=64)
    names: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    texts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    machines: list[Any] = Field(default_factory=list, sa_type=JSON)
    kinds: list[Any] = Field(default_factory=list, sa_type=JSON)
    every: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    soon_percent: int = 90
    grace_percent: int = 10
    when_overdue: WhenOverdue = Field(default=WhenOverdue.WARN, sa_type=word_column(WhenOverdue))
    alarms: list[Any] = Field(default_factory=list, sa_type=JSON)
    stopped: bool = False
    updated_ms: int = Field(sa_type=BigInteger)


class MaintenanceCount(SQLModel, table=True):
    """Since when a plan counts at a machine (UTC milliseconds), and the machine's totals then.

    `told_ms`: when it was told that the work is due; `locked_ms`: when the machine was locked for it. Both
    are once for each count.
    """

    __tablename__ = "maintenance_count"

    plan: str = Field(primary_key=True, foreign_key="maintenance_plan.id", max_length=64)
    machine: str = Field(primary_key=True, foreign_key="machine.id", max_length=64)
    since_ms: int = Field(sa_type=BigInteger)
    totals: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    done_by: str = Field(default="", max_length=64)
    told_ms: int | None = Field(default=None, sa_type=BigInteger)
    locked_ms: int | None = Field(default=None, sa_type=BigInteger)


class MachineUse(SQLModel, table=True):
    """What a machine did in the sessions that ended on a day ("2026-05-21", UTC; "": ever), in base units."""

    __tablename__ = "machine_use"

    machine: str = Field(primary_key=True, max_length=64)
    day: str = Field(primary_key=True, max_length=10)
    totals: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Downtime(SQLModel, table=True):
    """A machine was out of order, from a lockout until it was cleared (None: it is). Planned: no failure."""

    __tablename__ = "machine_downtime"

    id: str = Field(primary_key=True, max_length=64)
    machine: str = Field(index=True, max_length=64)
    from_ms: int = Field(sa_type=BigInteger)
    until_ms: int | None = Field(default=None, sa_type=BigInteger)
    reason: str = Field(default="", max_length=400)
    cleared: str = Field(default="", max_length=400)
    work_order: str | None = Field(default=None, max_length=64)
    planned: bool = False


class WorkOrder(SQLModel, table=True):
    """Something to do at a machine. `member` reported it (None: no member did), `assignee` does it.

    `alarm` is the alarm that opened it, as gateway/epoch/seq. `urgent`: who reported it says that the machine
    is dangerous. Times are UTC milliseconds: reported, first worked on, closed.
    """

    __tablename__ = "work_order"
    __table_args__ = (Index("ix_work_order_open", "state", "machine"),)

    id: str = Field(primary_key=True, max_length=64)
    n: int = Field(unique=True)
    machine: str = Field(foreign_key="machine.id", index=True, max_length=64)
    source: Source = Field(sa_type=word_column(Source))
    state: OrderState = Field(sa_type=word_column(OrderState))
    title: str = Field(max_length=200)
    urgent: bool = False
    plan: str | None = Field(default=None, foreign_key="maintenance_plan.id", max_length=64)
    alarm: str | None = Field(default=None, unique=True, max_length=100)
    member: str | None = Field(default=None, foreign_key="member.id", index=True, max_length=64)
    assignee: str | None = Field(default=None, max_length=64)
    opened_ms: int = Field(sa_type=BigInteger)
    begun_ms: int | None = Field(default=None, sa_type=BigInteger)
    closed_ms: int | None = Field(default=None, sa_type=BigInteger)
    closed_by: str | None = Field(default=None, max_length=64)


class WorkNote(SQLModel, table=True):
    """What was said or done about a work order; `change` is the state that it went to, "" for words alone."""

    __tablename__ = "work_note"

    id: str = Field(primary_key=True, max_length=64)
    work_order: str = Field(foreign_key="work_order.id", index=True, max_length=64)
    author: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    words: str = Field(default="", max_length=2_000)
    change: str = Field(default="", max_length=32)


class WorkPhoto(SQLModel, table=True):
    """A photo of a work order; its file lies below the data folder by SHA-256, without what cameras add."""

    __tablename__ = "work_photo"

    id: str = Field(primary_key=True, max_length=64)
    work_order: str = Field(foreign_key="work_order.id", index=True, max_length=64)
    author: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    media_type: str = Field(max_length=32)
    size: int
    width: int
    height: int


class WorkPart(SQLModel, table=True):
    """A part that a work order used, in thousandths of the item's unit; it was taken from the stock."""

    __tablename__ = "work_part"

    id: str = Field(primary_key=True, max_length=64)
    work_order: str = Field(foreign_key="work_order.id", index=True, max_length=64)
    item: str = Field(foreign_key="sale_item.id", max_length=64)
    quantity_milli: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)

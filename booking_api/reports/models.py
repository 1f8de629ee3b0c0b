"""Tables of kept monthly sums, and of what only people know of a space."""

from enum import StrEnum

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class MonthlyUse(SQLModel, table=True):
    """How much of a quantity a machine had in a month of the space's clock ("2026-05"), in base units.

    `quantity` is a counter of the meters, or one of booking_api.reports.counting's own.
    """

    __tablename__ = "monthly_use"

    month: str = Field(primary_key=True, max_length=7)
    machine: str = Field(primary_key=True, max_length=64)
    quantity: str = Field(primary_key=True, max_length=32)
    amount: int = Field(sa_type=BigInteger)


class MonthlyPerson(SQLModel, table=True):
    """That a member used something in a month, in which tier, and charged to which account."""

    __tablename__ = "monthly_person"

    month: str = Field(primary_key=True, max_length=7)
    member: str = Field(primary_key=True, max_length=64)
    tier: str = Field(primary_key=True, max_length=64)
    account: str = Field(primary_key=True, index=True, max_length=64)


class MonthlyMoney(SQLModel, table=True):
    """What an account of income, costs or a fund moved by in a month, in micro-units as in the books."""

    __tablename__ = "monthly_money"

    month: str = Field(primary_key=True, max_length=7)
    account: str = Field(primary_key=True, max_length=200)
    commodity: str = Field(primary_key=True, max_length=200)
    amount_micro: int = Field(sa_type=BigInteger)


class CountedTo(SQLModel, table=True):
    """How far the kept sums go: by which clock (`zone`) months were told, and to which entry of the book."""

    __tablename__ = "counted_to"

    id: str = Field(primary_key=True, max_length=32)
    zone: str = Field(max_length=64)
    ledger_seq: int = Field(sa_type=BigInteger)


class FactKind(StrEnum):
    """What the software cannot know. `FLOWS` are added up over a time, of the others the latest holds."""

    TEAMS_FINANCED = "teams_financed"
    FINANCING = "financing"
    EVENTS = "events"
    EVENT_VISITORS = "event_visitors"
    MENTORS = "mentors"
    MENTORS_FULL_TIME = "mentors_full_time"
    STAFF = "staff"
    AREA_M2 = "area_m2"
    OPENING_HOURS = "opening_hours"


FLOWS = frozenset({FactKind.TEAMS_FINANCED, FactKind.FINANCING, FactKind.EVENTS, FactKind.EVENT_VISITORS})


class Fact(SQLModel, table=True):
    """Something that an operator entered for a day of the space ("2026-05-21"), in millionths of its unit.

    One that was wrong is withdrawn (`withdrawn_ms`) and entered anew.
    """

    __tablename__ = "report_fact"

    id: str = Field(primary_key=True, max_length=64)
    kind: FactKind = Field(sa_type=word_column(FactKind))
    day: str = Field(index=True, max_length=10)
    amount_micro: int = Field(sa_type=BigInteger)
    note: str = Field(default="", max_length=200)
    author: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    withdrawn_ms: int | None = Field(default=None, sa_type=BigInteger)
    withdrawn_by: str | None = Field(default=None, max_length=64)

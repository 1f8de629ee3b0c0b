"""Tables of courses, of classes, and of who has or waits for a place."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import JSON_OR_NULL, word_column


class Course(SQLModel, table=True):
    """What is taught: `certifies` names the skills. Its prices are the tariff `class.ID`.

    `names` are by language. Who cancels less than `cancel_hours` before the begin pays nevertheless.
    A certification holds for `valid_months` (None: as its skill says). `requires` is what one must have to
    sign up (floor.training). `machines` are used in class; `opens_machines` lets its students use them then.
    A place that becomes free is offered for `offer_hours` to each who waits.
    """

    __tablename__ = "course"

    id: str = Field(primary_key=True, max_length=40)
    names: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    minutes: int
    capacity: int
    certifies: list[Any] = Field(default_factory=list, sa_type=JSON)
    valid_months: int | None = None
    cancel_hours: int = 24
    requires: Any = Field(default=None, sa_type=JSON_OR_NULL, nullable=True)
    machines: list[Any] = Field(default_factory=list, sa_type=JSON)
    opens_machines: bool = False
    offer_hours: int = 24
    updated_ms: int = Field(sa_type=BigInteger)


class ClassSession(SQLModel, table=True):
    """A class: a course at a time with an instructor. Times are UTC milliseconds."""

    __tablename__ = "class_session"

    id: str = Field(primary_key=True, max_length=64)
    course: str = Field(foreign_key="course.id", index=True, max_length=40)
    instructor: str = Field(foreign_key="member.id", index=True, max_length=64)
    starts_ms: int = Field(sa_type=BigInteger, index=True)
    ends_ms: int = Field(sa_type=BigInteger)
    capacity: int
    place: str = Field(default="", max_length=100)
    cancelled_ms: int | None = Field(default=None, sa_type=BigInteger)
    created_ms: int = Field(sa_type=BigInteger)


class SignUpState(StrEnum):
    """How somebody stands in a class."""

    SIGNED_UP = "signed_up"
    CANCELLED = "cancelled"
    ATTENDED = "attended"
    MISSED = "missed"


class SignUp(SQLModel, table=True):
    """A place in a class, and the charge for it (None where it costs nothing)."""

    __tablename__ = "class_sign_up"

    id: str = Field(primary_key=True, max_length=64)
    session: str = Field(foreign_key="class_session.id", index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    state: SignUpState = Field(default=SignUpState.SIGNED_UP, sa_type=word_column(SignUpState))
    charge: str | None = Field(default=None, foreign_key="charge.id", max_length=64)
    signed_ms: int = Field(sa_type=BigInteger)
    changed_ms: int = Field(sa_type=BigInteger)


class ClassWaiting(SQLModel, table=True):
    """Somebody who waits for a place: since when, and when one was offered to them (0: not yet).

    `left_ms` is when they took a place or gave up waiting. Whose offer stands is
    computed (floor.waiting_places).
    """

    __tablename__ = "class_waiting"

    id: str = Field(primary_key=True, max_length=64)
    session: str = Field(foreign_key="class_session.id", index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    asked_ms: int = Field(sa_type=BigInteger)
    offered_ms: int = Field(default=0, sa_type=BigInteger)
    left_ms: int | None = Field(default=None, sa_type=BigInteger)

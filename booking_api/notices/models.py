"""Tables of what people chose, and of notices that wait to be sent. Times are real UTC milliseconds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from booking_api.notices.kinds import Kind, Way


class NoticeChoice(SQLModel, table=True):
    """How a member wants to be told of a kind; without a row the default holds."""

    __tablename__ = "notice_choice"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    kind: Kind = Field(primary_key=True, sa_type=word_column(Kind))
    way: Way = Field(sa_type=word_column(Way))


class NoticePush(SQLModel, table=True):
    """Where a member's phone is told: an address of Apprise, sealed; `scheme` is its first part, in plain."""

    __tablename__ = "notice_push"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    url_sealed: str = Field(max_length=1000)
    scheme: str = Field(max_length=32)
    set_ms: int = Field(sa_type=BigInteger)


class Notice(SQLModel, table=True):
    """A notice to a member, or (`member` None) to staff. Its texts are emptied once it is sent or given up.

    Whoever tries moves `next_ms` on first: so one at a time tries, and if they die, another does later.
    """

    __tablename__ = "notice"

    id: str = Field(primary_key=True, max_length=64)
    what: str = Field(max_length=32)
    member: str | None = Field(default=None, foreign_key="member.id", index=True, max_length=64)
    way: Way = Field(sa_type=word_column(Way))
    title: str = Field(max_length=200)
    body: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=BigInteger)
    tries: int = 0
    next_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    sent_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    given_up_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    problem: str = Field(default="", max_length=200)


class NoticeReminded(SQLModel, table=True):
    """That the holder of a reservation was reminded of this begin; `begins_ms` is floor time."""

    __tablename__ = "notice_reminded"

    reservation: str = Field(primary_key=True, max_length=64)
    begins_ms: int = Field(primary_key=True, sa_type=BigInteger)

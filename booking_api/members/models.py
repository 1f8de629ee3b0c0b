"""Tables of members, of what is kept of them besides, and of their suspensions."""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, String, Text, event
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from booking_api.members.names import SORT_MAX, search_key, sort_key, whole
from floor.words import Role

BY_CODE = String(SORT_MAX).with_variant(String(SORT_MAX, collation="C"), "postgresql")
"""A text that is sorted by its code points on both databases."""


class Member(SQLModel, table=True):
    """A person. `shown_name` is what others see, "" nothing; `shown_chosen`: the member themselves chose it,
    so that it stands where anybody may read it.

    `account` is their own: fees and payments go to it, and what they may owe is kept there. `charges_to` is
    the team's account that machines charge unless they choose another (None: their own). A suspension holds
    while it has a reason, and before `suspended_until_ms` where that is set. `sort` and `search` are made of
    the names whenever a row is written (booking_api.members.names). Of who was erased (`erased_ms`) only the
    id is left. Times are UTC milliseconds.
    """

    __tablename__ = "member"

    id: str = Field(primary_key=True, max_length=64)
    number: str = Field(unique=True, max_length=32)
    first_name: str = Field(max_length=100)
    last_name: str = Field(max_length=100)
    shown_name: str = Field(max_length=100)
    email: str | None = Field(default=None, unique=True, max_length=254)
    tier: str = Field(default="member", max_length=64)
    language: str = Field(default="en", max_length=8)
    role: Role = Field(default=Role.MEMBER, sa_type=word_column(Role))
    valid_until_ms: int | None = Field(default=None, sa_type=BigInteger)
    suspended_reason: str | None = Field(default=None, max_length=200)
    suspended_until_ms: int | None = Field(default=None, sa_type=BigInteger)
    account: str = Field(index=True, max_length=64)
    charges_to: str | None = Field(default=None, foreign_key="account.id", index=True, max_length=64)
    created_ms: int = Field(sa_type=BigInteger)
    erased_ms: int | None = Field(default=None, sa_type=BigInteger)
    sort: str = Field(default="", index=True, sa_type=BY_CODE, sa_column_kwargs={"server_default": ""})
    search: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    shown_chosen: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})

    @property
    def whole_name(self) -> str:
        """First and last name as they are read together: "Mira Quince", 王桂花."""
        return whole(self.first_name, self.last_name)


def write_keys(_mapper: Any, _connection: Any, member: Member) -> None:
    """Make of a member's names what they are sorted and found by, before the row is written."""
    member.sort = sort_key(member.last_name, member.first_name)
    member.search = search_key(
        member.first_name, member.last_name, member.shown_name, member.number, member.email
    )


event.listen(Member, "before_insert", write_keys)
event.listen(Member, "before_update", write_keys)


class MemberCare(SQLModel, table=True):
    """Who is called in an emergency, and who answers for a minor.

    Before `minor_until` the member is a minor, who uses machines under supervision; no date of birth is kept.
    The guardian is another member (`guardian`), or an outside person with a name and how they are reached.
    """

    __tablename__ = "member_care"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    phone: str = Field(default="", max_length=40)
    emergency_name: str = Field(default="", max_length=100)
    emergency_phone: str = Field(default="", max_length=40)
    emergency_note: str = Field(default="", max_length=200)
    minor_until: date | None = Field(default=None, index=True)
    guardian: str | None = Field(default=None, foreign_key="member.id", max_length=64)
    guardian_name: str = Field(default="", max_length=100)
    guardian_contact: str = Field(default="", max_length=254)


class Suspension(SQLModel, table=True):
    """That a member was suspended: why, by whom, since and until when (None: until somebody ends it).

    `ended_by` is "" where its day had come.
    """

    __tablename__ = "suspension"

    id: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    reason: str = Field(max_length=200)
    by: str = Field(default="", max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    until_ms: int | None = Field(default=None, sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger)
    ended_by: str = Field(default="", max_length=64)


class MemberImport(SQLModel, table=True):
    """A file that somebody uploaded and has not brought in yet; `mapping` names what its columns are.

    `text` is sealed: it may have the numbers of badges, which lie nowhere else in plain.
    """

    __tablename__ = "member_import"

    id: str = Field(primary_key=True, max_length=64)
    author: str = Field(index=True, max_length=64)
    name: str = Field(default="", max_length=200)
    text: str = Field(sa_type=Text)
    mapping: str = Field(default="{}", sa_type=Text)
    created_ms: int = Field(sa_type=BigInteger)

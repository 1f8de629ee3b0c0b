"""The table of badges."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.words import BadgeKind


class Badge(SQLModel, table=True):
    """A badge of one member.

    The UID is kept sealed (`uid_sealed`); `uid_lookup` is its keyed hash, by which it is found again.
    `key_version` is the version of the master by which its keys are made, 0 where it is only a UID. `counter`
    is the greatest count of readings that it signed and that was taken, None before the first.
    """

    __tablename__ = "badge"

    id: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    uid_sealed: str = Field(max_length=200)
    uid_lookup: str = Field(unique=True, max_length=64)
    kind: BadgeKind = Field(sa_type=word_column(BadgeKind))
    label: str = Field(default="", max_length=100)
    lost_ms: int | None = Field(default=None, sa_type=BigInteger)
    enrolled_ms: int = Field(sa_type=BigInteger)
    key_version: int = Field(default=0)
    counter: int | None = Field(default=None, sa_type=BigInteger)


class BadgeReading(SQLModel, table=True):
    """One signed reading of a badge that was taken: at a gateway, by its journal, or here by URL ("").

    No two have the same count of the same badge: whoever shows a second one shows a copy of it.
    `clock_error_ms` is how wrong the time may be, None for a gateway that did not know the time.
    """

    __tablename__ = "badge_reading"

    badge: str = Field(primary_key=True, foreign_key="badge.id", max_length=64)
    counter: int = Field(primary_key=True, sa_type=BigInteger)
    gateway: str = Field(max_length=32)
    at_ms: int = Field(sa_type=BigInteger)
    clock_error_ms: int | None = Field(default=None, sa_type=BigInteger)


class BadgeKeysGiven(SQLModel, table=True):
    """Somebody was given the keys of a badge, to write it. Kept when the badge is removed."""

    __tablename__ = "badge_keys_given"

    id: str = Field(primary_key=True, max_length=64)
    badge: str = Field(index=True, max_length=64)
    member: str = Field(max_length=64)
    by: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)


class BadgeEvent(SQLModel, table=True):
    """Who did what with a badge, for good: `what` is enrolled, lost, found or removed.

    `by` is a member's id, "" for the command line; `station` is the machine at whose reader it was enrolled,
    "" where its number was typed. A badge that was removed keeps its events.
    """

    __tablename__ = "badge_event"

    id: str = Field(primary_key=True, max_length=64)
    badge: str = Field(index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    what: str = Field(max_length=16)
    by: str = Field(default="", max_length=64)
    station: str = Field(default="", max_length=64)
    at_ms: int = Field(sa_type=BigInteger)


class PhoneCodeUsed(SQLModel, table=True):
    """A code of a station that a member used; `at_ms` is real time. Kept until long after it expired."""

    __tablename__ = "phone_code_used"

    nonce: str = Field(primary_key=True, max_length=16)
    machine: str = Field(max_length=64)
    member: str = Field(foreign_key="member.id", max_length=64)
    at_ms: int = Field(sa_type=BigInteger, index=True)

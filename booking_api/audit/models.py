"""Tables of the audit log. Triggers refuse all changes but the blanking of a person's values."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from booking_api.audit.acting import Via
from booking_api.db import word_column


class AuditAct(SQLModel, table=True):
    """One act: a transaction of somebody. `seq` counts from 1 without a gap.

    `hash` covers the one before, all other columns, and of each part all but its values, which stand in by
    their own hash. `member` is who acted, "" for a command. `at_ms` is real time, `floor_ms` the floor's.
    """

    __tablename__ = "audit_act"

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at_ms: int = Field(sa_type=BigInteger, index=True)
    floor_ms: int = Field(sa_type=BigInteger)
    via: Via = Field(sa_type=word_column(Via))
    member: str = Field(default="", index=True, max_length=64)
    act: str = Field(max_length=200)
    previous: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class AuditPart(SQLModel, table=True):
    """What an act did to one thing; part 0 says who acted and why.

    `kind` is the table of the thing and `object` its key, `change` what was done. `about` is the person whom
    the values concern, "" for none. `body` is JSON, and `body_hash` the SHA-256 of `salt` and `body`; once
    the person is erased both are empty, and the hash stands.
    """

    __tablename__ = "audit_part"

    act: int = Field(primary_key=True, foreign_key="audit_act.seq", sa_type=BigInteger)
    n: int = Field(primary_key=True)
    kind: str = Field(max_length=64)
    object: str = Field(index=True, max_length=200)
    change: str = Field(max_length=32)
    about: str = Field(default="", index=True, max_length=64)
    salt: str = Field(max_length=32)
    body: str = Field(sa_type=Text)
    body_hash: str = Field(max_length=64)


class AuditHead(SQLModel, table=True):
    """Where the log ends: one row, which the writer of the next act holds."""

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)
    hash: str = Field(max_length=64)

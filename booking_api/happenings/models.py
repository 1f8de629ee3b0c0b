"""Tables of what happened, and of letters that wait to be sent."""

from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from booking_api.happenings.words import Happening, LetterKind


class Happened(SQLModel, table=True):
    """One happening. `subject` is the id of what it happened to, `member` whom it concerns (None: nobody).

    `data` has what a program needs to know and no secret. `id` grows with time; `at_ms` is UTC milliseconds.
    `told_ms` is when webhooks and notices were made of it (real time), None while they wait.
    """

    __tablename__ = "happened"

    id: int | None = Field(default=None, primary_key=True)
    what: Happening = Field(sa_type=word_column(Happening))
    subject: str = Field(max_length=64)
    member: str | None = Field(default=None, index=True, max_length=64)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    at_ms: int = Field(sa_type=BigInteger)
    told_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)


class Letter(SQLModel, table=True):
    """A letter to one address. `values` fill its text; both are emptied once it is sent or given up."""

    __tablename__ = "letter"

    id: str = Field(primary_key=True, max_length=64)
    kind: LetterKind = Field(sa_type=word_column(LetterKind))
    address: str = Field(max_length=254)
    language: str = Field(max_length=8)
    values: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    at_ms: int = Field(sa_type=BigInteger)
    tries: int = 0
    next_ms: int = Field(sa_type=BigInteger, index=True)
    sent_ms: int | None = Field(default=None, sa_type=BigInteger)
    given_up_ms: int | None = Field(default=None, sa_type=BigInteger)
    problem: str = Field(default="", max_length=200)

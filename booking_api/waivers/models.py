"""Tables of waivers: versions of their texts, which a trigger freezes, and who signed them."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from booking_api.machines.models import Asking, Machine


class How(StrEnum):
    """How a waiver was signed: on the member's page, at the desk on paper, or while joining."""

    PAGE = "page"
    DESK = "desk"
    JOINING = "joining"


class WaiverVersion(SQLModel, table=True):
    """A version of one kind of waiver, never edited: a new one follows. `id` is `KIND@N`.

    `names` and `texts` are by language. One that must be signed `again` is asked of everybody from the day
    `due` on (whoever joins later: `grace_days` after that); else signatures of earlier versions go on.
    `minors_only` is for guardians of minors. From the `due` of a version that is not `required` on, nobody
    has to sign this kind any more. It is asked for at `machines` (ids) and at machines of `machine_kinds`; at
    all of them where both are empty.
    """

    __tablename__ = "waiver_version"

    id: str = Field(primary_key=True, max_length=64)
    kind: str = Field(index=True, max_length=40)
    n: int
    names: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    texts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    sha256: str = Field(max_length=64)
    again: bool = True
    due: date
    grace_days: int = 0
    minors_only: bool = False
    required: bool = True
    machines: list[str] = Field(default_factory=list, sa_type=JSON)
    machine_kinds: list[str] = Field(default_factory=list, sa_type=JSON)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)

    @property
    def is_everywhere(self) -> bool:
        """Whether it is asked for at all machines."""
        return not (self.machines or self.machine_kinds)

    def holds_at(self, machine: Machine | Asking) -> bool:
        """Whether it is asked for at a machine."""
        return self.is_everywhere or machine.id in self.machines or machine.kind in self.machine_kinds


class WaiverSignature(SQLModel, table=True):
    """That a version was signed: by the member, or by a guardian whose name stands in `guardian`.

    `name` is what was typed, `sha256` the hash of the text as it was read in `language`, `by` who was signed
    in. No address of a computer is kept.
    """

    __tablename__ = "waiver_signature"

    id: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    version: str = Field(foreign_key="waiver_version.id", max_length=64)
    kind: str = Field(index=True, max_length=40)
    n: int
    how: How = Field(sa_type=word_column(How))
    name: str = Field(max_length=200)
    guardian: str = Field(default="", max_length=200)
    language: str = Field(max_length=8)
    sha256: str = Field(max_length=64)
    by: str = Field(default="", max_length=64)
    at_ms: int = Field(sa_type=BigInteger)

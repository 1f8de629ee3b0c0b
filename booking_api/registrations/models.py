"""The table of registrations."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from booking_api.members.names import whole


class RegistrationState(StrEnum):
    """Where somebody stands who wants to join: the address is not confirmed, staff are asked, or answered."""

    WRITTEN = "written"
    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"


class Registration(SQLModel, table=True):
    """Somebody who wants to join. `token_hash` is the hash of what the letter's link carries.

    `signed` has the waivers that they signed, `invitation` is the letter into a team that brought them.
    Times are UTC milliseconds; those of letters are real time.
    """

    __tablename__ = "registration"

    id: str = Field(primary_key=True, max_length=64)
    state: RegistrationState = Field(
        default=RegistrationState.WRITTEN, sa_type=word_column(RegistrationState), index=True
    )
    first_name: str = Field(max_length=100)
    last_name: str = Field(max_length=100)
    shown_name: str = Field(default="", max_length=100)
    email: str = Field(index=True, max_length=254)
    language: str = Field(max_length=8)
    phone: str = Field(default="", max_length=40)
    plan: str = Field(default="", max_length=40)
    note: str = Field(default="", max_length=1000)
    minor_until: date | None = None
    guardian_name: str = Field(default="", max_length=100)
    guardian_contact: str = Field(default="", max_length=254)
    signed: list[Any] = Field(default_factory=list, sa_type=JSON)
    token_hash: str = Field(unique=True, max_length=64)
    written_ms: int = Field(sa_type=BigInteger)
    confirmed_ms: int | None = Field(default=None, sa_type=BigInteger)
    decided_ms: int | None = Field(default=None, sa_type=BigInteger)
    decided_by: str | None = Field(default=None, max_length=64)
    reason: str = Field(default="", max_length=400)

    @property
    def whole_name(self) -> str:
        """First and last name as they are read together."""
        return whole(self.first_name, self.last_name)

    invitation: str | None = Field(default=None, max_length=64)
    member: str | None = Field(default=None, foreign_key="member.id", index=True, max_length=64)

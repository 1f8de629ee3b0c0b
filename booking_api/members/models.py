"""The table of members."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.words import Role


class Member(SQLModel, table=True):
    """A person. `shown_name` is what others see, as the member chose.

    `account` is their own: fees and payments go to it, and what they may owe is kept there. `charges_to` is
    the team's account that machines charge unless they choose another (None: their own). Times are UTC
    milliseconds.
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
    account: str = Field(index=True, max_length=64)
    charges_to: str | None = Field(default=None, foreign_key="account.id", index=True, max_length=64)
    created_ms: int = Field(sa_type=BigInteger)

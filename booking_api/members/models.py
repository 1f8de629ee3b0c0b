"""The table of members."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.words import Role


class Member(SQLModel, table=True):
    """A person. `shown_name` is what others see, as the member chose.

    `credit_limit_micro`: what the account may owe, in micro-units of the space's currency; None is no limit
    (billed later), 0 is prepaid. `account` is charged as `assets:member:ACCOUNT`. Times are UTC milliseconds.
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
    credit_limit_micro: int | None = Field(default=None, sa_type=BigInteger)
    created_ms: int = Field(sa_type=BigInteger)

"""Tables of households."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Household(SQLModel, table=True):
    """Members who belong together. `account` is the team that pays for them, None: each pays their own."""

    __tablename__ = "household"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=100)
    account: str | None = Field(default=None, foreign_key="account.id", max_length=64)
    created_ms: int = Field(sa_type=BigInteger)


class HouseholdMember(SQLModel, table=True):
    """That a member is in a household: in one at most."""

    __tablename__ = "household_member"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    household: str = Field(foreign_key="household.id", index=True, max_length=64)

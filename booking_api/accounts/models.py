"""Tables of accounts, of who may charge to them, and of funds."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class AccountKind(StrEnum):
    """Whose account it is. A guest pays at once, a visitor by their home; a team's members charge to it."""

    MEMBER = "member"
    TEAM = "team"
    GUEST = "guest"
    VISITOR = "visitor"


class TeamRole(StrEnum):
    """What a person may do with a team's account: owners also add and remove people and set their limits."""

    OWNER = "owner"
    MEMBER = "member"


class AfterBudget(StrEnum):
    """Who pays what a fund no longer can: the account that was charged, or the space, as a stated cost."""

    ACCOUNT = "account"
    SPACE = "space"


class Account(SQLModel, table=True):
    """An account, charged as `assets:member:ID` in the books. Micro-units are of the space's currency.

    `credit_limit_micro` is what it may owe (None: no limit; 0: prepaid), `monthly_limit_micro` what may be
    charged to it in a calendar month, by all together. `parent` is set for a cost centre: the team's account,
    whose limits hold for all its cost centres together. Times are UTC milliseconds.
    """

    __tablename__ = "account"

    id: str = Field(primary_key=True, max_length=64)
    kind: AccountKind = Field(default=AccountKind.MEMBER, sa_type=word_column(AccountKind))
    name: str = Field(max_length=100)
    parent: str | None = Field(default=None, foreign_key="account.id", index=True, max_length=64)
    credit_limit_micro: int | None = Field(default=None, sa_type=BigInteger)
    monthly_limit_micro: int | None = Field(default=None, sa_type=BigInteger)
    archived_ms: int | None = Field(default=None, sa_type=BigInteger)
    created_ms: int = Field(sa_type=BigInteger)


class AccountMember(SQLModel, table=True):
    """A person who may charge to a team, or to one of its cost centres.

    Whoever is in a team may charge to all of its cost centres. `monthly_limit_micro` is theirs alone, and
    counts for the cost centres together.
    """

    __tablename__ = "account_member"

    account: str = Field(primary_key=True, foreign_key="account.id", max_length=64)
    member: str = Field(primary_key=True, foreign_key="member.id", index=True, max_length=64)
    role: TeamRole = Field(default=TeamRole.MEMBER, sa_type=word_column(TeamRole))
    monthly_limit_micro: int | None = Field(default=None, sa_type=BigInteger)


class AccountMonth(SQLModel, table=True):
    """What was charged to an account in a month, by one member or (`member` "") by all together.

    Kept beside the charges, so that no decision reads them; a cost centre's charges count for its team too.
    """

    __tablename__ = "account_month"

    account: str = Field(primary_key=True, foreign_key="account.id", max_length=64)
    member: str = Field(default="", primary_key=True, max_length=64)
    month: str = Field(primary_key=True, max_length=7)
    commodity: str = Field(primary_key=True, max_length=16)
    charged_micro: int = Field(sa_type=BigInteger)


class Fund(SQLModel, table=True):
    """Who pays what users do not: a subsidy with a budget and a term, owed as `assets:fund:ID`.

    It pays from `from_ms` to before `until_ms` (None: without end) for `machines` and `tiers` (empty: all),
    up to `budget_micro` of the space's currency (None: without limit).
    """

    __tablename__ = "fund"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=100)
    budget_micro: int | None = Field(default=None, sa_type=BigInteger)
    from_ms: int = Field(default=0, sa_type=BigInteger)
    until_ms: int | None = Field(default=None, sa_type=BigInteger)
    machines: list[Any] = Field(default_factory=list, sa_type=JSON)
    tiers: list[Any] = Field(default_factory=list, sa_type=JSON)
    after_budget: AfterBudget = Field(default=AfterBudget.SPACE, sa_type=word_column(AfterBudget))
    created_ms: int = Field(sa_type=BigInteger)

"""Tables of plans, memberships and what was billed for them."""

from datetime import date

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


class PlanVersion(SQLModel, table=True):
    """A plan as it was written. `id` is `PLAN@valid_from`; never edited: a new one follows."""

    __tablename__ = "plan_version"

    id: str = Field(primary_key=True, max_length=64)
    plan: str = Field(index=True, max_length=40)
    valid_from: date
    text: str = Field(sa_type=Text)
    sha256: str = Field(max_length=64)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)


class Membership(SQLModel, table=True):
    """A member, or a team, on one plan at one price: from `first` to before `until` (days of the space).

    A change of plan or price ends one and begins another of the same `series`. `account` is charged; `member`
    signed for it. `price_micro` is a price that was chosen, None for the plan's; `quantity` is how many are
    taken (desks, benches). `group` has a reduced price
    while `proof_until` (None: without end) has not come. What is not accepted yet is only asked for.
    """

    __tablename__ = "membership"

    id: str = Field(primary_key=True, max_length=64)
    series: str = Field(index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    account: str = Field(index=True, max_length=64)
    plan: str = Field(index=True, max_length=40)
    group: str = Field(default="", max_length=40)
    price_micro: int | None = Field(default=None, sa_type=BigInteger)
    quantity: int = 1
    first: date
    until: date | None = Field(default=None, index=True)
    proof_until: date | None = None
    asked_ms: int = Field(sa_type=BigInteger)
    accepted_ms: int | None = Field(default=None, sa_type=BigInteger)
    accepted_by: str | None = Field(default=None, max_length=64)


class MembershipPause(SQLModel, table=True):
    """Days of a membership that are neither charged nor, unless the plan says so, give access."""

    __tablename__ = "membership_pause"

    membership: str = Field(primary_key=True, foreign_key="membership.id", max_length=64)
    first: date = Field(primary_key=True)
    until: date | None = None


class MembershipBill(SQLModel, table=True):
    """What was billed for a period of a membership, by which version of its plan; the highest `n` holds.

    `month` is the one that the period begins in. When its days change, what was charged is reversed and
    charged anew. `charge` is None where nothing was to pay.
    """

    __tablename__ = "membership_bill"

    membership: str = Field(primary_key=True, foreign_key="membership.id", max_length=64)
    month: str = Field(primary_key=True, max_length=7)
    n: int = Field(primary_key=True)
    plan_version: str = Field(foreign_key="plan_version.id", max_length=64)
    amount_micro: int = Field(sa_type=BigInteger)
    charge: str | None = Field(default=None, foreign_key="charge.id", max_length=64)
    created_ms: int = Field(sa_type=BigInteger)


class MembershipGrant(SQLModel, table=True):
    """How many units of a commodity a series of memberships was granted for a month, as an exact fraction."""

    __tablename__ = "membership_grant"

    series: str = Field(primary_key=True, max_length=64)
    month: str = Field(primary_key=True, max_length=7)
    commodity: str = Field(primary_key=True, max_length=64)
    amount: str = Field(default="0", max_length=100)

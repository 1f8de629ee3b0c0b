"""Tables of what a site knows of others: whom it lets travel, who visits, what was used, what was settled.

A site is named by its short name in `network.toml`. Times are UTC milliseconds, amounts micro-units.
"""

from enum import StrEnum

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class Way(StrEnum):
    """How a member comes by a pass to another site: staff give it, they ask staff for it, or take it."""

    STAFF = "staff"
    ASK = "ask"
    TAKE = "take"


class SiteKnown(SQLModel, table=True):
    """Another site of the network, as the network tells each server of its own site's file and agreements.

    `way` is how our members may come to use it (None: they may not), for `limit_micro` of its `commodity` at
    most at a time; a visit lapses `hours` after we were last heard from, and we add the part `fee`.
    """

    __tablename__ = "site_known"

    site: str = Field(primary_key=True, max_length=16)
    name: str = Field(max_length=200)
    address: str = Field(max_length=500)
    commodity: str = Field(max_length=16)
    way: Way | None = Field(default=None, sa_type=word_column(Way))
    limit_micro: int = Field(default=0, sa_type=BigInteger)
    hours: int = 0
    fee: str = Field(default="0", max_length=64)


class SitePass(SQLModel, table=True):
    """At home: a member may use `site`, spending at most `limit_micro` there before home has charged it.

    Amounts are of the host's `commodity`. `used_micro` is what home has charged, `allowed_micro` what the
    host may let them use since the beginning, `ceiling_micro` the most that it may still believe. Of the
    member's own account, in home's currency, `exposed_micro` is what the host may still use, and
    `reserved_micro` (never less) what no gateway of home is given. `asked_ms` is when the member asked for
    it and nobody has answered; `given_ms` is 0 where it never was given.
    """

    __tablename__ = "site_pass"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    site: str = Field(primary_key=True, max_length=16)
    account: str = Field(index=True, max_length=64)
    commodity: str = Field(max_length=16)
    limit_micro: int = Field(sa_type=BigInteger)
    given_by: str = Field(max_length=64)
    given_ms: int = Field(sa_type=BigInteger)
    asked_ms: int | None = Field(default=None, sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger)
    ended_by: str | None = Field(default=None, max_length=64)
    used_micro: int = Field(default=0, sa_type=BigInteger)
    allowed_micro: int = Field(default=0, sa_type=BigInteger)
    ceiling_micro: int = Field(default=0, sa_type=BigInteger)
    exposed_micro: int = Field(default=0, sa_type=BigInteger)
    reserved_micro: int = Field(default=0, sa_type=BigInteger)


class Visitor(SQLModel, table=True):
    """At the host: a member here whose home is `site`, where they are `ref`.

    `allowed_micro` is what home lets them use since the beginning, `used_micro` what they did.
    """

    __tablename__ = "visitor"
    __table_args__ = (UniqueConstraint("site", "ref"),)

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    site: str = Field(max_length=16)
    ref: str = Field(max_length=64)
    account: str = Field(unique=True, foreign_key="account.id", max_length=64)
    allowed_micro: int = Field(default=0, sa_type=BigInteger)
    used_micro: int = Field(default=0, sa_type=BigInteger)


class SiteCharge(SQLModel, table=True):
    """At the host: what a visitor was charged, or got back, and their home is to pay.

    `id` is the entry that charged it, `seq` its place in the book, `reverses` the charge that it undoes;
    `clearing` is the entry that moved it to the home site's account. `session` is the host's, where known.
    Once it is delivered, `home_micro` is what home took it to be worth at `rate` (exact), without its fee.
    """

    __tablename__ = "site_charge"
    __table_args__ = (Index("ix_site_charge_waiting", "site", "delivered_ms", "seq"),)

    id: str = Field(primary_key=True, max_length=64)
    seq: int = Field(sa_type=BigInteger)
    site: str = Field(max_length=16)
    ref: str = Field(max_length=64)
    session: str | None = Field(default=None, max_length=64)
    what: str = Field(default="", max_length=100)
    reverses: str | None = Field(default=None, max_length=64)
    amount_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    occurred_ms: int = Field(sa_type=BigInteger)
    clearing: str = Field(foreign_key="ledger_entry.id", max_length=64)
    delivered_ms: int | None = Field(default=None, sa_type=BigInteger)
    rate: str | None = Field(default=None, max_length=64)
    home_commodity: str | None = Field(default=None, max_length=16)
    home_micro: int | None = Field(default=None, sa_type=BigInteger)
    settlement: str | None = Field(default=None, index=True, max_length=64)


class SiteBill(SQLModel, table=True):
    """At home: a SiteCharge of `site`, charged here once. `rate` is our money for one of theirs, exact.

    `own_micro` is what the member was charged in home's currency `own`, `fee_micro` what home keeps of it.
    """

    __tablename__ = "site_bill"

    site: str = Field(primary_key=True, max_length=16)
    charge: str = Field(primary_key=True, max_length=64)
    member: str = Field(index=True, max_length=64)
    account: str = Field(max_length=64)
    month: str = Field(max_length=7)
    reverses: str | None = Field(default=None, max_length=64)
    amount_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    rate: str = Field(max_length=64)
    own: str = Field(max_length=16)
    own_micro: int = Field(sa_type=BigInteger)
    fee_micro: int = Field(default=0, sa_type=BigInteger)
    entry: str = Field(foreign_key="ledger_entry.id", max_length=64)
    settlement: str | None = Field(default=None, index=True, max_length=64)


class SiteSettlement(SQLModel, table=True):
    """Both sides: what two sites cleared in one currency; the same `id` at both.

    `receivable_micro` is what the other owed here, `payable_micro` what was owed to it; `paid` is the entry
    by which the difference was paid.
    """

    __tablename__ = "site_settlement"

    id: str = Field(primary_key=True, max_length=64)
    site: str = Field(max_length=16)
    commodity: str = Field(max_length=16)
    receivable_micro: int = Field(sa_type=BigInteger)
    payable_micro: int = Field(sa_type=BigInteger)
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    paid: str | None = Field(default=None, foreign_key="ledger_entry.id", max_length=64)

    @property
    def month(self) -> str:
        """The month (YYYY-MM) that it is of: the id begins with it."""
        return self.id.partition(":")[0]

    @property
    def net_micro(self) -> int:
        """What the other site pays us; less than 0: what we pay it."""
        return self.receivable_micro - self.payable_micro


class SiteMark(SQLModel, table=True):
    """At the host: how far the book was looked through for what visitors used. One row a book."""

    __tablename__ = "site_mark"

    book: str = Field(primary_key=True, foreign_key="book.id", max_length=32)
    seq: int = Field(sa_type=BigInteger)

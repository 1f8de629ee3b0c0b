"""Tables of charges, of fees, and of what later charges depend on."""

from datetime import date
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.tariff import Occasion


class Charge(SQLModel, table=True):
    """What a session or a fee costs in one month. Frozen, but for `replaced_ms`.

    `entry` is the ledger's (None when nothing was owed by anybody), `month` the one it is booked in, `period`
    the one it was used in. `taxes` maps a tax rate (an exact fraction such as "1/5") to the tax in
    `total_micro`, `nets` to the rest of what is taxed so. `funds` maps a fund to what it pays beside the
    account, `unfunded` to what it could no longer pay and the space bears. A charge whose price changed was
    reversed and posted anew: `replaced_ms` says when. `priced_ms` is when the visit was priced first: later
    versions of its tariff do not touch it; `since` is the first day of the membership then. Without session
    and fee it is the rounding of a month's charges. Amounts are micro-units of `commodity`; times UTC
    milliseconds.
    """

    __tablename__ = "charge"

    id: str = Field(primary_key=True, max_length=64)
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", index=True, max_length=64)
    session: str | None = Field(default=None, index=True, max_length=64)
    fee: str | None = Field(default=None, foreign_key="fee.id", index=True, max_length=64)
    occasion: Occasion = Field(default=Occasion.SESSION, sa_type=word_column(Occasion))
    account: str = Field(index=True, max_length=64)
    member: str = Field(index=True, max_length=64)
    machine: str | None = Field(default=None, index=True, max_length=64)
    month: str = Field(index=True, max_length=7)
    period: str = Field(default="", max_length=7)
    ended_ms: int = Field(sa_type=BigInteger, index=True)
    tariff_version: str = Field(foreign_key="tariff_version.id", max_length=100)
    tier: str = Field(max_length=64)
    commodity: str = Field(max_length=16)
    gross_micro: int = Field(sa_type=BigInteger)
    taxes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    nets: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    rounding_micro: int = Field(default=0, sa_type=BigInteger)
    total_micro: int = Field(sa_type=BigInteger)
    funds: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    unfunded: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    priced_ms: int = Field(default=0, sa_type=BigInteger)
    since: date | None = None
    replaced_ms: int | None = Field(default=None, sa_type=BigInteger)


class Fee(SQLModel, table=True):
    """Something that no gateway saw and a tariff charges: a class, a no-show, a damage, a pack, sheets …

    `counts` are the space's own counts by name, `used` what was metered by hand in base units, `coupon` an
    exact fraction of each line, `pack` names what is bought, `words` are for people.
    """

    __tablename__ = "fee"

    id: str = Field(primary_key=True, max_length=64)
    occasion: Occasion = Field(sa_type=word_column(Occasion))
    account: str = Field(index=True, max_length=64)
    member: str = Field(index=True, max_length=64)
    tier: str = Field(max_length=64)
    tariff: str = Field(max_length=64)
    machine: str | None = Field(default=None, max_length=64)
    from_ms: int = Field(sa_type=BigInteger)
    to_ms: int = Field(sa_type=BigInteger, index=True)
    counts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    used: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    coupon: str = Field(default="0", max_length=32)
    credit_micro: int = Field(default=0, sa_type=BigInteger)
    pack: str = Field(default="", max_length=64)
    words: str = Field(default="", max_length=200)
    source: str = Field(unique=True, max_length=200)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)


class AccountHistory(SQLModel, table=True):
    """Where an account stands in allowances, brackets, caps and packs: floor.tariff.History, as text.

    With `month` "" it is where it stands after the visit (`ended_ms`, `visit`), the last in that order; with
    a month, where it stood when that month was closed, from which the open ones are computed anew.
    """

    __tablename__ = "account_history"

    account: str = Field(primary_key=True, max_length=64)
    month: str = Field(default="", primary_key=True, max_length=7)
    ended_ms: int = Field(sa_type=BigInteger)
    visit: str = Field(max_length=64)
    positions: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class AllowanceLot(SQLModel, table=True):
    """Units that were granted, bought or received at once; its balance is `allowances:ACCOUNT:ID`.

    `commodity` names what it is good for (a component's shared name). `expires_ms` is None for one that does
    not expire (UTC milliseconds). `size_micro` is what was put in, in millionths of the unit.
    """

    __tablename__ = "allowance_lot"

    id: str = Field(primary_key=True, max_length=64)
    account: str = Field(index=True, max_length=64)
    commodity: str = Field(index=True, max_length=200)
    size_micro: int = Field(sa_type=BigInteger)
    granted_ms: int = Field(sa_type=BigInteger)
    expires_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    transferable: bool = Field(default=False)
    origin: str = Field(unique=True, max_length=200)


class SessionSplit(SQLModel, table=True):
    """A session whose cost several accounts bear; it holds while `undone_ms` is None.

    `shares` are [account, weight] in order, the session's own account among them or not; with `instant_ms`
    (UTC milliseconds) the weights are the milliseconds before and after it. Times are UTC milliseconds.
    `over_limits` says that staff made it although an account that bears a part was overdue or at its limit.
    """

    __tablename__ = "session_split"

    id: str = Field(primary_key=True, max_length=64)
    session: str = Field(index=True, max_length=64)
    shares: list[Any] = Field(default_factory=list, sa_type=JSON)
    instant_ms: int | None = Field(default=None, sa_type=BigInteger)
    reason: str = Field(max_length=200)
    author: str = Field(max_length=64)
    made_ms: int = Field(sa_type=BigInteger)
    over_limits: bool = Field(default=False)
    undone_ms: int | None = Field(default=None, sa_type=BigInteger)
    undone_by: str | None = Field(default=None, max_length=64)
    undone_reason: str = Field(default="", max_length=200)


class ChargePart(SQLModel, table=True):
    """A charge that is one part of a session: the first (`n` 0), by which it was priced, or another's."""

    __tablename__ = "charge_part"

    charge: str = Field(primary_key=True, foreign_key="charge.id", max_length=64)
    split: str = Field(foreign_key="session_split.id", index=True, max_length=64)
    n: int

"""Tables of gateways, of roster versions, of what changed and of the credit that was given out."""

from sqlalchemy import BigInteger, Integer, Text
from sqlmodel import Field, SQLModel

BIG_COUNTER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only in INTEGER keys


class Gateway(SQLModel, table=True):
    """A gateway that was enrolled. Keys are sealed. `roster_*` is what it was last given and last confirmed.

    `roster_change` is the last change (RosterChange.id) that what it was given contains. `server_key` is the
    newest key of the server that it accepts, "" when its software does not say.
    """

    __tablename__ = "gateway"

    name: str = Field(primary_key=True, max_length=32)
    broker_username: str = Field(max_length=64)
    broker_password_sealed: str = Field(max_length=200)
    badge_key_sealed: str = Field(max_length=200)
    enrolled_ms: int = Field(sa_type=BigInteger)
    last_seen_ms: int | None = Field(default=None, sa_type=BigInteger)
    software: str = Field(default="", max_length=400)
    boot_id: str = Field(default="", max_length=64)
    quarantined_ms: int | None = Field(default=None, sa_type=BigInteger)
    roster_epoch: int = Field(default=0, sa_type=BigInteger)
    roster_n: int = Field(default=0, sa_type=BigInteger)
    roster_confirmed_n: int = Field(default=0, sa_type=BigInteger)
    roster_change: int = Field(default=0, sa_type=BigInteger)
    server_key: str = Field(default="", max_length=44, sa_column_kwargs={"server_default": ""})


class GatewayWiring(SQLModel, table=True):
    """What is wired to a gateway, sealed: JSON of the parts of `gateway.toml` that it sent.

    `since_ms` is when it last changed; `epoch` and `seq` say where the journal stood when it was sent.
    """

    __tablename__ = "gateway_wiring"

    gateway: str = Field(primary_key=True, foreign_key="gateway.name", max_length=32)
    sealed: str = Field(sa_type=Text)
    since_ms: int = Field(sa_type=BigInteger)
    epoch: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)


class RosterState(SQLModel, table=True):
    """One row: the last roster version that this database gave out.

    `month` is the one whose limits the rosters carry, as "2026-10"; "" before the first. `day` is the one on
    which they were looked through for who came of age, or has to sign, "2026-10-01".
    """

    __tablename__ = "roster_state"

    id: int = Field(default=1, primary_key=True)
    epoch: int = Field(sa_type=BigInteger)
    n: int = Field(sa_type=BigInteger)
    month: str = Field(default="", max_length=7)
    day: str = Field(default="", max_length=10, sa_column_kwargs={"server_default": ""})


class RosterChange(SQLModel, table=True):
    """The outbox of rosters: a member or a machine changed, written in the transaction that changed it."""

    __tablename__ = "roster_change"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_COUNTER)
    subject: str = Field(max_length=8)
    ref: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)


class CreditSlice(SQLModel, table=True):
    """What a gateway may let an account, or those who share a budget, spend. `account` is the budget's key.

    `held_micro` is the most that the gateway may still believe.
    """

    __tablename__ = "credit_slice"

    gateway: str = Field(primary_key=True, foreign_key="gateway.name", max_length=32)
    account: str = Field(primary_key=True, index=True, max_length=64)
    issued_micro: int = Field(sa_type=BigInteger)
    issued_n: int = Field(sa_type=BigInteger)
    held_micro: int = Field(sa_type=BigInteger)

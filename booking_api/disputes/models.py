"""Tables of disputes."""

from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class DisputeState(StrEnum):
    """Where a dispute stands: open, or what came of it. What came of it stays."""

    OPEN = "open"
    ADJUSTED = "adjusted"
    WAIVED = "waived"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Dispute(SQLModel, table=True):
    """A charge that somebody says is wrong. A visit's charge may be posted anew meanwhile, so that the visit
    (a session or a fee) and the month of its use say what is disputed; one is open at a time.

    `charge` is the one that stood when it was opened, `amount_micro` what was owed for it then, in
    micro-units of `commodity`. `member` disputes it, `account` was charged. Times are UTC milliseconds.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        Index(
            "ix_dispute_one_open",
            "visit",
            "period",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: str = Field(primary_key=True, max_length=64)
    visit: str = Field(index=True, max_length=64)
    period: str = Field(max_length=7)
    charge: str = Field(foreign_key="charge.id", index=True, max_length=64)
    account: str = Field(index=True, max_length=64)
    member: str = Field(index=True, max_length=64)
    state: DisputeState = Field(sa_type=word_column(DisputeState), index=True)
    commodity: str = Field(max_length=16)
    amount_micro: int = Field(sa_type=BigInteger)
    opened_ms: int = Field(sa_type=BigInteger, index=True)
    closed_ms: int | None = Field(default=None, sa_type=BigInteger)


class DisputeEvent(SQLModel, table=True):
    """A step of a dispute, never changed: to which `state`, by whom (a member's id), with what words.

    `entry` is what it posted, `amount_micro` what that gave back. `words` may be emptied, to erase a name.
    """

    __tablename__ = "dispute_event"

    dispute: str = Field(primary_key=True, foreign_key="dispute.id", max_length=64)
    n: int = Field(primary_key=True)
    state: DisputeState = Field(sa_type=word_column(DisputeState))
    author: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    words: str = Field(default="", sa_type=Text)
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", index=True, max_length=64)
    amount_micro: int | None = Field(default=None, sa_type=BigInteger)

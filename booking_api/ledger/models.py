"""Tables of the books. Triggers in the database refuse to change or delete what was posted."""

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.ledger import EntryKind

MAIN_BOOK = "main"
_REVERSALS = text("reverses IS NOT NULL")


class Book(SQLModel, table=True):
    """One chain of entries; its row is the lock of its one sealer. `hash` is that of entry `seq`."""

    __tablename__ = "book"

    id: str = Field(primary_key=True, max_length=32)
    seq: int = Field(sa_type=BigInteger)
    hash: str = Field(max_length=64)


class LedgerEntry(SQLModel, table=True):
    """An entry in its place, as floor.ledger.Sealed; `memo` alone may be emptied, to erase a name."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("book", "seq"),
        UniqueConstraint("book", "source"),
        Index("ix_ledger_entry_reverses", "reverses", sqlite_where=_REVERSALS, postgresql_where=_REVERSALS),
    )

    id: str = Field(primary_key=True, max_length=64)
    book: str = Field(foreign_key="book.id", max_length=32)
    seq: int = Field(sa_type=BigInteger)
    kind: EntryKind = Field(sa_type=word_column(EntryKind))
    source: str = Field(max_length=200)
    occurred_ms: int = Field(sa_type=BigInteger, index=True)
    posted_ms: int = Field(sa_type=BigInteger)
    reverses: str | None = Field(default=None, max_length=64)
    author: str = Field(max_length=64)
    memo: str = Field(default="", sa_type=Text)
    detail: str = Field(default="", sa_type=Text)
    previous: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class LedgerPosting(SQLModel, table=True):
    """One account's part of an entry, in micro-units; positive is a debit.

    `commodity` is money, a unit of the space's own, or the name of an allowance.
    """

    __tablename__ = "ledger_posting"

    entry: str = Field(primary_key=True, foreign_key="ledger_entry.id", max_length=64)
    n: int = Field(primary_key=True)
    account: str = Field(index=True, max_length=200)
    commodity: str = Field(max_length=200)
    amount_micro: int = Field(sa_type=BigInteger)


class AccountBalance(SQLModel, table=True):
    """The sum of an account's postings, kept beside them so that no decision reads its history."""

    __tablename__ = "account_balance"

    account: str = Field(primary_key=True, max_length=200)
    commodity: str = Field(primary_key=True, max_length=200)
    amount_micro: int = Field(sa_type=BigInteger)


class ChargeLine(SQLModel, table=True):
    """One line of a charge, frozen. `metered`, `billed` and `price_micro` are exact fractions."""

    __tablename__ = "charge_line"

    charge: str = Field(primary_key=True, foreign_key="charge.id", max_length=64)
    n: int = Field(primary_key=True)
    session: str | None = Field(default=None, index=True, max_length=64)
    tariff_version: str = Field(foreign_key="tariff_version.id", index=True, max_length=100)
    tier: str = Field(max_length=64)
    component: str = Field(max_length=100)
    unit: str = Field(max_length=64)
    window: str = Field(default="", max_length=100)
    metered: str = Field(max_length=100)
    billed: str = Field(max_length=100)
    price_micro: str = Field(max_length=100)
    amount_micro: int = Field(sa_type=BigInteger)
    bound: str = Field(default="", max_length=16)

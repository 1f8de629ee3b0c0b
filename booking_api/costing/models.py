"""Tables of cost files, suppliers' invoices and reopened months; triggers keep what stands in them."""

from sqlalchemy import BigInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.costing import CostKind


class CostVersion(SQLModel, table=True):
    """A cost file as it was written, in force from a month (`2027-01`) on.

    Of those from the same month the last added counts, for months that are not closed.
    """

    __tablename__ = "cost_version"

    n: int = Field(primary_key=True)
    valid_from: str = Field(index=True, max_length=7)
    text: str = Field(sa_type=Text)
    sha256: str = Field(max_length=64)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)


class SupplierInvoice(SQLModel, table=True):
    """An invoice of a supplier, owed until it is paid. Amounts are micro-units, times UTC milliseconds.

    `key` is supplier, number and, for one entered again after a reversal, a count: it may stand once.
    `total_micro` is what is owed, `tax_micro` the input tax in it, which the space gets back. Whether it was
    paid or reversed is what the books say.
    """

    __tablename__ = "supplier_invoice"
    __table_args__ = (UniqueConstraint("key"),)

    id: str = Field(primary_key=True, max_length=64)
    key: str = Field(max_length=160)
    supplier: str = Field(max_length=80)
    number: str = Field(max_length=60)
    dated_ms: int = Field(sa_type=BigInteger, index=True)
    commodity: str = Field(max_length=16)
    tax_micro: int = Field(sa_type=BigInteger)
    total_micro: int = Field(sa_type=BigInteger)
    memo: str = Field(default="", max_length=200)
    entry: str = Field(foreign_key="ledger_entry.id", max_length=64)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)


class SupplierCost(SQLModel, table=True):
    """What one line of a supplier's invoice cost a pool, without tax."""

    __tablename__ = "supplier_cost"

    invoice: str = Field(primary_key=True, foreign_key="supplier_invoice.id", max_length=64)
    n: int = Field(primary_key=True)
    pool: str = Field(index=True, max_length=40)
    kind: CostKind = Field(sa_type=word_column(CostKind))
    amount_micro: int = Field(sa_type=BigInteger)


class Reopening(SQLModel, table=True):
    """A closed month that was opened again: when, by whom, why, and what its close had stated (JSON)."""

    __tablename__ = "period_reopening"

    month: str = Field(primary_key=True, max_length=7)
    n: int = Field(primary_key=True)
    reopened_ms: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)
    reason: str = Field(max_length=200)
    statement: str = Field(sa_type=Text)

"""Tables of documents. Triggers in the database refuse to change or delete an invoice that has a number."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class InvoiceKind(StrEnum):
    """What is owed for the first time, or what of it is taken back."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class InvoiceSeries(SQLModel, table=True):
    """A row of numbers, 1 and on in each year: `n` was given out last. Its row is the lock of who issues."""

    __tablename__ = "invoice_series"

    series: str = Field(primary_key=True, max_length=16)
    year: int = Field(primary_key=True)
    n: int


class Invoice(SQLModel, table=True):
    """An invoice or a credit note, frozen. Amounts are micro-units of `commodity`, times UTC milliseconds.

    `content` is all that it says (booking_api.documents.content), as JSON, and `sha256` its hash; the other
    columns are for finding it. `month` is the one that it was issued for. `due_micro` is what was left to
    pay when it was issued, after what the account had in credit. A credit note has negative amounts, and
    `reverses` names the invoice that it corrects, where it is one.
    """

    __tablename__ = "invoice"
    __table_args__ = (UniqueConstraint("series", "year", "n"),)

    id: str = Field(primary_key=True, max_length=64)
    number: str = Field(unique=True, max_length=32)
    series: str = Field(max_length=16)
    year: int
    n: int
    kind: InvoiceKind = Field(sa_type=word_column(InvoiceKind))
    account: str = Field(foreign_key="account.id", index=True, max_length=64)
    month: str = Field(index=True, max_length=7)
    commodity: str = Field(max_length=16)
    net_micro: int = Field(sa_type=BigInteger)
    tax_micro: int = Field(sa_type=BigInteger)
    total_micro: int = Field(sa_type=BigInteger)
    due_micro: int = Field(sa_type=BigInteger)
    issued_ms: int = Field(sa_type=BigInteger)
    due_ms: int = Field(sa_type=BigInteger)
    reverses: str | None = Field(default=None, foreign_key="invoice.id", max_length=64)
    content: str = Field(sa_type=Text)
    sha256: str = Field(max_length=64)
    author: str = Field(max_length=64)


class InvoiceItem(SQLModel, table=True):
    """What an entry did to an account in one commodity stands on one invoice, and on no other."""

    __tablename__ = "invoice_item"

    entry: str = Field(primary_key=True, foreign_key="ledger_entry.id", max_length=64)
    account: str = Field(primary_key=True, max_length=64)
    commodity: str = Field(primary_key=True, max_length=16)
    invoice: str = Field(foreign_key="invoice.id", index=True, max_length=64)
    amount_micro: int = Field(sa_type=BigInteger)


class InvoiceWaiting(SQLModel, table=True):
    """What of a month (`2026-10`) an account's entries come to that stand on no invoice, in micro-units.

    Kept beside the postings, so that no page reads a year of them. A month's row may be off by what another
    time zone put beyond its ends; the sum until the end of a month is what counts.
    """

    __tablename__ = "invoice_waiting"

    account: str = Field(primary_key=True, max_length=200)
    commodity: str = Field(primary_key=True, max_length=200)
    month: str = Field(primary_key=True, max_length=7)
    entries: int = Field(sa_type=BigInteger)
    amount_micro: int = Field(sa_type=BigInteger)


class BillingAddress(SQLModel, table=True):
    """Who an account's invoices are made out to, where that is not simply the member or the team.

    `lines` are the lines below the name; `country` is two letters (ISO 3166-1) or ""; `language` is one of
    the interface's, or "" for the member's.
    """

    __tablename__ = "billing_address"

    account: str = Field(primary_key=True, foreign_key="account.id", max_length=64)
    name: str = Field(max_length=100)
    lines: list[Any] = Field(default_factory=list, sa_type=JSON)
    country: str = Field(default="", max_length=2)
    vat_id: str = Field(default="", max_length=32)
    email: str = Field(default="", max_length=254)
    language: str = Field(default="", max_length=2)
    changed_ms: int = Field(sa_type=BigInteger)

"""Tables of payments: the drawer, what is sold, lines of the bank, online payments, reminders, mandates.

Money stands in the ledger and nowhere else; these rows say where it came from and what is still open. Times
are UTC milliseconds, amounts micro-units of `commodity`, quantities thousandths of an item's unit.
"""

from enum import StrEnum

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class LineState(StrEnum):
    """Where a line of the bank stands: to be assigned by a person, posted, reversed, or none of ours."""

    OPEN = "open"
    POSTED = "posted"
    IGNORED = "ignored"


class OnlineState(StrEnum):
    """Where an online payment stands; `disputed` is money that the provider took back for now."""

    STARTED = "started"
    PAID = "paid"
    DISPUTED = "disputed"
    EXPIRED = "expired"


class DebitState(StrEnum):
    """Where one direct debit stands: asked of the bank, booked by it, given back, or taken back."""

    SENT = "sent"
    COLLECTED = "collected"
    RETURNED = "returned"
    DROPPED = "dropped"


class Drawer(SQLModel, table=True):
    """One opening of the cash drawer: cash posted after ledger entry `opened_seq`, up to `closed_seq`.

    `float_micro` was counted into it, `counted_micro` out of it; `difference_micro` (> 0: too much) is posted
    and `reason` explains it.
    """

    __tablename__ = "cash_drawer"

    id: str = Field(primary_key=True, max_length=64)
    opened_ms: int = Field(sa_type=BigInteger)
    opened_by: str = Field(max_length=64)
    opened_seq: int = Field(sa_type=BigInteger)
    float_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    closed_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    closed_by: str | None = Field(default=None, max_length=64)
    closed_seq: int | None = Field(default=None, sa_type=BigInteger)
    counted_micro: int | None = Field(default=None, sa_type=BigInteger)
    difference_micro: int = Field(default=0, sa_type=BigInteger)
    reason: str = Field(default="", max_length=200)


class SaleItem(SQLModel, table=True):
    """A material or consumable. `price_micro` is what people pay for one unit, tax included.

    `tax_rate` is an exact fraction such as "1/5". `stock_milli` None is not counted; below `minimum_milli` it
    is on the list of what is low. `machine` and `pool` say what it is for.
    """

    __tablename__ = "sale_item"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=100)
    name_zh: str = Field(default="", max_length=100)
    unit: str = Field(max_length=16)
    price_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    tax_rate: str = Field(default="0", max_length=32)
    stock_milli: int | None = Field(default=None, sa_type=BigInteger)
    minimum_milli: int | None = Field(default=None, sa_type=BigInteger)
    machine: str | None = Field(default=None, max_length=64)
    pool: str | None = Field(default=None, max_length=64)
    self_service: bool = Field(default=True)
    archived_ms: int | None = Field(default=None, sa_type=BigInteger)
    created_ms: int = Field(sa_type=BigInteger)


class StockChange(SQLModel, table=True):
    """Why an item's stock changed: a sale, a delivery, a count. `left_milli` is what was there after it."""

    __tablename__ = "stock_change"

    id: str = Field(primary_key=True, max_length=64)
    item: str = Field(foreign_key="sale_item.id", index=True, max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    change_milli: int = Field(sa_type=BigInteger)
    left_milli: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)
    reason: str = Field(max_length=200)


class Sale(SQLModel, table=True):
    """What was sold, by its ledger entry. `account` is None when it was paid at once, by `means`.

    `name` and `unit` are what the item was called then; `net_micro` + `tax_micro` = `total_micro`. A
    sale that was cancelled has `cancelled_ms`, and its entry a reversal.
    """

    __tablename__ = "sale"

    entry: str = Field(primary_key=True, foreign_key="ledger_entry.id", max_length=64)
    item: str = Field(foreign_key="sale_item.id", index=True, max_length=64)
    account: str | None = Field(default=None, index=True, max_length=64)
    member: str | None = Field(default=None, max_length=64)
    means: str | None = Field(default=None, max_length=16)
    name: str = Field(max_length=100)
    name_zh: str = Field(default="", max_length=100)
    unit: str = Field(max_length=16)
    quantity_milli: int = Field(sa_type=BigInteger)
    price_micro: int = Field(sa_type=BigInteger)
    tax_rate: str = Field(max_length=32)
    net_micro: int = Field(sa_type=BigInteger)
    tax_micro: int = Field(sa_type=BigInteger)
    total_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    month: str = Field(index=True, max_length=7)
    occurred_ms: int = Field(sa_type=BigInteger, index=True)
    author: str = Field(max_length=64)
    cancelled_ms: int | None = Field(default=None, sa_type=BigInteger)


class BankLine(SQLModel, table=True):
    """One booking of the space's bank account, kept once: `reference` is the bank's own, or a hash.

    `amount_micro` > 0 came in. `returned` marks what the bank gave back, `reason` why. `entry` is the
    ledger's once posted; `words` say what was done, or why a person must decide.
    """

    __tablename__ = "bank_line"

    id: str = Field(primary_key=True, max_length=64)
    reference: str = Field(unique=True, max_length=200)
    day: str = Field(max_length=10)
    amount_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    name: str = Field(default="", max_length=200)
    iban: str = Field(default="", max_length=64)
    remittance: str = Field(default="", sa_type=Text)
    end_to_end: str = Field(default="", index=True, max_length=64)
    batch: str = Field(default="", max_length=64)
    returned: bool = Field(default=False)
    reason: str = Field(default="", max_length=200)
    state: LineState = Field(default=LineState.OPEN, sa_type=word_column(LineState), index=True)
    account: str | None = Field(default=None, max_length=200)
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", max_length=64)
    words: str = Field(default="", max_length=300)
    file: str = Field(default="", max_length=200)
    imported_ms: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)


class OnlinePayment(SQLModel, table=True):
    """A payment begun at a provider. `reference` is the provider's, `charge` what it refunds by."""

    __tablename__ = "online_payment"

    id: str = Field(primary_key=True, max_length=64)
    provider: str = Field(max_length=32)
    account: str = Field(index=True, max_length=64)
    member: str = Field(max_length=64)
    amount_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    state: OnlineState = Field(default=OnlineState.STARTED, sa_type=word_column(OnlineState))
    reference: str | None = Field(default=None, index=True, max_length=200)
    charge: str | None = Field(default=None, index=True, max_length=200)
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", max_length=64)
    refunded_micro: int = Field(default=0, sa_type=BigInteger)
    started_ms: int = Field(sa_type=BigInteger)


class ProviderEvent(SQLModel, table=True):
    """An event of a provider that was taken, so that it is taken once; `outcome` says what came of it."""

    __tablename__ = "provider_event"

    provider: str = Field(primary_key=True, max_length=32)
    id: str = Field(primary_key=True, max_length=200)
    kind: str = Field(max_length=100)
    outcome: str = Field(max_length=200)
    received_ms: int = Field(sa_type=BigInteger)


class Reminder(SQLModel, table=True):
    """A reminder that was written: once for each level of one debt; `debt` names what fell due."""

    __tablename__ = "reminder"

    account: str = Field(primary_key=True, max_length=64)
    debt: str = Field(primary_key=True, max_length=64)
    level: int = Field(primary_key=True)
    overdue_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    fee_micro: int = Field(default=0, sa_type=BigInteger)
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", max_length=64)
    file: str = Field(default="", max_length=200)
    at_ms: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)


class PaymentBlock(SQLModel, table=True):
    """An account that opens no machine until what it owed at `before_ms` is paid."""

    __tablename__ = "payment_block"

    account: str = Field(primary_key=True, max_length=64)
    before_ms: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    since_ms: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)


class Mandate(SQLModel, table=True):
    """Leave to collect from a bank account (SEPA core direct debit); `tail` is the last of its IBAN.

    `collected` says that a first debit was sent, so that the next one is recurring.
    """

    __tablename__ = "mandate"

    id: str = Field(primary_key=True, max_length=35)
    account: str = Field(index=True, max_length=64)
    holder: str = Field(max_length=70)
    iban_sealed: str = Field(max_length=200)
    tail: str = Field(max_length=8)
    bic: str = Field(default="", max_length=11)
    signed: str = Field(max_length=10)
    recurring: bool = Field(default=True)
    collected: bool = Field(default=False)
    revoked_ms: int | None = Field(default=None, sa_type=BigInteger)
    created_ms: int = Field(sa_type=BigInteger)


class DebitRun(SQLModel, table=True):
    """One file of direct debits; `batches` are its PmtInfIds, by which banks book it as a sum."""

    __tablename__ = "debit_run"

    id: str = Field(primary_key=True, max_length=64)
    collection: str = Field(max_length=10)
    message: str = Field(max_length=64)
    made_ms: int = Field(sa_type=BigInteger)
    author: str = Field(max_length=64)


class Debit(SQLModel, table=True):
    """One direct debit; `id` is its EndToEndId. It is posted when the bank books it, not before."""

    __tablename__ = "debit"

    id: str = Field(primary_key=True, max_length=35)
    run: str = Field(foreign_key="debit_run.id", index=True, max_length=64)
    batch: str = Field(default="", index=True, max_length=64)
    mandate: str = Field(foreign_key="mandate.id", max_length=35)
    account: str = Field(index=True, max_length=64)
    amount_micro: int = Field(sa_type=BigInteger)
    commodity: str = Field(max_length=16)
    state: DebitState = Field(default=DebitState.SENT, sa_type=word_column(DebitState))
    entry: str | None = Field(default=None, foreign_key="ledger_entry.id", max_length=64)
    reason: str = Field(default="", max_length=200)


TABLES = (
    Drawer, SaleItem, StockChange, Sale, BankLine, OnlinePayment, ProviderEvent, Reminder, PaymentBlock,
    Mandate, DebitRun, Debit,
)  # fmt: skip
"""Every table of this room, parents first."""

"""Payments from banks and providers, sales, reminders, direct debits."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
TABLES = (
    "cash_drawer",
    "sale_item",
    "stock_change",
    "sale",
    "bank_line",
    "online_payment",
    "provider_event",
    "reminder",
    "payment_block",
    "mandate",
    "debit_run",
    "debit",
)


def upgrade() -> None:
    _make_cash_drawer()
    _make_sale_item()
    _make_stock_change()
    _make_sale()
    _make_bank_line()
    _make_online_payment()
    _make_provider_event()
    _make_reminder()
    _make_payment_block()
    _make_mandate()
    _make_debit_run()
    _make_debit()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_cash_drawer() -> None:
    op.create_table(
        "cash_drawer",
        text("id", 64),
        big("opened_ms"),
        text("opened_by", 64),
        big("opened_seq"),
        big("float_micro"),
        text("commodity", 16),
        big("closed_ms", nullable=True),
        text("closed_by", 64, nullable=True),
        big("closed_seq", nullable=True),
        big("counted_micro", nullable=True),
        big("difference_micro"),
        text("reason", 200),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_cash_drawer_closed_ms", "cash_drawer", ["closed_ms"])


def _make_sale_item() -> None:
    op.create_table(
        "sale_item",
        text("id", 64),
        text("name", 100),
        text("name_zh", 100),
        text("unit", 16),
        big("price_micro"),
        text("commodity", 16),
        text("tax_rate", 32),
        big("stock_milli", nullable=True),
        big("minimum_milli", nullable=True),
        text("machine", 64, nullable=True),
        text("pool", 64, nullable=True),
        sa.Column("self_service", sa.Boolean(), nullable=False),
        big("archived_ms", nullable=True),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_stock_change() -> None:
    op.create_table(
        "stock_change",
        text("id", 64),
        text("item", 64),
        big("at_ms"),
        big("change_milli"),
        big("left_milli"),
        text("author", 64),
        text("reason", 200),
        sa.ForeignKeyConstraint(["item"], ["sale_item.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stock_change_item", "stock_change", ["item"])


def _make_sale() -> None:
    op.create_table(
        "sale",
        text("entry", 64),
        text("item", 64),
        text("account", 64, nullable=True),
        text("member", 64, nullable=True),
        text("means", 16, nullable=True),
        text("name", 100),
        text("name_zh", 100),
        text("unit", 16),
        big("quantity_milli"),
        big("price_micro"),
        text("tax_rate", 32),
        big("net_micro"),
        big("tax_micro"),
        big("total_micro"),
        text("commodity", 16),
        text("month", 7),
        big("occurred_ms"),
        text("author", 64),
        big("cancelled_ms", nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["item"], ["sale_item.id"]),
        sa.PrimaryKeyConstraint("entry"),
    )
    op.create_index("ix_sale_account", "sale", ["account"])
    op.create_index("ix_sale_item", "sale", ["item"])
    op.create_index("ix_sale_month", "sale", ["month"])
    op.create_index("ix_sale_occurred_ms", "sale", ["occurred_ms"])


def _make_bank_line() -> None:
    op.create_table(
        "bank_line",
        text("id", 64),
        text("reference", 200),
        text("day", 10),
        big("amount_micro"),
        text("commodity", 16),
        text("name", 200),
        text("iban", 64),
        sa.Column("remittance", sa.Text(), nullable=False),
        text("end_to_end", 64),
        text("batch", 64),
        sa.Column("returned", sa.Boolean(), nullable=False),
        text("reason", 200),
        text("state", 32),
        text("account", 200, nullable=True),
        text("entry", 64, nullable=True),
        text("words", 300),
        text("file", 200),
        big("imported_ms"),
        text("author", 64),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_index("ix_bank_line_end_to_end", "bank_line", ["end_to_end"])
    op.create_index("ix_bank_line_state", "bank_line", ["state"])


def _make_online_payment() -> None:
    op.create_table(
        "online_payment",
        text("id", 64),
        text("provider", 32),
        text("account", 64),
        text("member", 64),
        big("amount_micro"),
        text("commodity", 16),
        text("state", 32),
        text("reference", 200, nullable=True),
        text("charge", 200, nullable=True),
        text("entry", 64, nullable=True),
        big("refunded_micro"),
        big("started_ms"),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_online_payment_account", "online_payment", ["account"])
    op.create_index("ix_online_payment_charge", "online_payment", ["charge"])
    op.create_index("ix_online_payment_reference", "online_payment", ["reference"])


def _make_provider_event() -> None:
    op.create_table(
        "provider_event",
        text("provider", 32),
        text("id", 200),
        text("kind", 100),
        text("outcome", 200),
        big("received_ms"),
        sa.PrimaryKeyConstraint("provider", "id"),
    )


def _make_reminder() -> None:
    op.create_table(
        "reminder",
        text("account", 64),
        text("debt", 64),
        sa.Column("level", sa.Integer(), nullable=False),
        big("overdue_micro"),
        text("commodity", 16),
        big("fee_micro"),
        text("entry", 64, nullable=True),
        text("file", 200),
        big("at_ms"),
        text("author", 64),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("account", "debt", "level"),
    )


def _make_payment_block() -> None:
    op.create_table(
        "payment_block",
        text("account", 64),
        big("before_ms"),
        text("commodity", 16),
        big("since_ms"),
        text("author", 64),
        sa.PrimaryKeyConstraint("account"),
    )


def _make_mandate() -> None:
    op.create_table(
        "mandate",
        text("id", 35),
        text("account", 64),
        text("holder", 70),
        text("iban_sealed", 200),
        text("tail", 8),
        text("bic", 11),
        text("signed", 10),
        sa.Column("recurring", sa.Boolean(), nullable=False),
        sa.Column("collected", sa.Boolean(), nullable=False),
        big("revoked_ms", nullable=True),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mandate_account", "mandate", ["account"])


def _make_debit_run() -> None:
    op.create_table(
        "debit_run",
        text("id", 64),
        text("collection", 10),
        text("message", 64),
        big("made_ms"),
        text("author", 64),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_debit() -> None:
    op.create_table(
        "debit",
        text("id", 35),
        text("run", 64),
        text("batch", 64),
        text("mandate", 35),
        text("account", 64),
        big("amount_micro"),
        text("commodity", 16),
        text("state", 32),
        text("entry", 64, nullable=True),
        text("reason", 200),
        sa.ForeignKeyConstraint(["run"], ["debit_run.id"]),
        sa.ForeignKeyConstraint(["mandate"], ["mandate.id"]),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_debit_account", "debit", ["account"])
    op.create_index("ix_debit_batch", "debit", ["batch"])
    op.create_index("ix_debit_run", "debit", ["run"])

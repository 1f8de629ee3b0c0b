"""Invoices, credit notes and their numbers."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
TABLES = ("invoice_series", "invoice", "invoice_item", "billing_address")
FROZEN = ("invoice_series", "invoice", "invoice_item")


def upgrade() -> None:
    op.create_table(
        "invoice_series",
        text("series", 16),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year"),
    )
    _make_invoice()
    op.create_table(
        "invoice_item",
        text("entry", 64),
        text("account", 64),
        text("commodity", 16),
        text("invoice", 64),
        big("amount_micro"),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["invoice"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("entry", "account", "commodity"),
    )
    op.create_index("ix_invoice_item_invoice", "invoice_item", ["invoice"])
    op.create_table(
        "billing_address",
        text("account", 64),
        text("name", 100),
        sa.Column("lines", sa.JSON(), nullable=False),
        text("country", 2),
        text("vat_id", 32),
        text("email", 254),
        text("language", 2),
        big("changed_ms"),
        sa.ForeignKeyConstraint(["account"], ["account.id"]),
        sa.PrimaryKeyConstraint("account"),
    )
    guard(*FROZEN)


def downgrade() -> None:
    unguard(*FROZEN)
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_invoice() -> None:
    op.create_table(
        "invoice",
        text("id", 64),
        text("number", 32),
        text("series", 16),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        text("kind", 32),
        text("account", 64),
        text("month", 7),
        text("commodity", 16),
        big("net_micro"),
        big("tax_micro"),
        big("total_micro"),
        big("due_micro"),
        big("issued_ms"),
        big("due_ms"),
        text("reverses", 64, nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        text("sha256", 64),
        text("author", 64),
        sa.ForeignKeyConstraint(["account"], ["account.id"]),
        sa.ForeignKeyConstraint(["reverses"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("series", "year", "n"),
    )
    for column in ("account", "month"):
        op.create_index(f"ix_invoice_{column}", "invoice", [column])

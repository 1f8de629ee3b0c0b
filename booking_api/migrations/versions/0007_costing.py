"""Cost files, suppliers' invoices, and months that were opened again."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
TABLES = ("cost_version", "supplier_invoice", "supplier_cost", "period_reopening")


def upgrade() -> None:
    op.create_table(
        "cost_version",
        sa.Column("n", sa.Integer(), nullable=False),
        text("valid_from", 7),
        sa.Column("text", sa.Text(), nullable=False),
        text("sha256", 64),
        text("author", 64),
        big("created_ms"),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index("ix_cost_version_valid_from", "cost_version", ["valid_from"])
    _make_invoices()
    op.create_table(
        "period_reopening",
        text("month", 7),
        sa.Column("n", sa.Integer(), nullable=False),
        big("reopened_ms"),
        text("author", 64),
        text("reason", 200),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month", "n"),
    )
    guard(*TABLES)


def downgrade() -> None:
    unguard(*TABLES)
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_invoices() -> None:
    op.create_table(
        "supplier_invoice",
        text("id", 64),
        text("key", 160),
        text("supplier", 80),
        text("number", 60),
        big("dated_ms"),
        text("commodity", 16),
        big("tax_micro"),
        big("total_micro"),
        text("memo", 200),
        text("entry", 64),
        text("author", 64),
        big("created_ms"),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_supplier_invoice_dated_ms", "supplier_invoice", ["dated_ms"])
    op.create_table(
        "supplier_cost",
        text("invoice", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("pool", 40),
        text("kind", 32),
        big("amount_micro"),
        sa.ForeignKeyConstraint(["invoice"], ["supplier_invoice.id"]),
        sa.PrimaryKeyConstraint("invoice", "n"),
    )
    op.create_index("ix_supplier_cost_pool", "supplier_cost", ["pool"])

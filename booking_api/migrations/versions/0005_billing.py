"""Charges, fees, what later charges depend on, and lots of allowances."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
TABLES = ("fee", "charge", "account_history", "allowance_lot")


def upgrade() -> None:
    _make_fee()
    _make_charge()
    op.create_table(
        "account_history",
        text("account", 64),
        text("month", 7),
        big("ended_ms"),
        text("visit", 64),
        sa.Column("positions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account", "month"),
    )
    _make_allowance_lot()
    guard("charge")


def downgrade() -> None:
    unguard("charge")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_fee() -> None:
    op.create_table(
        "fee",
        text("id", 64),
        text("occasion", 32),
        text("account", 64),
        text("member", 64),
        text("tier", 64),
        text("tariff", 64),
        text("machine", 64, nullable=True),
        big("from_ms"),
        big("to_ms"),
        sa.Column("counts", sa.JSON(), nullable=False),
        text("pack", 64),
        text("words", 200),
        text("source", 200),
        text("author", 64),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source"),
    )
    for column in ("account", "member", "to_ms"):
        op.create_index(f"ix_fee_{column}", "fee", [column])


def _make_charge() -> None:
    op.create_table(
        "charge",
        text("id", 64),
        text("entry", 64, nullable=True),
        text("session", 64, nullable=True),
        text("fee", 64, nullable=True),
        text("occasion", 32),
        text("account", 64),
        text("member", 64),
        text("machine", 64, nullable=True),
        text("month", 7),
        big("ended_ms"),
        text("tariff_version", 100),
        text("tier", 64),
        text("commodity", 16),
        big("gross_micro"),
        sa.Column("taxes", sa.JSON(), nullable=False),
        big("rounding_micro"),
        big("total_micro"),
        sa.Column("funds", sa.JSON(), nullable=False),
        big("replaced_ms", nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["fee"], ["fee.id"]),
        sa.ForeignKeyConstraint(["tariff_version"], ["tariff_version.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("entry", "session", "fee", "account", "member", "machine", "month", "ended_ms"):
        op.create_index(f"ix_charge_{column}", "charge", [column])


def _make_allowance_lot() -> None:
    op.create_table(
        "allowance_lot",
        text("id", 64),
        text("account", 64),
        text("commodity", 64),
        big("size_micro"),
        big("granted_ms"),
        big("expires_ms", nullable=True),
        sa.Column("transferable", sa.Boolean(), nullable=False),
        text("origin", 200),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("origin"),
    )
    for column in ("account", "commodity", "expires_ms"):
        op.create_index(f"ix_allowance_lot_{column}", "allowance_lot", [column])

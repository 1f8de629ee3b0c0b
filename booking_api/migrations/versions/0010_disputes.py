"""Disputed charges, and every step of each dispute."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "dispute",
        text("id", 64),
        text("visit", 64),
        text("period", 7),
        text("charge", 64),
        text("account", 64),
        text("member", 64),
        text("state", 32),
        text("commodity", 16),
        big("amount_micro"),
        big("opened_ms"),
        big("closed_ms", nullable=True),
        sa.ForeignKeyConstraint(["charge"], ["charge.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("visit", "charge", "account", "member", "state", "opened_ms"):
        op.create_index(f"ix_dispute_{column}", "dispute", [column])
    op.create_index(
        "ix_dispute_one_open",
        "dispute",
        ["visit", "period"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "dispute_event",
        text("dispute", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("state", 32),
        text("author", 64),
        big("at_ms"),
        sa.Column("words", sa.Text(), nullable=False),
        text("entry", 64, nullable=True),
        big("amount_micro", nullable=True),
        sa.ForeignKeyConstraint(["dispute"], ["dispute.id"]),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("dispute", "n"),
    )
    op.create_index("ix_dispute_event_entry", "dispute_event", ["entry"])
    guard("dispute_event")


def downgrade() -> None:
    unguard("dispute_event")
    op.drop_table("dispute_event")
    op.drop_table("dispute")

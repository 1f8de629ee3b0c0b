"""Accounts of their own, who may charge to them, funds, and periods."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
TABLES = ("account", "account_member", "fund", "period")


def upgrade() -> None:
    _make_account()
    _make_account_member()
    _make_fund()
    op.create_table(
        "period",
        text("month", 7),
        big("to_ms"),
        big("closed_ms"),
        text("closed_by", 64),
        sa.Column("statement", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("month"),
    )
    op.create_index("ix_period_to_ms", "period", ["to_ms"])
    # Until now an account was a word on its member.
    op.execute(
        "INSERT INTO account (id, kind, name, credit_limit_micro, created_ms) "
        "SELECT account, 'member', MIN(first_name || ' ' || last_name), MAX(credit_limit_micro), "
        "MIN(created_ms) FROM member GROUP BY account"
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_account() -> None:
    op.create_table(
        "account",
        text("id", 64),
        text("kind", 32),
        text("name", 100),
        text("parent", 64, nullable=True),
        big("credit_limit_micro", nullable=True),
        big("monthly_limit_micro", nullable=True),
        big("archived_ms", nullable=True),
        big("created_ms"),
        sa.ForeignKeyConstraint(["parent"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_account_parent", "account", ["parent"])


def _make_account_member() -> None:
    op.create_table(
        "account_member",
        text("account", 64),
        text("member", 64),
        text("role", 32),
        big("monthly_limit_micro", nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("account", "member"),
    )
    op.create_index("ix_account_member_member", "account_member", ["member"])


def _make_fund() -> None:
    op.create_table(
        "fund",
        text("id", 64),
        text("name", 100),
        big("budget_micro", nullable=True),
        big("from_ms"),
        big("until_ms", nullable=True),
        sa.Column("machines", sa.JSON(), nullable=False),
        sa.Column("tiers", sa.JSON(), nullable=False),
        text("after_budget", 32),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )

"""Accounts of their own, who may charge to them, funds, and periods."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
TABLES = ("account", "account_member", "account_month", "fund", "period")


def upgrade() -> None:
    _make_account()
    _make_account_member()
    _make_account_month()
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
    # Until now an account was a word on its member, who had the limit.
    op.execute(
        "INSERT INTO account (id, kind, name, credit_limit_micro, created_ms) "
        "SELECT account, 'member', MIN(first_name || ' ' || last_name), MAX(credit_limit_micro), "
        "MIN(created_ms) FROM member GROUP BY account"
    )
    # Changed in place: badges and certifications refer to members, and SQLite would have to make both anew.
    op.drop_column("member", "credit_limit_micro")
    op.execute("ALTER TABLE member ADD COLUMN charges_to VARCHAR(64) REFERENCES account (id)")
    op.create_index("ix_member_charges_to", "member", ["charges_to"])
    op.add_column("roster_state", sa.Column("month", sa.String(7), nullable=False, server_default=""))
    # What is held for the sessions of an account is found without looking at those that are over.
    op.create_index("ix_machine_session_held", "machine_session", ["account", "state"])


def downgrade() -> None:
    op.drop_index("ix_machine_session_held", "machine_session")
    op.drop_column("roster_state", "month")
    op.add_column("member", big("credit_limit_micro", nullable=True))
    op.execute(
        "UPDATE member SET credit_limit_micro = "
        "(SELECT credit_limit_micro FROM account WHERE account.id = member.account)"
    )
    op.drop_index("ix_member_charges_to", "member")
    op.drop_column("member", "charges_to")
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


def _make_account_month() -> None:
    op.create_table(
        "account_month",
        text("account", 64),
        text("member", 64),
        text("month", 7),
        text("commodity", 16),
        big("charged_micro"),
        sa.ForeignKeyConstraint(["account"], ["account.id"]),
        sa.PrimaryKeyConstraint("account", "member", "month", "commodity"),
    )


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

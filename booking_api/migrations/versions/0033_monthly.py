"""Monthly sums for reports, and what operators say of the space.

The server counts what is there already by itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def _key(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), primary_key=True)


def upgrade() -> None:
    op.create_table(
        "monthly_use",
        _key("month", 7),
        _key("machine", 64),
        _key("quantity", 32),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "monthly_person", _key("month", 7), _key("member", 64), _key("tier", 64), _key("account", 64)
    )
    op.create_index("ix_monthly_person_account", "monthly_person", ["account"])
    op.create_table(
        "monthly_money",
        _key("month", 7),
        _key("account", 200),
        _key("commodity", 200),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "counted_to",
        _key("id", 32),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("ledger_seq", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "report_fact",
        _key("id", 64),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger()),
        sa.Column("withdrawn_by", sa.String(64)),
    )
    op.create_index("ix_report_fact_day", "report_fact", ["day"])


def downgrade() -> None:
    for table in ("report_fact", "counted_to", "monthly_money", "monthly_person", "monthly_use"):
        op.drop_table(table)

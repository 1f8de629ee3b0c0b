"""The books and the tariffs, and the triggers that keep what was posted."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import drop_functions, guard, make_functions, unguard

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
TABLES = ("account_balance", "book", "tariff_version", "ledger_entry", "charge_line", "ledger_posting")
FROZEN = ("ledger_entry", "ledger_posting", "charge_line", "tariff_version")


def upgrade() -> None:
    _make_account_balance()
    _make_book()
    _make_tariff_version()
    _make_ledger_entry()
    _make_charge_line()
    _make_ledger_posting()
    op.execute(f"INSERT INTO book (id, seq, hash) VALUES ('main', 0, '{'0' * 64}')")
    make_functions()
    guard(*FROZEN)


def downgrade() -> None:
    """The books and tariffs are lost; sessions stay, and keep what they cost."""
    op.execute("UPDATE machine_session SET entry = NULL, tariff_version = NULL")
    unguard(*FROZEN)
    drop_functions()
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_account_balance() -> None:
    op.create_table(
        "account_balance",
        text("account", 200),
        text("commodity", 16),
        big("amount_micro"),
        sa.PrimaryKeyConstraint("account", "commodity"),
    )


def _make_book() -> None:
    op.create_table("book", text("id", 32), big("seq"), text("hash", 64), sa.PrimaryKeyConstraint("id"))


def _make_tariff_version() -> None:
    op.create_table(
        "tariff_version",
        text("id", 100),
        text("tariff", 64),
        big("valid_from_ms"),
        sa.Column("text", sa.Text(), nullable=False),
        text("sha256", 64),
        text("author", 64),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tariff_version_tariff", "tariff_version", ["tariff"])


def _make_ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        text("id", 64),
        text("book", 32),
        big("seq"),
        text("kind", 32),
        text("source", 200),
        big("occurred_ms"),
        big("posted_ms"),
        text("reverses", 64, nullable=True),
        text("author", 64),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        text("previous", 64),
        text("hash", 64),
        sa.ForeignKeyConstraint(["book"], ["book.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("book", "seq"),
        sa.UniqueConstraint("book", "source"),
    )
    op.create_index("ix_ledger_entry_occurred_ms", "ledger_entry", ["occurred_ms"])


def _make_charge_line() -> None:
    op.create_table(
        "charge_line",
        text("session", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("entry", 64, nullable=True),
        text("tariff_version", 100),
        text("tier", 64),
        text("component", 100),
        text("unit", 16),
        text("metered", 100),
        text("billed", 100),
        text("price_micro", 100),
        big("amount_micro"),
        text("bound", 16),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["tariff_version"], ["tariff_version.id"]),
        sa.PrimaryKeyConstraint("session", "n"),
    )
    op.create_index("ix_charge_line_entry", "charge_line", ["entry"])
    op.create_index("ix_charge_line_tariff_version", "charge_line", ["tariff_version"])


def _make_ledger_posting() -> None:
    op.create_table(
        "ledger_posting",
        text("entry", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("account", 200),
        text("commodity", 16),
        big("amount_micro"),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("entry", "n"),
    )
    op.create_index("ix_ledger_posting_account", "ledger_posting", ["account"])

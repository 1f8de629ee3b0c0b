"""What a site of a network keeps of others: passes, visitors, what was used, and what was settled."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_pass",
        text("member", 64),
        text("site", 16),
        text("account", 64),
        text("commodity", 16),
        big("limit_micro"),
        text("given_by", 64),
        big("given_ms"),
        big("ended_ms", nullable=True),
        *(big(f"{name}_micro") for name in ("used", "allowed", "ceiling", "exposed", "reserved")),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("member", "site"),
    )
    op.create_index("ix_site_pass_account", "site_pass", ["account"])
    op.create_table(
        "visitor",
        text("member", 64),
        text("site", 16),
        text("ref", 64),
        text("account", 64),
        big("allowed_micro"),
        big("used_micro"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["account"], ["account.id"]),
        sa.PrimaryKeyConstraint("member"),
        sa.UniqueConstraint("account"),
        sa.UniqueConstraint("site", "ref"),
    )
    _charges()
    op.create_table(
        "site_settlement",
        text("id", 64),
        text("site", 16),
        text("commodity", 16),
        big("receivable_micro"),
        big("payable_micro"),
        text("entry", 64, nullable=True),
        big("at_ms"),
        text("paid", 64, nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["paid"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "site_mark",
        text("book", 32),
        big("seq"),
        sa.ForeignKeyConstraint(["book"], ["book.id"]),
        sa.PrimaryKeyConstraint("book"),
    )


def _charges() -> None:
    op.create_table(
        "site_charge",
        text("id", 64),
        big("seq"),
        text("site", 16),
        text("ref", 64),
        text("session", 64, nullable=True),
        text("what", 100),
        text("reverses", 64, nullable=True),
        big("amount_micro"),
        text("commodity", 16),
        big("occurred_ms"),
        text("clearing", 64),
        big("delivered_ms", nullable=True),
        text("settlement", 64, nullable=True),
        sa.ForeignKeyConstraint(["clearing"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_site_charge_waiting", "site_charge", ["site", "delivered_ms", "seq"])
    op.create_index("ix_site_charge_settlement", "site_charge", ["settlement"])
    op.create_table(
        "site_bill",
        text("site", 16),
        text("charge", 64),
        text("member", 64),
        text("account", 64),
        text("month", 7),
        text("reverses", 64, nullable=True),
        big("amount_micro"),
        text("commodity", 16),
        text("rate", 64),
        text("own", 16),
        big("own_micro"),
        big("fee_micro"),
        text("entry", 64),
        text("settlement", 64, nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("site", "charge"),
    )
    op.create_index("ix_site_bill_member", "site_bill", ["member"])
    op.create_index("ix_site_bill_settlement", "site_bill", ["settlement"])


def downgrade() -> None:
    """The books keep what was posted; what says which entries of two sites belong together is lost."""
    for table in ("site_mark", "site_settlement", "site_bill", "site_charge", "visitor", "site_pass"):
        op.drop_table(table)

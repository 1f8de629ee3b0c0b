"""The audit log: acts, what they changed, and where the chain ends."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_act",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        big("at_ms"),
        big("floor_ms"),
        text("via", 32),
        text("member", 64),
        text("act", 200),
        text("previous", 64),
        text("hash", 64),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_act_at_ms", "audit_act", ["at_ms"])
    op.create_index("ix_audit_act_member", "audit_act", ["member"])
    op.create_table(
        "audit_part",
        big("act"),
        sa.Column("n", sa.Integer(), nullable=False),
        text("kind", 64),
        text("object", 200),
        text("change", 32),
        text("about", 64),
        text("salt", 32),
        sa.Column("body", sa.Text(), nullable=False),
        text("body_hash", 64),
        sa.ForeignKeyConstraint(["act"], ["audit_act.seq"]),
        sa.PrimaryKeyConstraint("act", "n"),
    )
    op.create_index("ix_audit_part_object", "audit_part", ["object"])
    op.create_index("ix_audit_part_about", "audit_part", ["about"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        big("seq"),
        text("hash", 64),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(f"INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '{'0' * 64}')")
    guard("audit_act", "audit_part")


def downgrade() -> None:
    unguard("audit_act", "audit_part")
    op.drop_table("audit_head")
    op.drop_table("audit_part")
    op.drop_table("audit_act")

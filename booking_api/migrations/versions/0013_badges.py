"""Badges that prove themselves: the version of their keys, their counters, and who was given keys."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("badge", sa.Column("key_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("badge", big("counter", nullable=True))
    op.create_table(
        "badge_reading",
        text("badge", 64),
        big("counter"),
        text("gateway", 32),
        big("at_ms"),
        big("clock_error_ms", nullable=True),
        sa.ForeignKeyConstraint(["badge"], ["badge.id"]),
        sa.PrimaryKeyConstraint("badge", "counter"),
    )
    op.create_table(
        "badge_keys_given",
        text("id", 64),
        text("badge", 64),
        text("member", 64),
        text("by", 64),
        big("at_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_badge_keys_given_badge", "badge_keys_given", ["badge"])


def downgrade() -> None:
    op.drop_table("badge_keys_given")
    op.drop_table("badge_reading")
    op.drop_column("badge", "counter")
    op.drop_column("badge", "key_version")

"""Webhooks, what is sent to them, and which happenings were told already."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("happened", big("told_ms", nullable=True))
    op.create_index("ix_happened_told_ms", "happened", ["told_ms"])
    op.create_table(
        "webhook",
        text("id", 64),
        text("name", 100),
        text("address", 500),
        sa.Column("happenings", sa.JSON(), nullable=False),
        text("secret_sealed", 400),
        text("author", 64),
        big("created_ms"),
        big("failing_ms", nullable=True),
        big("paused_ms", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook_delivery",
        text("id", 64),
        text("webhook", 64),
        text("what", 32),
        text("subject", 64),
        sa.Column("body", sa.Text(), nullable=False),
        text("state", 32),
        big("created_ms"),
        big("since_ms"),
        big("next_ms"),
        sa.Column("tries", sa.Integer(), nullable=False),
        big("done_ms", nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        text("problem", 200),
        sa.ForeignKeyConstraint(["webhook"], ["webhook.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhook_delivery_webhook", "webhook_delivery", ["webhook"])
    op.create_index("ix_webhook_delivery_done_ms", "webhook_delivery", ["done_ms"])
    op.create_index("ix_webhook_delivery_due", "webhook_delivery", ["state", "next_ms"])


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")
    op.drop_index("ix_happened_told_ms", "happened")
    op.drop_column("happened", "told_ms")

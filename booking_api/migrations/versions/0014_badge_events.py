"""Who did what with badges, and the codes that phones have used."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "badge_event",
        text("id", 64),
        text("badge", 64),
        text("member", 64),
        text("what", 16),
        text("by", 64),
        text("station", 64),
        big("at_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("badge", "member"):
        op.create_index(f"ix_badge_event_{column}", "badge_event", [column])
    op.create_table(
        "phone_code_used",
        text("nonce", 16),
        text("machine", 64),
        text("member", 64),
        big("at_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_index("ix_phone_code_used_at_ms", "phone_code_used", ["at_ms"])


def downgrade() -> None:
    op.drop_table("phone_code_used")
    op.drop_table("badge_event")

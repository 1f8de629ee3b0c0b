"""What happened, for webhooks and notices, and letters that wait to be sent."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "happened",
        sa.Column("id", sa.Integer(), nullable=False),
        text("what", 32),
        text("subject", 64),
        text("member", 64, nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        big("at_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_happened_member", "happened", ["member"])
    op.create_table(
        "letter",
        text("id", 64),
        text("kind", 32),
        text("address", 254),
        text("language", 8),
        sa.Column("values", sa.JSON(), nullable=False),
        big("at_ms"),
        sa.Column("tries", sa.Integer(), nullable=False),
        big("next_ms"),
        big("sent_ms", nullable=True),
        big("given_up_ms", nullable=True),
        text("problem", 200),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_letter_next_ms", "letter", ["next_ms"])


def downgrade() -> None:
    op.drop_table("letter")
    op.drop_table("happened")

"""Sessions whose cost is split between accounts, and which charges are parts of them."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_split",
        text("id", 64),
        text("session", 64),
        sa.Column("shares", sa.JSON(), nullable=False),
        big("instant_ms", nullable=True),
        text("reason", 200),
        text("author", 64),
        big("made_ms"),
        big("undone_ms", nullable=True),
        text("undone_by", 64, nullable=True),
        text("undone_reason", 200),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_session_split_session", "session_split", ["session"])
    op.create_table(
        "charge_part",
        text("charge", 64),
        text("split", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["charge"], ["charge.id"]),
        sa.ForeignKeyConstraint(["split"], ["session_split.id"]),
        sa.PrimaryKeyConstraint("charge"),
    )
    op.create_index("ix_charge_part_split", "charge_part", ["split"])


def downgrade() -> None:
    """Charges stay; what says that some are parts of one is lost, so undo the splits before."""
    op.drop_table("charge_part")
    op.drop_table("session_split")

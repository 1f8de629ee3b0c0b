"""What was out of reach and when the server watched; an index of the alarms that nobody has seen."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "away",
        text("id", 64),
        text("gateway", 32),
        text("machine", 64),
        big("from_ms"),
        big("until_ms", nullable=True),
        text("words", 400),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_away_until", "away", ["until_ms"])
    op.create_table(
        "floor_watched",
        text("id", 64),
        big("from_ms"),
        big("until_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_floor_watched_until_ms", "floor_watched", ["until_ms"])
    only = sa.text("seen_ms IS NULL")
    op.create_index("ix_alarm_unseen", "alarm", ["at_ms"], sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    op.drop_index("ix_alarm_unseen", "alarm")
    op.drop_table("floor_watched")
    op.drop_table("away")

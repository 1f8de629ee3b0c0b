"""What a site knows of the others of its network, who asked to use one, and what home charged for a use."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_known",
        text("site", 16),
        text("name", 200),
        text("address", 500),
        text("commodity", 16),
        text("way", 32, nullable=True),
        big("limit_micro"),
        sa.Column("hours", sa.Integer(), nullable=False),
        text("fee", 64),
        sa.PrimaryKeyConstraint("site"),
    )
    op.add_column("site_pass", big("asked_ms", nullable=True))
    op.add_column("site_pass", text("ended_by", 64, nullable=True))
    for column in (
        text("rate", 64, nullable=True),
        text("home_commodity", 16, nullable=True),
        big("home_micro", nullable=True),
    ):
        op.add_column("site_charge", column)


def downgrade() -> None:
    for column in ("home_micro", "home_commodity", "rate"):
        op.drop_column("site_charge", column)
    op.drop_column("site_pass", "ended_by")
    op.drop_column("site_pass", "asked_ms")
    op.drop_table("site_known")

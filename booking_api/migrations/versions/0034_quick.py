"""An index of what is reserved from now on, which boards ask for at every look."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_reservation_standing", "reservation", ["standing", "blocks_to_ms"])


def downgrade() -> None:
    op.drop_index("ix_reservation_standing", "reservation")

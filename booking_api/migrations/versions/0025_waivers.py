"""Waivers that hold for some machines only."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
COLUMNS = ("machines", "machine_kinds")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("waiver_version", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """A text that held for some machines only holds for all of them."""
    for name in COLUMNS:
        op.drop_column("waiver_version", name)

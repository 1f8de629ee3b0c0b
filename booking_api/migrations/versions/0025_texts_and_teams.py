"""Waivers that hold for some machines only; letters that invite into a team."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import text

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
COLUMNS = ("machines", "machine_kinds")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("waiver_version", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("mailed_link", text("team", 64, nullable=True))
    op.create_index("ix_mailed_link_team", "mailed_link", ["team"])
    op.add_column("registration", text("invitation", 64, nullable=True))


def downgrade() -> None:
    """A text that held for some machines only holds for all of them; invitations into teams are forgotten."""
    op.drop_column("registration", "invitation")
    op.execute("DELETE FROM mailed_link WHERE team IS NOT NULL OR kind = 'team_invitation'")
    op.drop_index("ix_mailed_link_team", "mailed_link")
    op.drop_column("mailed_link", "team")
    for name in COLUMNS:
        op.drop_column("waiver_version", name)

"""What is wired to a gateway, for the Pi that takes its place, and whose signature it accepts."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gateway", sa.Column("server_key", sa.String(44), nullable=False, server_default=""))
    op.create_table(
        "gateway_wiring",
        text("gateway", 32),
        sa.Column("sealed", sa.Text(), nullable=False),
        big("since_ms"),
        big("epoch"),
        big("seq"),
        sa.PrimaryKeyConstraint("gateway"),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
    )


def downgrade() -> None:
    op.drop_table("gateway_wiring")
    op.drop_column("gateway", "server_key")

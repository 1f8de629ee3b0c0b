"""When sessions' ends and alarms came, beside when they happened."""

from alembic import op

from booking_api.migrations.columns import big

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
TABLES = ("machine_session", "alarm")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, big("received_ms", nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "received_ms")

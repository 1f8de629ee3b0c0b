"""The print queue."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "print_job",
        text("id", 64),
        text("member", 64),
        text("account", 64),
        text("machine", 64),
        text("name", 80),
        text("sha256", 64),
        big("size"),
        sa.Column("quantities", sa.JSON(), nullable=False),
        sa.Column("weighed", sa.Boolean(), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        big("price_micro", nullable=True),
        text("commodity", 16),
        sa.Column("tariffs", sa.JSON(), nullable=False),
        text("note", 200),
        big("position"),
        text("state", 32),
        text("session", 64, nullable=True),
        text("words", 400),
        big("created_ms"),
        big("closed_ms", nullable=True),
        text("token_sealed", 200),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("member", "sha256", "state", "session", "closed_ms"):
        op.create_index(f"ix_print_job_{column}", "print_job", [column])
    op.create_index("ix_print_job_queue", "print_job", ["machine", "state"])


def downgrade() -> None:
    op.drop_table("print_job")

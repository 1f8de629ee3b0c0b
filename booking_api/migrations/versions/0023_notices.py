"""What members chose to be told, notices that wait, and who was reminded of what."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_choice",
        text("member", 64),
        text("kind", 32),
        text("way", 32),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("member", "kind"),
    )
    op.create_table(
        "notice_push",
        text("member", 64),
        text("url_sealed", 1000),
        text("scheme", 32),
        big("set_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("member"),
    )
    op.create_table(
        "notice",
        text("id", 64),
        text("what", 32),
        text("member", 64, nullable=True),
        text("way", 32),
        text("title", 200),
        sa.Column("body", sa.Text(), nullable=False),
        big("at_ms"),
        sa.Column("tries", sa.Integer(), nullable=False),
        big("next_ms", nullable=True),
        big("sent_ms", nullable=True),
        big("given_up_ms", nullable=True),
        text("problem", 200),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("member", "next_ms", "sent_ms", "given_up_ms"):
        op.create_index(f"ix_notice_{column}", "notice", [column])
    op.create_table(
        "notice_reminded",
        text("reservation", 64),
        big("begins_ms"),
        sa.PrimaryKeyConstraint("reservation", "begins_ms"),
    )


def downgrade() -> None:
    op.drop_table("notice_reminded")
    op.drop_table("notice")
    op.drop_table("notice_push")
    op.drop_table("notice_choice")

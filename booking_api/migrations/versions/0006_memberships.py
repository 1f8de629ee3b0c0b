"""Memberships that recur, and classes."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
TABLES = (
    "plan_version",
    "membership",
    "membership_pause",
    "membership_bill",
    "membership_grant",
    "course",
    "class_session",
    "class_sign_up",
)


def upgrade() -> None:
    op.create_table(
        "plan_version",
        text("id", 64),
        text("plan", 40),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        text("sha256", 64),
        text("author", 64),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_plan_version_plan", "plan_version", ["plan"])
    _make_membership()
    _make_what_was_billed()
    _make_classes()
    guard("plan_version")


def downgrade() -> None:
    unguard("plan_version")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_membership() -> None:
    op.create_table(
        "membership",
        text("id", 64),
        text("series", 64),
        text("member", 64),
        text("account", 64),
        text("plan", 40),
        text("group", 40),
        big("price_micro", nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("proof_until", sa.Date(), nullable=True),
        big("asked_ms"),
        big("accepted_ms", nullable=True),
        text("accepted_by", 64, nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("series", "member", "account", "plan", "until"):
        op.create_index(f"ix_membership_{column}", "membership", [column])
    op.create_table(
        "membership_pause",
        text("membership", 64),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["membership"], ["membership.id"]),
        sa.PrimaryKeyConstraint("membership", "first"),
    )


def _make_what_was_billed() -> None:
    op.create_table(
        "membership_bill",
        text("membership", 64),
        text("month", 7),
        sa.Column("n", sa.Integer(), nullable=False),
        text("plan_version", 64),
        big("amount_micro"),
        text("charge", 64, nullable=True),
        big("created_ms"),
        sa.ForeignKeyConstraint(["membership"], ["membership.id"]),
        sa.ForeignKeyConstraint(["plan_version"], ["plan_version.id"]),
        sa.ForeignKeyConstraint(["charge"], ["charge.id"]),
        sa.PrimaryKeyConstraint("membership", "month", "n"),
    )
    op.create_table(
        "membership_grant",
        text("series", 64),
        text("month", 7),
        text("commodity", 64),
        text("amount", 100),
        sa.PrimaryKeyConstraint("series", "month", "commodity"),
    )


def _make_classes() -> None:
    op.create_table(
        "course",
        text("id", 40),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("certifies", sa.JSON(), nullable=False),
        sa.Column("valid_months", sa.Integer(), nullable=True),
        sa.Column("cancel_hours", sa.Integer(), nullable=False),
        big("updated_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "class_session",
        text("id", 64),
        text("course", 40),
        text("instructor", 64),
        big("starts_ms"),
        big("ends_ms"),
        sa.Column("capacity", sa.Integer(), nullable=False),
        text("place", 100),
        big("cancelled_ms", nullable=True),
        big("created_ms"),
        sa.ForeignKeyConstraint(["course"], ["course.id"]),
        sa.ForeignKeyConstraint(["instructor"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("course", "instructor", "starts_ms"):
        op.create_index(f"ix_class_session_{column}", "class_session", [column])
    op.create_table(
        "class_sign_up",
        text("id", 64),
        text("session", 64),
        text("member", 64),
        text("state", 32),
        text("charge", 64, nullable=True),
        big("signed_ms"),
        big("changed_ms"),
        sa.ForeignKeyConstraint(["session"], ["class_session.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["charge"], ["charge.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("session", "member"):
        op.create_index(f"ix_class_sign_up_{column}", "class_sign_up", [column])

"""People: emergency contacts, minors, suspensions, households, waivers, registrations, imports."""

import sqlalchemy as sa
from alembic import op

from booking_api.members.names import search_key, sort_key
from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
SORT = sa.String(300).with_variant(sa.String(300, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("roster_state", sa.Column("day", sa.String(10), nullable=False, server_default=""))
    op.add_column("member", big("suspended_until_ms", nullable=True))
    op.add_column("member", big("erased_ms", nullable=True))
    op.add_column("member", sa.Column("sort", SORT, nullable=False, server_default=""))
    op.add_column("member", sa.Column("search", sa.Text(), nullable=False, server_default=""))
    _write_keys()
    op.create_index("ix_member_sort", "member", ["sort"])
    _members()
    _waivers()
    _households()
    _registrations()


def downgrade() -> None:
    unguard("waiver_version")
    for table in (
        "registration", "household_member", "household", "waiver_signature", "waiver_version",
        "member_import", "suspension", "member_care",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_member_sort", "member")
    for column in ("search", "sort", "erased_ms", "suspended_until_ms"):
        op.drop_column("member", column)
    op.drop_column("roster_state", "day")


def _write_keys() -> None:
    """Say of the members that there are how they are sorted and found, and keep why some are suspended."""
    connection = op.get_bind()
    names = sa.text("SELECT id, first_name, last_name, shown_name, number, email FROM member")
    rows = [
        {"id": id, "sort": sort_key(last, first), "search": search_key(first, last, shown, number, email)}
        for id, first, last, shown, number, email in connection.execute(names)
    ]
    if rows:
        connection.execute(sa.text("UPDATE member SET sort = :sort, search = :search WHERE id = :id"), rows)


def _members() -> None:
    op.create_table(
        "member_care",
        text("member", 64),
        text("phone", 40),
        text("emergency_name", 100),
        text("emergency_phone", 40),
        text("emergency_note", 200),
        sa.Column("minor_until", sa.Date(), nullable=True),
        text("guardian", 64, nullable=True),
        text("guardian_name", 100),
        text("guardian_contact", 254),
        sa.PrimaryKeyConstraint("member"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["guardian"], ["member.id"]),
    )
    op.create_index("ix_member_care_minor_until", "member_care", ["minor_until"])
    op.create_table(
        "suspension",
        text("id", 64),
        text("member", 64),
        text("reason", 200),
        text("by", 64),
        big("at_ms"),
        big("until_ms", nullable=True),
        big("ended_ms", nullable=True),
        text("ended_by", 64),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
    )
    op.create_index("ix_suspension_member", "suspension", ["member"])
    op.execute(
        "INSERT INTO suspension (id, member, reason, by, at_ms, ended_by) "
        "SELECT id, id, suspended_reason, '', created_ms, '' FROM member WHERE suspended_reason IS NOT NULL"
    )
    op.create_table(
        "member_import",
        text("id", 64),
        text("author", 64),
        text("name", 200),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_member_import_author", "member_import", ["author"])


def _waivers() -> None:
    op.create_table(
        "waiver_version",
        text("id", 64),
        text("kind", 40),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        text("sha256", 64),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("minors_only", sa.Boolean(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        text("author", 64),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_waiver_version_kind", "waiver_version", ["kind"])
    op.create_table(
        "waiver_signature",
        text("id", 64),
        text("member", 64),
        text("version", 64),
        text("kind", 40),
        sa.Column("n", sa.Integer(), nullable=False),
        text("how", 32),
        text("name", 200),
        text("guardian", 200),
        text("language", 8),
        text("sha256", 64),
        text("by", 64),
        big("at_ms"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["version"], ["waiver_version.id"]),
    )
    op.create_index("ix_waiver_signature_member", "waiver_signature", ["member"])
    op.create_index("ix_waiver_signature_kind", "waiver_signature", ["kind"])
    guard("waiver_version")


def _households() -> None:
    op.create_table(
        "household",
        text("id", 64),
        text("name", 100),
        text("account", 64, nullable=True),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["account"], ["account.id"]),
    )
    op.create_table(
        "household_member",
        text("member", 64),
        text("household", 64),
        sa.PrimaryKeyConstraint("member"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["household"], ["household.id"]),
    )
    op.create_index("ix_household_member_household", "household_member", ["household"])


def _registrations() -> None:
    op.create_table(
        "registration",
        text("id", 64),
        text("state", 32),
        text("first_name", 100),
        text("last_name", 100),
        text("shown_name", 100),
        text("email", 254),
        text("language", 8),
        text("phone", 40),
        text("plan", 40),
        text("note", 1000),
        sa.Column("minor_until", sa.Date(), nullable=True),
        text("guardian_name", 100),
        text("guardian_contact", 254),
        sa.Column("signed", sa.JSON(), nullable=False),
        text("token_hash", 64),
        big("written_ms"),
        big("confirmed_ms", nullable=True),
        big("decided_ms", nullable=True),
        text("decided_by", 64, nullable=True),
        text("reason", 400),
        text("member", 64, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
    )
    for column in ("state", "email", "member"):
        op.create_index(f"ix_registration_{column}", "registration", [column])

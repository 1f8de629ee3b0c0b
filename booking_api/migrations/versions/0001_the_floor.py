"""The floor: gateways, members, badges, machines, journals, sessions."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
TABLES = (
    "alarm",
    "gateway",
    "job",
    "machine_session",
    "member",
    "refusal",
    "roster_change",
    "roster_state",
    "session_reading",
    "badge",
    "boot_clock",
    "credit_slice",
    "journal_head",
    "journal_quarantine",
    "journal_record",
    "machine",
    "certification",
)


def upgrade() -> None:
    _make_alarm()
    _make_gateway()
    _make_job()
    _make_machine_session()
    _make_member()
    _make_refusal()
    _make_roster_change()
    _make_roster_state()
    _make_session_reading()
    _make_badge()
    _make_boot_clock()
    _make_credit_slice()
    _make_journal_head()
    _make_journal_quarantine()
    _make_journal_record()
    _make_machine()
    _make_certification()
    op.execute("INSERT INTO roster_state (id, epoch, n) VALUES (1, 1, 0)")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_alarm() -> None:
    op.create_table(
        "alarm",
        text("gateway", 32),
        big("epoch"),
        big("seq"),
        text("machine", 64, nullable=True),
        text("code", 64),
        text("words", 400),
        big("at_ms"),
        big("seen_ms", nullable=True),
        text("seen_by", 64, nullable=True),
        sa.PrimaryKeyConstraint("gateway", "epoch", "seq"),
    )
    op.create_index("ix_alarm_at_ms", "alarm", ["at_ms"])
    op.create_index("ix_alarm_machine", "alarm", ["machine"])


def _make_gateway() -> None:
    op.create_table(
        "gateway",
        text("name", 32),
        text("broker_username", 64),
        text("broker_password_sealed", 200),
        text("badge_key_sealed", 200),
        big("enrolled_ms"),
        big("last_seen_ms", nullable=True),
        text("software", 400),
        text("boot_id", 64),
        big("quarantined_ms", nullable=True),
        big("roster_epoch"),
        big("roster_n"),
        big("roster_confirmed_n"),
        big("roster_change"),
        sa.PrimaryKeyConstraint("name"),
    )


def _make_job() -> None:
    op.create_table(
        "job",
        text("gateway", 32),
        big("epoch"),
        big("seq"),
        text("session", 64, nullable=True),
        text("machine", 64),
        text("name", 400),
        text("outcome", 32),
        big("job_time_ms"),
        sa.Column("counters", sa.JSON(), nullable=False),
        text("user", 400),
        big("at_ms"),
        sa.PrimaryKeyConstraint("gateway", "epoch", "seq"),
    )
    op.create_index("ix_job_machine", "job", ["machine"])
    op.create_index("ix_job_session", "job", ["session"])


def _make_machine_session() -> None:
    op.create_table(
        "machine_session",
        text("id", 64),
        text("gateway", 32),
        text("machine", 64),
        text("member", 64),
        text("account", 64),
        text("tier", 64),
        text("badge", 64),
        text("boot_id", 64),
        text("state", 32),
        text("exception", 400),
        big("started_ms"),
        big("start_monotonic_ms"),
        big("clock_error_ms", nullable=True),
        big("held_ms", nullable=True),
        big("ended_ms", nullable=True),
        big("elapsed_ms"),
        text("stop_type", 32, nullable=True),
        text("words", 400),
        sa.Column("counters", sa.JSON(), nullable=False),
        big("limit_micro", nullable=True),
        sa.Column("late_journal", sa.Boolean(), nullable=False),
        text("tariff_version", 100, nullable=True),
        text("commodity", 16, nullable=True),
        big("total_micro", nullable=True),
        text("entry", 64, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_machine_session_account", "machine_session", ["account"])
    op.create_index("ix_machine_session_ended_ms", "machine_session", ["ended_ms"])
    op.create_index("ix_machine_session_gateway", "machine_session", ["gateway"])
    op.create_index("ix_machine_session_machine", "machine_session", ["machine"])
    op.create_index("ix_machine_session_member", "machine_session", ["member"])
    op.create_index("ix_machine_session_started_ms", "machine_session", ["started_ms"])
    op.create_index("ix_machine_session_state", "machine_session", ["state"])


def _make_member() -> None:
    op.create_table(
        "member",
        text("id", 64),
        text("number", 32),
        text("first_name", 100),
        text("last_name", 100),
        text("shown_name", 100),
        text("email", 254, nullable=True),
        text("tier", 64),
        text("language", 8),
        text("role", 32),
        big("valid_until_ms", nullable=True),
        text("suspended_reason", 200, nullable=True),
        text("account", 64),
        big("credit_limit_micro", nullable=True),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_member_account", "member", ["account"])


def _make_refusal() -> None:
    op.create_table(
        "refusal",
        text("gateway", 32),
        big("epoch"),
        big("seq"),
        text("machine", 64),
        text("member", 64, nullable=True),
        text("badge", 64),
        text("reason", 32),
        big("at_ms"),
        sa.PrimaryKeyConstraint("gateway", "epoch", "seq"),
    )
    op.create_index("ix_refusal_at_ms", "refusal", ["at_ms"])
    op.create_index("ix_refusal_machine", "refusal", ["machine"])
    op.create_index("ix_refusal_member", "refusal", ["member"])


def _make_roster_change() -> None:
    op.create_table(
        "roster_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        text("subject", 8),
        text("ref", 64),
        big("at_ms"),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_roster_state() -> None:
    op.create_table(
        "roster_state",
        sa.Column("id", sa.Integer(), nullable=False),
        big("epoch"),
        big("n"),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_session_reading() -> None:
    op.create_table(
        "session_reading",
        text("session", 64),
        big("epoch"),
        big("seq"),
        big("elapsed_ms"),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("session", "epoch", "seq"),
    )


def _make_badge() -> None:
    op.create_table(
        "badge",
        text("id", 64),
        text("member", 64),
        text("uid_sealed", 200),
        text("uid_lookup", 64),
        text("kind", 32),
        text("label", 100),
        big("lost_ms", nullable=True),
        big("enrolled_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid_lookup"),
    )
    op.create_index("ix_badge_member", "badge", ["member"])


def _make_boot_clock() -> None:
    op.create_table(
        "boot_clock",
        text("gateway", 32),
        text("boot_id", 64),
        big("offset_ms"),
        big("clock_error_ms"),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
        sa.PrimaryKeyConstraint("gateway", "boot_id"),
    )


def _make_credit_slice() -> None:
    op.create_table(
        "credit_slice",
        text("gateway", 32),
        text("account", 64),
        big("issued_micro"),
        big("issued_n"),
        big("held_micro"),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
        sa.PrimaryKeyConstraint("gateway", "account"),
    )
    op.create_index("ix_credit_slice_account", "credit_slice", ["account"])


def _make_journal_head() -> None:
    op.create_table(
        "journal_head",
        text("gateway", 32),
        big("epoch"),
        big("seq"),
        text("hash", 64),
        sa.Column("quarantined", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
        sa.PrimaryKeyConstraint("gateway", "epoch"),
    )


def _make_journal_quarantine() -> None:
    op.create_table(
        "journal_quarantine",
        text("gateway", 32),
        big("epoch"),
        big("seq"),
        text("hash", 64),
        text("problem", 200),
        sa.Column("body", sa.Text(), nullable=False),
        big("received_ms"),
        big("resolved_ms", nullable=True),
        text("resolved_by", 64, nullable=True),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
        sa.PrimaryKeyConstraint("gateway", "epoch", "seq", "hash"),
    )


def _make_journal_record() -> None:
    op.create_table(
        "journal_record",
        text("gateway", 32),
        big("epoch"),
        big("seq"),
        text("hash", 64),
        text("kind", 32),
        sa.Column("body", sa.Text(), nullable=False),
        big("recorded_ms"),
        big("clock_error_ms", nullable=True),
        big("monotonic_ms"),
        text("boot_id", 64),
        big("received_ms"),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
        sa.PrimaryKeyConstraint("gateway", "epoch", "seq"),
    )


def _make_machine() -> None:
    op.create_table(
        "machine",
        text("id", 64),
        text("name", 100),
        text("kind", 32),
        text("gateway", 32, nullable=True),
        text("location", 100),
        sa.Column("policy", sa.JSON(), nullable=False),
        text("tariff", 64, nullable=True),
        sa.Column("requires_certification", sa.Boolean(), nullable=False),
        text("lockout_reason", 400, nullable=True),
        text("lockout_by", 64, nullable=True),
        big("lockout_ms", nullable=True),
        big("archived_ms", nullable=True),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_machine_gateway", "machine", ["gateway"])


def _make_certification() -> None:
    op.create_table(
        "certification",
        text("member", 64),
        text("machine", 64),
        text("granted_by", 64),
        big("granted_ms"),
        big("expires_ms", nullable=True),
        big("revoked_ms", nullable=True),
        text("revoked_by", 64, nullable=True),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("member", "machine"),
    )
    op.create_index("ix_certification_machine", "certification", ["machine"])

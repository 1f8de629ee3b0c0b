"""Passkeys, second factors, single sign-on, letters with links, and counters that all workers share.

Whoever is signed in signs in again: their sessions say nothing of how they began.
"""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
OF_MEMBERS = ("passkey", "second_factor", "recovery_code", "linked_identity", "mailed_link", "ceremony")


def upgrade() -> None:
    op.drop_table("browser_session")
    _make_browser_session()
    op.add_column("api_token", big("used_ms", nullable=True))
    op.add_column("api_token", big("warned_ms", nullable=True))
    _make_passkey()
    _make_second_factor()
    _make_linked_identity()
    _make_mailed_link()
    _make_ceremony()
    op.create_table(
        "throttled", text("key", 64), big("begun_ms"), _whole("tries"), sa.PrimaryKeyConstraint("key")
    )
    op.create_index("ix_throttled_begun_ms", "throttled", ["begun_ms"])


def downgrade() -> None:
    op.drop_table("throttled")
    for table in reversed(OF_MEMBERS):
        op.drop_table(table)
    op.drop_column("api_token", "warned_ms")
    op.drop_column("api_token", "used_ms")
    op.drop_table("browser_session")
    op.create_table(
        "browser_session",
        text("token_hash", 64),
        text("member", 64),
        text("csrf", 64),
        big("created_ms"),
        big("expires_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("ix_browser_session_expires_ms", "browser_session", ["expires_ms"])
    op.create_index("ix_browser_session_member", "browser_session", ["member"])


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _make_browser_session() -> None:
    op.create_table(
        "browser_session",
        text("id", 64),
        text("token_hash", 64),
        text("previous_hash", 64, nullable=True),
        text("member", 64),
        text("csrf", 64),
        text("role", 32),
        text("how", 16),
        sa.Column("second", sa.Boolean(), nullable=False),
        text("device", 80),
        big("created_ms"),
        big("seen_ms"),
        big("renewed_ms"),
        big("expires_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_browser_session_token_hash", "browser_session", ["token_hash"], unique=True)
    for column in ("previous_hash", "member", "expires_ms"):
        op.create_index(f"ix_browser_session_{column}", "browser_session", [column])


def _make_passkey() -> None:
    op.create_table(
        "passkey",
        text("id", 64),
        text("member", 64),
        text("credential", 1400),
        text("public_key", 2000),
        big("sign_count"),
        text("name", 100),
        big("created_ms"),
        big("used_ms", nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_passkey_credential", "passkey", ["credential"], unique=True)
    op.create_index("ix_passkey_member", "passkey", ["member"])


def _make_second_factor() -> None:
    op.create_table(
        "second_factor",
        text("member", 64),
        text("sealed", 200, nullable=True),
        text("pending", 200, nullable=True),
        big("last_step"),
        big("asked_ms", nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("member"),
    )
    op.create_table(
        "recovery_code",
        text("code_hash", 64),
        text("member", 64),
        big("used_ms", nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    op.create_index("ix_recovery_code_member", "recovery_code", ["member"])


def _make_linked_identity() -> None:
    op.create_table(
        "linked_identity",
        text("provider", 32),
        text("subject", 255),
        text("member", 64),
        text("email", 254),
        big("created_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("provider", "subject"),
    )
    op.create_index("ix_linked_identity_member", "linked_identity", ["member"])


def _make_mailed_link() -> None:
    op.create_table(
        "mailed_link",
        text("id", 64),
        text("token_hash", 64),
        text("kind", 32),
        text("member", 64, nullable=True),
        text("email", 254),
        text("role", 32),
        text("author", 64),
        big("created_ms"),
        big("expires_ms"),
        big("used_ms", nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mailed_link_token_hash", "mailed_link", ["token_hash"], unique=True)
    op.create_index("ix_mailed_link_member", "mailed_link", ["member"])


def _make_ceremony() -> None:
    op.create_table(
        "ceremony",
        text("token_hash", 64),
        text("kind", 16),
        text("member", 64, nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        _whole("tries"),
        big("expires_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("ix_ceremony_member", "ceremony", ["member"])
    op.create_index("ix_ceremony_expires_ms", "ceremony", ["expires_ms"])

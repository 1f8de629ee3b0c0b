"""Sign-in: credentials, browser sessions, tokens."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
TABLES = ("idempotent_answer", "api_token", "browser_session", "credential")


def upgrade() -> None:
    _make_idempotent_answer()
    _make_api_token()
    _make_browser_session()
    _make_credential()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_idempotent_answer() -> None:
    op.create_table(
        "idempotent_answer",
        text("author", 64),
        text("key", 100),
        text("request_hash", 64),
        sa.Column("body", sa.String(), nullable=False),
        big("created_ms"),
        sa.PrimaryKeyConstraint("author", "key"),
    )
    op.create_index("ix_idempotent_answer_created_ms", "idempotent_answer", ["created_ms"])


def _make_api_token() -> None:
    op.create_table(
        "api_token",
        text("id", 64),
        text("token_hash", 64),
        text("member", 64),
        text("name", 100),
        text("scopes", 1000),
        big("created_ms"),
        big("expires_ms", nullable=True),
        big("revoked_ms", nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_api_token_member", "api_token", ["member"])
    op.create_index("ix_api_token_token_hash", "api_token", ["token_hash"], unique=True)


def _make_browser_session() -> None:
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


def _make_credential() -> None:
    op.create_table(
        "credential",
        text("member", 64),
        text("login", 200),
        text("password_hash", 400),
        big("changed_ms"),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("member"),
    )
    op.create_index("ix_credential_login", "credential", ["login"], unique=True)

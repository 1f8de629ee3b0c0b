"""Indexes for what pages ask: the reversal of an entry, and the few sessions that are open.

The index of reversals is of those alone: with all entries in it, most of them without, SQLite would not use
it. Of states it could not choose that by `state` either, as nearly all are of one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    only = sa.text("reverses IS NOT NULL")
    op.create_index(
        "ix_ledger_entry_reverses", "ledger_entry", ["reverses"], sqlite_where=only, postgresql_where=only
    )
    op.drop_index("ix_machine_session_state", "machine_session")
    op.create_index("ix_machine_session_state", "machine_session", ["state", "started_ms", "id"])


def downgrade() -> None:
    op.drop_index("ix_machine_session_state", "machine_session")
    op.create_index("ix_machine_session_state", "machine_session", ["state"])
    op.drop_index("ix_ledger_entry_reverses", "ledger_entry")

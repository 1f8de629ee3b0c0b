"""What an entry reverses is found by an index: what is overdue asks for it once an account.

The index is of reversals alone: with all entries in it, most of them without, SQLite would not use it.
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


def downgrade() -> None:
    op.drop_index("ix_ledger_entry_reverses", "ledger_entry")

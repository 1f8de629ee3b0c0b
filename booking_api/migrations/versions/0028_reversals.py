"""What an entry reverses is found by an index: what is overdue asks for it once an account."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_ledger_entry_reverses", "ledger_entry", ["reverses"])


def downgrade() -> None:
    op.drop_index("ix_ledger_entry_reverses", "ledger_entry")

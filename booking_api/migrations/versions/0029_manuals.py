"""A machine's manual, notes on safety and materials, and whether members chose what others see of them."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Machines have none yet."""
    op.add_column("machine", sa.Column("manual", sa.String(500), nullable=False, server_default=""))
    for name in ("notes_en", "notes_zh"):
        op.add_column("machine", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "member", sa.Column("shown_chosen", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Links and notes are lost."""
    op.drop_column("member", "shown_chosen")
    for name in ("notes_zh", "notes_en", "manual"):
        op.drop_column("machine", name)

"""What stands on no invoice, summed up by account and month, so that no page reads a year of postings."""

import sqlalchemy as sa
from alembic import context, op

from booking_api.documents.gather import KINDS
from booking_api.migrations.columns import big, text
from booking_api.periods.calendar import month_at

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None
QUARTER_MS = 900_000
"""No time zone's month begins within a quarter of an hour."""
SUMS = f"""
SELECT substr(p.account, 15) AS account, p.commodity, e.occurred_ms / {QUARTER_MS} AS quarter,
    COUNT(DISTINCT e.id), SUM(p.amount_micro)
FROM ledger_posting p
JOIN ledger_entry e ON e.id = p.entry
LEFT JOIN ledger_entry r ON r.id = e.reverses
LEFT JOIN invoice_item i
    ON i.entry = e.id AND i.account = substr(p.account, 15) AND i.commodity = p.commodity
WHERE p.account LIKE 'assets:member:%' AND i.entry IS NULL
    AND (e.kind IN :kinds OR (e.kind = 'reversal' AND r.kind IN :kinds))
GROUP BY substr(p.account, 15), p.commodity, e.occurred_ms / {QUARTER_MS}
"""


def upgrade() -> None:
    made = op.create_table(
        "invoice_waiting",
        text("account", 200),
        text("commodity", 200),
        text("month", 7),
        big("entries"),
        big("amount_micro"),
        sa.PrimaryKeyConstraint("account", "commodity", "month"),
    )
    zone = context.config.attributes["zone"]
    query = sa.text(SUMS).bindparams(sa.bindparam("kinds", sorted(KINDS), expanding=True))
    sums: dict[tuple[str, str, str], list[int]] = {}
    for account, commodity, quarter, entries, micro in op.get_bind().execute(query):
        kept = sums.setdefault((account, commodity, month_at(quarter * QUARTER_MS, zone)), [0, 0])
        kept[0] += entries
        kept[1] += int(micro)
    names = ("account", "commodity", "month", "entries", "amount_micro")
    op.bulk_insert(made, [dict(zip(names, (*key, *kept), strict=True)) for key, kept in sums.items()])


def downgrade() -> None:
    op.drop_table("invoice_waiting")

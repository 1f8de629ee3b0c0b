"""Charges, fees, what later charges depend on, and lots of allowances."""

from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
TABLES = ("fee", "charge", "account_history", "allowance_lot")
REBUILT = ("charge_line", "ledger_posting", "tariff_version")
CHARGE = (
    *("id", "entry", "session", "occasion", "account", "member", "machine", "month", "period", "ended_ms"),
    *("tariff_version", "tier", "commodity", "gross_micro", "rounding_micro", "total_micro", "replaced_ms"),
    "priced_ms",
)
TABLES_OF = ("taxes", "nets", "funds", "unfunded")
LINES = "tariff_version, tier, component, unit, metered, billed, price_micro, amount_micro, bound"


def upgrade() -> None:
    _make_fee()
    _make_charge()
    op.create_table(
        "account_history",
        text("account", 64),
        text("month", 7),
        big("ended_ms"),
        text("visit", 64),
        sa.Column("positions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account", "month"),
    )
    _make_allowance_lot()
    unguard(*REBUILT)  # what a trigger of SQLite speaks of must stand while a table is renamed
    _charges_of_sessions()
    _lines_of_charges()
    _commodities(200)
    op.drop_column("machine_session", "entry")
    guard("charge", *REBUILT)


def downgrade() -> None:
    unguard("charge", *REBUILT)
    op.add_column("machine_session", text("entry", 64, nullable=True))
    live = "SELECT MIN(entry) FROM charge WHERE session = machine_session.id AND replaced_ms IS NULL"
    op.execute(f"UPDATE machine_session SET entry = ({live})")
    _commodities(16)
    _lines_of_sessions()
    for table in reversed(TABLES):
        op.drop_table(table)
    guard(*REBUILT)


def _charges_of_sessions() -> None:
    """Make a charge of each session that was billed; its id is the session's."""
    connection, zone = op.get_bind(), op.get_context().opts["zone"]
    billed = sa.text(
        "SELECT s.id, s.entry, s.account, s.member, s.machine, s.ended_ms, s.tariff_version, s.tier, "
        "s.commodity, s.total_micro, (SELECT COALESCE(SUM(l.amount_micro), 0) FROM charge_line l "
        "WHERE l.session = s.id) AS gross_micro, (SELECT MIN(r.posted_ms) FROM ledger_entry r "
        "WHERE r.reverses = s.entry) AS replaced_ms, e.posted_ms FROM machine_session s "
        "LEFT JOIN ledger_entry e ON e.id = s.entry WHERE s.tariff_version IS NOT NULL ORDER BY s.id"
    )
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in CHARGE]
    columns += [sa.column(name, sa.JSON()) for name in TABLES_OF]
    charge = sa.table("charge", *columns)
    rows = connection.execute(billed).mappings()
    while some := rows.fetchmany(1_000):
        connection.execute(charge.insert(), [_charge(row, zone) for row in some])


def _charge(row: Any, zone: tzinfo) -> dict[str, Any]:
    month = f"{datetime.fromtimestamp(row['ended_ms'] / 1000, UTC).astimezone(zone):%Y-%m}"
    copied = {key: row[key] for key in row if key not in ("id", "posted_ms")}
    return {
        **copied,
        "id": row["id"],
        "session": row["id"],
        "occasion": "session",
        "month": month,
        "period": month,
        "priced_ms": row["posted_ms"] or row["ended_ms"],
        "rounding_micro": row["total_micro"] - row["gross_micro"],
        **{name: {} for name in TABLES_OF},
    }


def _lines_of_charges() -> None:
    op.rename_table("charge_line", "charge_line_before")
    for index in ("entry", "tariff_version"):
        op.drop_index(f"ix_charge_line_{index}")
    op.create_table(
        "charge_line",
        text("charge", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("session", 64, nullable=True),
        text("tariff_version", 100),
        text("tier", 64),
        text("component", 100),
        text("unit", 64),
        text("window", 100),
        text("metered", 100),
        text("billed", 100),
        text("price_micro", 100),
        big("amount_micro"),
        text("bound", 16),
        sa.ForeignKeyConstraint(["charge"], ["charge.id"]),
        sa.ForeignKeyConstraint(["tariff_version"], ["tariff_version.id"]),
        sa.PrimaryKeyConstraint("charge", "n"),
    )
    op.execute(
        f'INSERT INTO charge_line (charge, n, session, "window", {LINES}) '
        f"SELECT session, n, session, '', {LINES} FROM charge_line_before"
    )
    op.drop_table("charge_line_before")
    for index in ("session", "tariff_version"):
        op.create_index(f"ix_charge_line_{index}", "charge_line", [index])


def _lines_of_sessions() -> None:
    """Give the lines back to their sessions; those of fees and of replaced charges had no place before."""
    op.rename_table("charge_line", "charge_line_after")
    for index in ("session", "tariff_version"):
        op.drop_index(f"ix_charge_line_{index}")
    op.create_table(
        "charge_line",
        text("session", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("entry", 64, nullable=True),
        text("tariff_version", 100),
        text("tier", 64),
        text("component", 100),
        text("unit", 16),
        text("metered", 100),
        text("billed", 100),
        text("price_micro", 100),
        big("amount_micro"),
        text("bound", 16),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["tariff_version"], ["tariff_version.id"]),
        sa.PrimaryKeyConstraint("session", "n"),
    )
    lines = ", ".join(f"l.{name}" for name in LINES.split(", "))
    op.execute(
        f"INSERT INTO charge_line (session, n, entry, {LINES}) SELECT l.session, "
        f"ROW_NUMBER() OVER (PARTITION BY l.session ORDER BY c.period, c.id, l.n), c.entry, {lines} "
        "FROM charge_line_after l JOIN charge c ON c.id = l.charge "
        "WHERE l.session IS NOT NULL AND c.replaced_ms IS NULL"
    )
    op.drop_table("charge_line_after")
    for index in ("entry", "tariff_version"):
        op.create_index(f"ix_charge_line_{index}", "charge_line", [index])


def _commodities(length: int) -> None:
    """Let postings and balances carry the name of an allowance, or no longer."""
    for table in ("ledger_posting", "account_balance"):
        with op.batch_alter_table(table) as batch:
            batch.alter_column("commodity", existing_type=sa.String(), type_=sa.String(length))


def _make_fee() -> None:
    op.create_table(
        "fee",
        text("id", 64),
        text("occasion", 32),
        text("account", 64),
        text("member", 64),
        text("tier", 64),
        text("tariff", 64),
        text("machine", 64, nullable=True),
        big("from_ms"),
        big("to_ms"),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("used", sa.JSON(), nullable=False),
        text("coupon", 32),
        big("credit_micro"),
        text("pack", 64),
        text("words", 200),
        text("source", 200),
        text("author", 64),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source"),
    )
    for column in ("account", "member", "to_ms"):
        op.create_index(f"ix_fee_{column}", "fee", [column])


def _make_charge() -> None:
    op.create_table(
        "charge",
        text("id", 64),
        text("entry", 64, nullable=True),
        text("session", 64, nullable=True),
        text("fee", 64, nullable=True),
        text("occasion", 32),
        text("account", 64),
        text("member", 64),
        text("machine", 64, nullable=True),
        text("month", 7),
        text("period", 7),
        big("ended_ms"),
        text("tariff_version", 100),
        text("tier", 64),
        text("commodity", 16),
        big("gross_micro"),
        sa.Column("taxes", sa.JSON(), nullable=False),
        sa.Column("nets", sa.JSON(), nullable=False),
        big("rounding_micro"),
        big("total_micro"),
        sa.Column("funds", sa.JSON(), nullable=False),
        sa.Column("unfunded", sa.JSON(), nullable=False),
        big("priced_ms"),
        sa.Column("since", sa.Date(), nullable=True),
        big("replaced_ms", nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["fee"], ["fee.id"]),
        sa.ForeignKeyConstraint(["tariff_version"], ["tariff_version.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("entry", "session", "fee", "account", "member", "machine", "month", "ended_ms"):
        op.create_index(f"ix_charge_{column}", "charge", [column])


def _make_allowance_lot() -> None:
    op.create_table(
        "allowance_lot",
        text("id", 64),
        text("account", 64),
        text("commodity", 200),
        big("size_micro"),
        big("granted_ms"),
        big("expires_ms", nullable=True),
        sa.Column("transferable", sa.Boolean(), nullable=False),
        text("origin", 200),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("origin"),
    )
    for column in ("account", "commodity", "expires_ms"):
        op.create_index(f"ix_allowance_lot_{column}", "allowance_lot", [column])

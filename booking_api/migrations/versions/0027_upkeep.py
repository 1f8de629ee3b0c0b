"""Maintenance plans and their counts, work orders with notes, photos and parts, times out of order."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
JSON = sa.JSON()


def upgrade() -> None:
    """What machines did is counted from their sessions; who is out of order now is so since its lockout."""
    _make_plans()
    _make_orders()
    _count_use()
    _take_over_lockouts()


def downgrade() -> None:
    """Work orders, their photos and what was counted are lost."""
    for table in ("work_part", "work_photo", "work_note", "work_order", "machine_downtime", "machine_use"):
        op.drop_table(table)
    op.drop_table("maintenance_count")
    op.drop_table("maintenance_plan")


def _make_plans() -> None:
    op.create_table(
        "maintenance_plan",
        text("id", 64),
        *(sa.Column(name, JSON, nullable=False) for name in ("names", "texts", "machines", "kinds", "every")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("soon_percent", "grace_percent")),
        text("when_overdue", 32),
        sa.Column("alarms", JSON, nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        big("updated_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "maintenance_count",
        text("plan", 64),
        text("machine", 64),
        big("since_ms"),
        sa.Column("totals", JSON, nullable=False),
        text("done_by", 64),
        big("told_ms", nullable=True),
        big("locked_ms", nullable=True),
        sa.ForeignKeyConstraint(["plan"], ["maintenance_plan.id"]),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.PrimaryKeyConstraint("plan", "machine"),
    )
    op.create_table(
        "machine_use",
        text("machine", 64),
        text("day", 10),
        sa.Column("totals", JSON, nullable=False),
        sa.PrimaryKeyConstraint("machine", "day"),
    )
    op.create_table(
        "machine_downtime",
        text("id", 64),
        text("machine", 64),
        big("from_ms"),
        big("until_ms", nullable=True),
        text("reason", 400),
        text("cleared", 400),
        text("work_order", 64, nullable=True),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_machine_downtime_machine", "machine_downtime", ["machine"])


def _make_orders() -> None:
    op.create_table(
        "work_order",
        text("id", 64),
        sa.Column("n", sa.Integer(), nullable=False),
        text("machine", 64),
        text("source", 32),
        text("state", 32),
        text("title", 200),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        text("plan", 64, nullable=True),
        text("alarm", 100, nullable=True),
        text("member", 64, nullable=True),
        text("assignee", 64, nullable=True),
        big("opened_ms"),
        big("begun_ms", nullable=True),
        big("closed_ms", nullable=True),
        text("closed_by", 64, nullable=True),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.ForeignKeyConstraint(["plan"], ["maintenance_plan.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("n"),
        sa.UniqueConstraint("alarm"),
    )
    op.create_index("ix_work_order_open", "work_order", ["state", "machine"])
    for column in ("machine", "member"):
        op.create_index(f"ix_work_order_{column}", "work_order", [column])
    _make_part_of_order("work_note", text("words", 2_000), text("change", 32))
    numbers = [sa.Column(name, sa.Integer(), nullable=False) for name in ("size", "width", "height")]
    _make_part_of_order("work_photo", text("sha256", 64), text("media_type", 32), *numbers)
    item = sa.ForeignKeyConstraint(["item"], ["sale_item.id"])
    _make_part_of_order("work_part", text("item", 64), big("quantity_milli"), item)


def _make_part_of_order(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        text("id", 64),
        text("work_order", 64),
        text("author", 64),
        big("at_ms"),
        *columns,
        sa.ForeignKeyConstraint(["work_order"], ["work_order.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(f"ix_{name}_work_order", name, ["work_order"])


def _count_use() -> None:
    session = sa.table(
        "machine_session",
        sa.column("machine"),
        sa.column("ended_ms"),
        sa.column("elapsed_ms"),
        sa.column("counters", JSON),
    )
    ended = sa.select(session).where(session.c.ended_ms.is_not(None))
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for machine, ended_ms, elapsed_ms, counters in op.get_bind().execute(ended):
        day = datetime.fromtimestamp(ended_ms / 1000, UTC).date().isoformat()
        for key in ("", day):
            totals = found[machine, key]
            for name, amount in ({"session_time_ms": elapsed_ms} | counters).items():
                totals[name] = totals.get(name, 0) + amount
    columns: list[sa.ColumnClause[Any]] = [sa.column("machine"), sa.column("day"), sa.column("totals", JSON)]
    use = sa.table("machine_use", *columns)
    rows: list[dict[str, Any]] = [
        {"machine": machine, "day": day, "totals": totals} for (machine, day), totals in found.items()
    ]
    if rows:
        op.bulk_insert(use, rows)


def _take_over_lockouts() -> None:
    op.execute(
        sa.text(
            "INSERT INTO machine_downtime (id, machine, from_ms, reason, cleared, planned)"
            " SELECT id, id, lockout_ms, lockout_reason, '', false FROM machine"
            " WHERE lockout_reason IS NOT NULL AND lockout_ms IS NOT NULL"
        )
    )

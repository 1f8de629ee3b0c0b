"""Skills, which machines ask for; certifications of skills; quizzes; who waits for a place in a class."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None
JSON = sa.JSON()
KEPT = ("member", "granted_by", "granted_ms", "expires_ms", "revoked_ms", "revoked_by")
NEW_COLUMNS = (
    ("machine", "requires", JSON, True, None),
    ("course", "requires", JSON, True, None),
    ("course", "machines", JSON, False, "[]"),
    ("course", "opens_machines", sa.Boolean(), False, sa.false()),
    ("course", "offer_hours", sa.Integer(), False, "24"),
)


def upgrade() -> None:
    """Each machine that somebody is certified for, or that asks for it, becomes a skill of its own id."""
    for table, name, kind, nullable, default in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=nullable, server_default=default))
    _make_skill()
    held = _certifications("machine")
    op.drop_index("ix_certification_machine", "certification")
    op.drop_table("certification")
    _make_certification("skill")
    _insert("skill", held)
    _make_quiz_try()
    _make_class_waiting()
    op.create_index("ix_machine_session_used", "machine_session", ["machine", "member", "ended_ms"])


def downgrade() -> None:
    """Skills of a machine's own id stay certifications; those of others are lost."""
    op.drop_index("ix_machine_session_used", "machine_session")
    op.drop_table("class_waiting")
    op.drop_table("quiz_try")
    machines = set(op.get_bind().execute(sa.text("SELECT id FROM machine")).scalars())
    held = [row for row in _certifications("skill") if row["what"] in machines]
    op.drop_index("ix_certification_skill", "certification")
    op.drop_table("certification")
    op.drop_table("skill")
    _make_certification("machine")
    _insert("machine", held)
    for table, name, *_ in reversed(NEW_COLUMNS):
        op.drop_column(table, name)


def _certifications(of: str) -> list[dict[str, object]]:
    rows = op.get_bind().execute(sa.text(f"SELECT {', '.join(KEPT)}, {of} AS what FROM certification"))
    return [dict(row) for row in rows.mappings()]


def _insert(of: str, rows: list[dict[str, object]]) -> None:
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name) for name in (*KEPT, of, *(("reason",) if of == "skill" else ()))
    ]
    more = {"reason": ""} if of == "skill" else {}
    values = [{**{name: row[name] for name in KEPT}, of: row["what"], **more} for row in rows]
    op.bulk_insert(sa.table("certification", *columns), values)


def _make_certification(of: str) -> None:
    more = [text("reason", 200), big("told_ms", nullable=True)] if of == "skill" else []
    op.create_table(
        "certification",
        text("member", 64),
        text(of, 64),
        text("granted_by", 64),
        big("granted_ms"),
        big("expires_ms", nullable=True),
        big("revoked_ms", nullable=True),
        text("revoked_by", 64, nullable=True),
        *more,
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint([of], [f"{of}.id"]),
        sa.PrimaryKeyConstraint("member", of),
    )
    op.create_index(f"ix_certification_{of}", "certification", [of])


def _make_skill() -> None:
    numbers = ("unused_days", "hours", "practice_hours", "practice_days", "warn_days")
    skill = op.create_table(
        "skill",
        text("id", 64),
        sa.Column("names", JSON, nullable=False),
        sa.Column("months", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in numbers),
        sa.Column("requires", JSON, nullable=True),
        sa.Column("lasting", sa.Boolean(), nullable=False),
        sa.Column("instructors", JSON, nullable=False),
        sa.Column("at_machine", sa.Boolean(), nullable=False),
        sa.Column("quiz", sa.JSON(none_as_null=True), nullable=True),
        big("updated_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    asked = op.get_bind().execute(
        sa.text(
            "SELECT id, name FROM machine WHERE requires_certification"
            " OR id IN (SELECT machine FROM certification)"
        )
    )
    same: dict[str, object] = {**dict.fromkeys(numbers, 0), "warn_days": 30, "updated_ms": 0}
    same |= {"instructors": [], "lasting": False, "at_machine": True}
    op.bulk_insert(skill, [{"id": id, "names": {"en": name}, **same} for id, name in asked.all()])


def _make_quiz_try() -> None:
    op.create_table(
        "quiz_try",
        text("id", 64),
        text("skill", 64),
        text("member", 64),
        big("version"),
        big("begun_ms"),
        big("ended_ms", nullable=True),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("wrong", JSON, nullable=False),
        sa.ForeignKeyConstraint(["skill"], ["skill.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("skill", "member"):
        op.create_index(f"ix_quiz_try_{column}", "quiz_try", [column])


def _make_class_waiting() -> None:
    op.create_table(
        "class_waiting",
        text("id", 64),
        text("session", 64),
        text("member", 64),
        big("asked_ms"),
        big("offered_ms"),
        big("left_ms", nullable=True),
        sa.ForeignKeyConstraint(["session"], ["class_session.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("session", "member"):
        op.create_index(f"ix_class_waiting_{column}", "class_waiting", [column])

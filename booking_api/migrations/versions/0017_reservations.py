"""Reservations, and what keeps a machine from being booked twice."""

import sqlalchemy as sa
from alembic import op

from booking_api.migrations.columns import big, text
from booking_api.migrations.guards import guard, unguard
from floor.errors import ConfigError

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
TABLES = (
    "reservation_policy",
    "reservation",
    "reservation_waiting",
    "reservation_offer",
    "reservation_feed",
)
TAKEN = "this time of the machine is taken"
_HOLDS = "standing IN ('booked', 'begun')"


def upgrade() -> None:
    op.create_table(
        "reservation_policy",
        text("id", 64),
        sa.Column("text", sa.Text(), nullable=False),
        text("sha256", 64),
        text("author", 64),
        big("valid_from_ms"),
        big("created_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reservation_policy_valid_from_ms", "reservation_policy", ["valid_from_ms"])
    _make_reservation()
    _make_who_waits()
    op.create_table(
        "reservation_feed",
        text("id", 64),
        text("token_hash", 64),
        text("member", 64),
        text("machine", 64, nullable=True),
        big("made_ms"),
        big("revoked_ms", nullable=True),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reservation_feed_token_hash", "reservation_feed", ["token_hash"], unique=True)
    op.create_index("ix_reservation_feed_member", "reservation_feed", ["member"])
    guard("reservation_policy")
    _keep_apart()


def downgrade() -> None:
    unguard("reservation_policy")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_reservation() -> None:
    op.create_table(
        "reservation",
        text("id", 64),
        text("machine", 64),
        text("member", 64, nullable=True),
        text("kind", 32),
        text("tier", 64),
        text("words", 200),
        text("series", 64, nullable=True),
        text("class_session", 64, nullable=True),
        big("begins_ms"),
        big("ends_ms"),
        big("blocks_from_ms"),
        big("blocks_to_ms"),
        text("standing", 32),
        big("made_ms"),
        text("made_by", 64),
        big("begun_ms"),
        big("changed_ms"),
        big("closed_ms", nullable=True),
        text("closed_by", 64, nullable=True),
        sa.Column("excused", sa.Boolean(), nullable=False),
        text("reason", 200),
        sa.CheckConstraint("begins_ms < ends_ms", name="reservation_lasts"),
        sa.CheckConstraint(
            "blocks_from_ms <= begins_ms AND ends_ms <= blocks_to_ms", name="reservation_blocks_its_slot"
        ),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.ForeignKeyConstraint(["class_session"], ["class_session.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("member", "series", "class_session", "ends_ms"):
        op.create_index(f"ix_reservation_{column}", "reservation", [column])
    op.create_index("ix_reservation_slot", "reservation", ["machine", "begins_ms"])


def _make_who_waits() -> None:
    op.create_table(
        "reservation_waiting",
        text("id", 64),
        text("machine", 64),
        text("member", 64),
        big("from_ms"),
        big("to_ms"),
        big("length_ms"),
        big("asked_ms"),
        big("left_ms", nullable=True),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "reservation_offer",
        text("id", 64),
        text("waiting", 64),
        text("machine", 64),
        text("member", 64),
        big("begins_ms"),
        big("ends_ms"),
        big("made_ms"),
        big("until_ms"),
        text("state", 32),
        sa.ForeignKeyConstraint(["waiting"], ["reservation_waiting.id"]),
        sa.ForeignKeyConstraint(["machine"], ["machine.id"]),
        sa.ForeignKeyConstraint(["member"], ["member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("machine", "member"):
        op.create_index(f"ix_reservation_waiting_{column}", "reservation_waiting", [column])
    for column in ("waiting", "machine", "member"):
        op.create_index(f"ix_reservation_offer_{column}", "reservation_offer", [column])


def _keep_apart() -> None:
    """Have the database refuse a second reservation of the same time: by an exclusion constraint, or by
    triggers where there is none (SQLite has one writer, so what a trigger reads nobody else changes).
    """
    if op.get_bind().dialect.name == "sqlite":
        for event in ("INSERT", "UPDATE OF machine, blocks_from_ms, blocks_to_ms, standing, id"):
            op.execute(
                f"CREATE TRIGGER reservation_apart_{event.partition(' ')[0].lower()} "
                f"BEFORE {event} ON reservation WHEN NEW.{_HOLDS} AND EXISTS ("
                "SELECT 1 FROM reservation AS other WHERE other.machine = NEW.machine AND other.id <> NEW.id "
                f"AND other.{_HOLDS} AND other.blocks_from_ms < NEW.blocks_to_ms "
                "AND NEW.blocks_from_ms < other.blocks_to_ms) "
                f"BEGIN SELECT RAISE(ABORT, '{TAKEN}'); END"
            )
        return
    _need_btree_gist()
    op.execute(
        "ALTER TABLE reservation ADD CONSTRAINT reservation_apart EXCLUDE USING gist "
        f"(machine WITH =, int8range(blocks_from_ms, blocks_to_ms) WITH &&) WHERE ({_HOLDS})"
    )


def _need_btree_gist() -> None:
    """Make the extension that compares machines within the constraint; raises ConfigError that says how."""
    bind = op.get_bind()
    if bind.scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'")):
        return
    try:
        with bind.begin_nested():
            bind.execute(sa.text("CREATE EXTENSION btree_gist"))
    except sa.exc.DBAPIError as error:
        words = str(error.orig).strip().splitlines()[0]
        name = bind.scalar(sa.text("SELECT current_database()"))
        remedy = (
            f"As an administrator of PostgreSQL, once, in the database {name}: CREATE EXTENSION btree_gist; "
            "(on Debian its files come with postgresql-contrib). Then run `makerfloor migrate` again."
        )
        problem = f"lacks the extension btree_gist, without which a machine could be booked twice ({words})"
        raise ConfigError("makerfloor.toml", "database.url", problem, remedy) from error

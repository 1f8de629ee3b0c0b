"""Triggers that refuse to change or delete what was posted; one sentence for each database.

Of an entry only the memo may change, and only to nothing: a name is erased and the chain still holds.
A tariff version may be deleted while no charge was made by it.
"""

from alembic import op

FROZEN = "posted entries are never changed"
ENTRY_COLUMNS = (
    "id, book, seq, kind, source, occurred_ms, posted_ms, reverses, author, detail, previous, hash"
)
_USED = "EXISTS (SELECT 1 FROM charge_line WHERE charge_line.tariff_version = OLD.id)"
# (name, table, event, condition)
GUARDS = (
    ("ledger_entry_no_delete", "ledger_entry", "DELETE", ""),
    ("ledger_entry_no_update", "ledger_entry", f"UPDATE OF {ENTRY_COLUMNS}", ""),
    ("ledger_entry_memo_only_erased", "ledger_entry", "UPDATE OF memo", "NEW.memo <> ''"),
    ("ledger_posting_no_delete", "ledger_posting", "DELETE", ""),
    ("ledger_posting_no_update", "ledger_posting", "UPDATE", ""),
    ("charge_line_no_delete", "charge_line", "DELETE", ""),
    ("charge_line_no_update", "charge_line", "UPDATE", ""),
    ("tariff_version_no_update", "tariff_version", "UPDATE", ""),
    ("tariff_version_no_delete", "tariff_version", "DELETE", _USED),
)
TRUNCATED = ("ledger_entry", "ledger_posting", "charge_line", "tariff_version")


def guard() -> None:
    """Put the triggers in place."""
    if op.get_bind().dialect.name == "sqlite":
        for name, table, event, condition in GUARDS:
            when = f"WHEN {condition}" if condition else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when} "
                f"BEGIN SELECT RAISE(ABORT, '{FROZEN}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION makerfloor_frozen() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{FROZEN}'; END $$"
    )
    # PostgreSQL allows no sub-query in WHEN, so that condition gets a function of its own.
    op.execute(
        "CREATE FUNCTION makerfloor_used_tariff() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {_USED} THEN RAISE EXCEPTION '{FROZEN}'; END IF; RETURN OLD; END $$"
    )
    for name, table, event, condition in GUARDS:
        when = f"WHEN ({condition})" if condition and condition != _USED else ""
        function = "makerfloor_used_tariff" if condition == _USED else "makerfloor_frozen"
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when} "
            f"EXECUTE FUNCTION {function}()"
        )
    for table in TRUNCATED:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION makerfloor_frozen()"
        )


def unguard() -> None:
    """Take the triggers away."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, _, _ in GUARDS:
        op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP TRIGGER {name} ON {table}")
    if not sqlite:
        for table in TRUNCATED:
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        op.execute("DROP FUNCTION makerfloor_frozen()")
        op.execute("DROP FUNCTION makerfloor_used_tariff()")

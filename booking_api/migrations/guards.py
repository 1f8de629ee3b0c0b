"""Triggers that refuse to change or delete what was posted; one sentence for each database.

Of an entry only the memo may change, and only to nothing: a name is erased and the chain still holds.
A tariff version may be deleted while no charge was made by it. The numbers of invoices go on by one.
"""

from alembic import op

FROZEN = "posted entries are never changed"
ENTRY_COLUMNS = (
    "id, book, seq, kind, source, occurred_ms, posted_ms, reverses, author, detail, previous, hash"
)
CHARGE_COLUMNS = (
    "id, entry, session, fee, occasion, account, member, machine, month, period, ended_ms, tariff_version, "
    "tier, commodity, gross_micro, taxes, nets, rounding_micro, total_micro, funds, unfunded, priced_ms, "
    "since"
)
EVENT_COLUMNS = "dispute, n, state, author, at_ms, entry, amount_micro"
PART_COLUMNS = "act, n, kind, object, change, about, body_hash"
_USED = "EXISTS (SELECT 1 FROM charge_line WHERE charge_line.tariff_version = OLD.id)"
_GAP = "NEW.n <> OLD.n + 1 OR NEW.series <> OLD.series OR NEW.year <> OLD.year"
# (name, table, event, condition)
GUARDS = (
    ("ledger_entry_no_delete", "ledger_entry", "DELETE", ""),
    ("ledger_entry_no_update", "ledger_entry", f"UPDATE OF {ENTRY_COLUMNS}", ""),
    ("ledger_entry_memo_only_erased", "ledger_entry", "UPDATE OF memo", "NEW.memo <> ''"),
    ("ledger_posting_no_delete", "ledger_posting", "DELETE", ""),
    ("ledger_posting_no_update", "ledger_posting", "UPDATE", ""),
    ("charge_line_no_delete", "charge_line", "DELETE", ""),
    ("charge_line_no_update", "charge_line", "UPDATE", ""),
    ("charge_no_delete", "charge", "DELETE", ""),
    ("charge_no_update", "charge", f"UPDATE OF {CHARGE_COLUMNS}", ""),
    ("charge_replaced_once", "charge", "UPDATE OF replaced_ms", "OLD.replaced_ms IS NOT NULL"),
    ("plan_version_no_update", "plan_version", "UPDATE", ""),
    ("plan_version_no_delete", "plan_version", "DELETE", ""),
    ("waiver_version_no_update", "waiver_version", "UPDATE", ""),
    ("waiver_version_no_delete", "waiver_version", "DELETE", ""),
    ("tariff_version_no_update", "tariff_version", "UPDATE", ""),
    ("tariff_version_no_delete", "tariff_version", "DELETE", _USED),
    *(
        (f"{table}_no_{event.lower()}", table, event, "")
        for table in (
            "cost_version",
            "supplier_invoice",
            "supplier_cost",
            "period_reopening",
            "reservation_policy",
        )
        for event in ("UPDATE", "DELETE")
    ),
    ("dispute_event_no_delete", "dispute_event", "DELETE", ""),
    ("dispute_event_no_update", "dispute_event", f"UPDATE OF {EVENT_COLUMNS}", ""),
    ("dispute_event_words_only_erased", "dispute_event", "UPDATE OF words", "NEW.words <> ''"),
    ("invoice_no_delete", "invoice", "DELETE", ""),
    ("invoice_no_update", "invoice", "UPDATE", ""),
    ("invoice_item_no_delete", "invoice_item", "DELETE", ""),
    ("invoice_item_no_update", "invoice_item", "UPDATE", ""),
    ("invoice_series_no_delete", "invoice_series", "DELETE", ""),
    ("invoice_series_counts_on", "invoice_series", "UPDATE", _GAP),
    ("audit_act_no_delete", "audit_act", "DELETE", ""),
    ("audit_act_no_update", "audit_act", "UPDATE", ""),
    ("audit_part_no_delete", "audit_part", "DELETE", ""),
    ("audit_part_no_update", "audit_part", f"UPDATE OF {PART_COLUMNS}", ""),
    ("audit_part_only_erased", "audit_part", "UPDATE OF salt, body", "NEW.salt <> '' OR NEW.body <> ''"),
    ("audit_part_of_a_person", "audit_part", "UPDATE OF salt, body", "OLD.about = ''"),
)


def guard(*tables: str) -> None:
    """Put the triggers of these tables in place; the first migration with any makes their functions."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, event, condition in GUARDS:
        if table not in tables:
            continue
        if sqlite:
            when = f"WHEN {condition}" if condition else ""
            what = f"BEGIN SELECT RAISE(ABORT, '{FROZEN}'); END"
            op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when} {what}")
        else:
            when = f"WHEN ({condition})" if condition and condition != _USED else ""
            function = "makerfloor_used_tariff" if condition == _USED else "makerfloor_frozen"
            each = f"FOR EACH ROW {when} EXECUTE FUNCTION {function}()"
            op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} {each}")
    for table in () if sqlite else tables:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION makerfloor_frozen()"
        )


def unguard(*tables: str) -> None:
    """Take the triggers of these tables away."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, _, _ in GUARDS:
        if table in tables:
            op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP TRIGGER {name} ON {table}")
    for table in () if sqlite else tables:
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


def make_functions() -> None:
    """Make what the triggers of PostgreSQL call; it allows no sub-query in WHEN, so that one has its own."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(
        "CREATE FUNCTION makerfloor_frozen() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{FROZEN}'; END $$"
    )
    op.execute(
        "CREATE FUNCTION makerfloor_used_tariff() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {_USED} THEN RAISE EXCEPTION '{FROZEN}'; END IF; RETURN OLD; END $$"
    )


def drop_functions() -> None:
    """Drop them."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION makerfloor_frozen()")
        op.execute("DROP FUNCTION makerfloor_used_tariff()")

"""All that is known of a member as a ZIP: a page to read, a table each as CSV, and everything as JSON.

It is written from the tables themselves: whatever names a member, or is charged to their own account, is in
it, also of a room that this one has never heard of. Left out are keys, hashes and what is sealed.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Table, false, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session

from booking_api.exports.table import BOM, harmless
from booking_api.ledger.accounts import member_account
from booking_api.members.models import Member
from booking_api.notices.kinds import LINK
from booking_api.tables import METADATA

SECRET = re.compile(
    r"sealed|hash|lookup|token|csrf|secret|sha256|^(sort|search|previous|pending|recovery_codes)$"
)
"""Columns that are no knowledge of anybody: keys, hashes and what rows are found by."""
LEFT_OUT = frozenset({"idempotent_answer", "browser_session", "ceremony", "roster_change", "member_import"})
OTHERS = frozenset({"author", "by", "guardian"})
"""Columns that name who did something for another: those rows are of the other."""
PARTS = {"charge_line": "charge", "work_note": "work_order", "dispute_event": "dispute"}
"""Tables whose rows belong to one of another table: a fault that they reported has their own words there."""
Rows = list[dict[str, Any]]


def known_of(session: Session, member: Member) -> dict[str, Rows]:
    """Return what each table knows of a member, without secrets; tables without any are left out."""
    found: dict[str, Rows] = {}
    for table in METADATA.sorted_tables:
        if table.name in LEFT_OUT:
            continue
        columns = [column for column in table.columns if not SECRET.search(column.name)]
        query = select_columns(*columns).where(_theirs(table, member)).order_by(*table.primary_key.columns)
        rows = session.execute(query).mappings().all()
        if rows:
            found[table.name] = [_unlinked(table.name, dict(row)) for row in rows]
    return found


def _unlinked(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Leave out a letter's link: staff who fetch this file for a member may not open it."""
    if table == "letter":
        row["values"] = {name: value for name, value in row["values"].items() if name != LINK}
    return row


def _theirs(table: Table, member: Member) -> ColumnElement[bool]:
    """Return the condition by which a row is theirs."""
    match table.name:
        case "member":
            return table.c.id == member.id
        case "account":
            return table.c.id == member.account
        case "letter":
            return func.lower(table.c.address) == (member.email or "").lower()
        case "ledger_entry":
            return table.c.id.in_(_entries(member))
        case "ledger_posting":
            return table.c.account == member_account(member.account)
        case "charge_line" | "work_note" | "dispute_event":
            of = PARTS[table.name]
            whole = METADATA.tables[of]
            return table.c[of].in_(select_columns(whole.c.id).where(whole.c.member == member.id))
        case "household":
            lives = METADATA.tables["household_member"]
            return table.c.id.in_(select_columns(lives.c.household).where(lives.c.member == member.id))
    named = [
        column == member.id
        for column in table.columns
        if column.name not in OTHERS
        and not column.name.endswith("_by")
        and (column.name == "member" or any(key.column.table.name == "member" for key in column.foreign_keys))
    ]
    if "account" in table.columns and "member" not in table.columns:
        named.append(table.c.account.in_((member.account, member_account(member.account))))
    return or_(*named) if named else false()


def _entries(member: Member) -> Any:
    posting = METADATA.tables["ledger_posting"]
    return select_columns(posting.c.entry).where(posting.c.account == member_account(member.account))


def archive(known: Mapping[str, Rows], page: str, zone: tzinfo) -> bytes:
    """Return the ZIP: `page` as index.html, `data.json`, and a CSV a table."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("index.html", page)
        made.writestr("data.json", json.dumps(known, default=_plain, ensure_ascii=False, indent=1))
        for name, rows in known.items():
            made.writestr(f"csv/{name}.csv", _csv(rows, zone))
    return out.getvalue()


def readable(value: object, column: str, zone: tzinfo) -> str:
    """Write a value for people: instants on the space's clock, lists and tables as JSON."""
    match value:
        case None:
            return ""
        case int() if column.endswith("_ms") and value > 10**11:
            return datetime.fromtimestamp(value / 1000, UTC).astimezone(zone).isoformat(timespec="seconds")
        case dict() | list():
            return json.dumps(value, default=_plain, ensure_ascii=False)
    return str(_plain(value))


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case date():
            return value.isoformat()
    return value


def _csv(rows: Rows, zone: tzinfo) -> str:
    out = io.StringIO()
    out.write(BOM)
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow(rows[0])
    for row in rows:
        lines.writerow([harmless(readable(value, column, zone)) for column, value in row.items()])
    return out.getvalue()

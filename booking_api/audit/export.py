"""The audit log as CSV, a row for each thing that was changed, or as JSON lines, a line for each act."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from booking_api.audit.service import Act, Filters, Part, everything
from booking_api.db import Database
from booking_api.exports.table import BOM, harmless

COLUMNS = (
    "seq", "at", "floor_at", "via", "member", "name", "token", "act", "reason",
    "kind", "object", "change", "about", "before", "after", "erased",
)  # fmt: skip


class Form(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSONL = "jsonl"


MEDIA = {Form.CSV: "text/csv; charset=utf-8", Form.JSONL: "application/jsonl; charset=utf-8"}


def export(database: Database, form: Form, filters: Filters) -> Iterator[str]:
    """Yield the log, oldest act first."""
    if form is Form.CSV:
        yield BOM + ",".join(COLUMNS) + "\r\n"
    with database.read() as session:
        for act in everything(session, filters):
            yield _rows(act) if form is Form.CSV else _line(act)


def _line(act: Act) -> str:
    told = asdict(act) | {"at": _moment(act.at_ms), "floor_at": _moment(act.floor_ms)}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _rows(act: Act) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    who = (act.via, act.member, act.name, act.token, act.act, act.reason)
    for part in act.parts or (Part("", "", "", "", (), False),):
        what = (part.kind, part.object, part.change, part.about)
        sides = (_side(part, "before"), _side(part, "after"))
        rows.writerow(
            [act.seq, _moment(act.at_ms), _moment(act.floor_ms)]
            + [harmless(text) for text in (*who, *what, *sides)]
            + ["yes" if part.erased else ""]
        )
    return out.getvalue()


def _side(part: Part, side: str) -> str:
    found: dict[str, Any] = {
        field.name: getattr(field, side) for field in part.fields if getattr(field, side) is not None
    }
    return json.dumps(found, ensure_ascii=False) if found else ""


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")

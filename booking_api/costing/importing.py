"""Suppliers' invoices from a CSV file: read as a whole, each bad row named by its line, all or nothing."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import ValidationError
from sqlmodel import Session

from booking_api.costing import invoices
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine
from booking_api.costing.models import SupplierInvoice
from booking_api.db import zone_of
from floor.costing import CostKind
from floor.errors import Refused
from floor.money import parse

COLUMNS = ("date", "supplier", "number", "pool", "kind", "amount", "tax", "memo")
NEEDED = COLUMNS[:6]
ROWS_MAX = 10_000
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """An invoice in a file: the line of its first row, and whether the books have it already."""

    line: int
    details: InvoiceDetails
    known: bool


@dataclass(slots=True)
class Preview:
    """What an import would enter, and what is wrong: a sentence for each bad row, which names its line."""

    found: list[Found] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def preview(session: Session, text: str) -> Preview:
    """Read a file and say what it would enter. Rows of one supplier and number are one invoice."""
    seen = Preview()
    groups: dict[tuple[str, str], list[tuple[int, Row]]] = {}
    firsts: dict[tuple[str, ...], int] = {}
    for line, row in _rows(text, seen):
        whole = tuple(row[column] for column in COLUMNS)
        if (first := firsts.setdefault(whole, line)) != line:
            words = f"line {line} repeats line {first}. Add them up in one row, or take one away."
            seen.problems.append(words)
            continue
        groups.setdefault((row["supplier"].lower(), row["number"]), []).append((line, row))
    for rows in groups.values():
        _group(session, rows, seen)
    return seen


def bring_in(session: Session, text: str, author: str, now_ms: int) -> list[SupplierInvoice]:
    """Enter every invoice of a file that is new; raises Refused, and enters none, for a bad row."""
    seen = preview(session, text)
    if seen.problems:
        raise Refused("import_invalid", " ".join(["Nothing was imported.", *seen.problems[:20]]))
    return [invoices.enter(session, one.details, author, now_ms) for one in seen.found if not one.known]


def _rows(text: str, seen: Preview) -> list[tuple[int, Row]]:
    lines = text.lstrip("\ufeff").splitlines()
    semicolons = bool(lines) and lines[0].count(";") > lines[0].count(",")
    reader = csv.DictReader(lines, delimiter=";" if semicolons else ",", strict=True)
    rows: list[tuple[int, Row]] = []
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        if missing := [name for name in NEEDED if name not in columns]:
            seen.problems.append(f"line 1 lacks {', '.join(missing)}. Write the header {','.join(COLUMNS)}.")
            return []
        for row in reader:
            if len(rows) >= ROWS_MAX:
                seen.problems.append(f"line {reader.line_num} is one too many: divide the file.")
                return []
            rows.append((reader.line_num, _cells(row, semicolons)))
    except csv.Error as error:
        seen.problems.append(f"line {reader.line_num} is not CSV ({error}).")
    return [(line, row) for line, row in rows if any(row.values())]


def _cells(row: dict[str | None, object], decimal_comma: bool) -> Row:
    cells = {column: str(row.get(column) or "").strip() for column in COLUMNS}
    if decimal_comma:
        for column in ("amount", "tax"):
            if "," in cells[column]:
                cells[column] = cells[column].replace(".", "").replace(",", ".")
    return cells


def _group(session: Session, rows: list[tuple[int, Row]], seen: Preview) -> None:
    """Add the invoice that these rows make, or say what is wrong with each."""
    lines: list[InvoiceLine] = []
    dates, tax_micro, bad = set(), 0, len(seen.problems)
    for number, row in rows:
        try:
            dates.add(date.fromisoformat(row["date"]))
            lines.append(_line(row))
            tax_micro += parse(row["tax"]) if row["tax"] else 0
        except (ValueError, Refused) as error:
            seen.problems.append(f"line {number}: {_words(error, row)}.")
    if len(seen.problems) > bad:
        return
    first, row = rows[0]
    if len(dates) > 1:
        seen.problems.append(f"line {rows[-1][0]}: its invoice has another date in line {first}.")
        return
    day = datetime.combine(dates.pop(), datetime.min.time(), zone_of(session))
    try:
        details = InvoiceDetails(
            supplier=row["supplier"],
            number=row["number"],
            dated_ms=round(day.timestamp() * 1000),
            lines=tuple(lines),
            tax_micro=tax_micro,
            memo=" · ".join(dict.fromkeys(row["memo"] for _, row in rows if row["memo"]))[:200],
        )
        seen.found.append(Found(first, details, invoices.check(session, details) is not None))
    except ValidationError as error:
        seen.problems.append(f"line {first}: {_words(error, row)}.")
    except Refused as refused:
        seen.problems.append(f"line {first}: {refused.sentence}")


def _line(row: Row) -> InvoiceLine:
    if row["kind"] not in set(CostKind):
        kinds = ", ".join(kind for kind in CostKind if kind is not CostKind.MANAGEMENT)
        raise Refused("kind_invalid", f"{row['kind'][:20]!r} is no kind of cost: {kinds}")
    return InvoiceLine(pool=row["pool"], kind=CostKind(row["kind"]), amount_micro=parse(row["amount"]))


def _words(error: Exception, row: Row) -> str:
    """Say what is wrong with a row."""
    if isinstance(error, ValidationError):
        problem = error.errors(include_url=False)[0]
        return f"{problem['loc'][0]}: {problem['msg']}"
    if isinstance(error, Refused) or "is not an amount" in str(error):
        return str(error)
    return f"{row['date'][:20]!r} is no date; write it like 2026-10-31"

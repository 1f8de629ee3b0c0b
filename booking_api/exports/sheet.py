"""A table of a page or a report as a CSV file (RFC 4180) that spreadsheets open as it is meant."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from booking_api.exports.table import BOM, harmless

Cell = str | int | None
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_PLAIN = re.compile(r"[^A-Za-z0-9.]+")


def written(rows: Iterable[Sequence[Cell]]) -> str:
    """Write rows, the head first: a number stays one, and no text is taken for a formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([_cell(one) for one in row] for row in rows)
    return BOM + out.getvalue()


def answer(rows: Iterable[Sequence[Cell]], name: str) -> Response:
    """Answer with rows as a file that a browser saves as `name`.csv, its letters and digits of ASCII."""
    headers = {"Content-Disposition": f'attachment; filename="{_PLAIN.sub("-", name)}.csv"'}
    return Response(written(rows), 200, headers, "text/csv; charset=utf-8")


def _cell(cell: Cell) -> Cell:
    return harmless(cell) if isinstance(cell, str) and not _NUMBER.fullmatch(cell) else cell

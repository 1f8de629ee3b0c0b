"""Lists that an endpoint answers whole, told in parts; and the header that names the next part.

The cursor of such a list says how far the caller came and which row was the last, by its hash: when rows came
or went before it, the list goes on behind that row; when the row itself went, at its place.
"""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote, urlencode

from fastapi import Request
from starlette.responses import Response

from booking_api.cursors import read_cursor, write_cursor
from booking_api.paging import LIMIT_MAX
from floor.errors import Refused


def paged(request: Request, response: Response) -> Response:
    """Return the part of a list that is asked for by `limit` and `cursor`; without them the whole list."""
    asked, cursor = request.query_params.get("limit"), request.query_params.get("cursor", "")
    if asked is None and not cursor:
        return response
    limit = _limit(asked)
    rows: list[object] = json.loads(bytes(response.body))
    start = _start(rows, cursor)
    part = rows[start : start + limit]
    headers = {"Link": _next(request, write_cursor(f"{start + len(part)} {_mark(part[-1])}"))} if (
        start + limit < len(rows)
    ) else None  # fmt: skip
    body = json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, response.status_code, headers, "application/json")


def linked(request: Request, response: Response) -> Response:
    """Name the next page of a page in the Link header (RFC 8288)."""
    told = json.loads(bytes(response.body))
    following = told.get("next") if isinstance(told, dict) else None
    if isinstance(following, str):
        response.headers["Link"] = _next(request, following)
    return response


def _next(request: Request, cursor: str) -> str:
    asked = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
    return f'<{quote(request.scope["path"])}?{urlencode([*asked, ("cursor", cursor)])}>; rel="next"'


def _limit(asked: str | None) -> int:
    if asked is None:
        return 50
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 4 and 1 <= int(asked) <= LIMIT_MAX):
        raise Refused("limit_invalid", f"limit is a whole number from 1 to {LIMIT_MAX}.")
    return int(asked)


def _start(rows: list[object], cursor: str) -> int:
    if not cursor:
        return 0
    seen, _, mark = read_cursor(cursor).partition(" ")
    if not (seen.isascii() and seen.isdigit() and len(seen) <= 9 and mark):
        raise Refused("cursor_malformed", "This is not a cursor. Take it from the Link header.")
    at = int(seen)
    near = sorted(range(len(rows)), key=lambda place: abs(place + 1 - at))
    return next((place + 1 for place in near if _mark(rows[place]) == mark), min(at, len(rows)))


def _mark(row: object) -> str:
    """Return what knows a row again: its id where it has one, else all of it."""
    known = row
    if isinstance(row, dict):
        known = next((row[name] for name in ("id", "entry", "number", "name") if name in row), row)
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]

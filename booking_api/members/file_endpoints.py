"""Files of members over HTTP."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, check_csrf, holds, require, somebody
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.members import sheet
from booking_api.members.exporting import export
from booking_api.members.importing import Importer, Plan
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["members"])
Known = Annotated[Who, Depends(somebody)]
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
SHOWN_MAX = 200
"""So many problems and rows are named in an answer."""


class CellProblem(BaseModel):
    """A cell that cannot be read, and what would be right."""

    line: int
    column: str
    value: str
    code: str
    words: str


class CellChange(BaseModel):
    """What a row would change."""

    column: str
    before: str
    after: str


class RowSeen(BaseModel):
    """What a row comes to: `what` is "add", "change" or "same"; a new number is "" until it is given."""

    line: int
    what: str
    number: str
    name: str
    changes: list[CellChange]


class ImportSeen(BaseModel):
    """What a file did, or would do. `counts` has add, change and same; the first 200 rows that do something
    and the first 200 problems are named. With problems, nothing was done.
    """

    applied: bool
    counts: dict[str, int]
    problems: list[CellProblem]
    problem_count: int
    unknown: list[str]
    rows: list[RowSeen]


@router.post("/member-imports", openapi_extra={"requestBody": {"content": {"text/csv": {}}}})
async def import_members(
    request: Request,
    who: Known,
    context: Ctx,
    dry_run: bool = False,
    mapping: Annotated[str, Query(max_length=4000, description='JSON: {"heading": "column"}')] = "{}",
) -> ImportSeen:
    """Bring in a CSV file, which is the body as it is: all of it, or with problems nothing."""
    check_csrf(who, request.headers.get("x-csrf-token"))
    require_importer(who)
    text, columns = sheet.decode(await take_body(request)), read_mapping(mapping)

    def work(session: Session) -> ImportSeen:
        importer = importer_of(session, context, who)
        plan = importer.plan(sheet.read(text, columns))
        applied = not (dry_run or plan.problems)
        if applied:
            importer.apply(plan, who.id)
        return seen(plan, applied)

    return await context.database.transact(work)


@router.get("/member-export.csv", response_class=Response, responses=CSV)
def export_members(session: Reading, who: Writes, context: Ctx) -> Response:
    """Return every member as CSV, with the numbers of their badges."""
    require_importer(who)
    return csv_answer(session, context)


def importer_of(session: Session, context: Context, who: Who) -> Importer:
    """Return what brings a file in with somebody's rights."""
    of_staff = who.may(Permission.ROLES_WRITE)
    real_ms, now_ms = context.wall.now_ms(), context.clock.now_ms()
    return Importer(session, context.vault, now_ms, real_ms, of_staff=of_staff)


def require_importer(who: Who) -> None:
    """Raise Refused for who may not admit members, give them badges and certify them: a file does it all."""
    for permission in (Permission.MEMBERS_WRITE, Permission.BADGES_WRITE, Permission.CERTIFICATIONS_WRITE):
        require(who, permission)


def csv_answer(session: Session, context: Context) -> Response:
    """Return the file of all members."""
    head = {"Content-Disposition": 'attachment; filename="members.csv"'}
    body = "".join(export(session, context.vault)).encode()
    return Response(body, media_type="text/csv; charset=utf-8", headers=head)


async def take_body(request: Request) -> bytes:
    """Return a request's body, as long as it may be; raises Refused beyond that."""
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > sheet.BYTES_MAX:
            raise Refused("file_length", "The file is too large: 5 MiB at most.")
    return bytes(taken)


def read_mapping(text: str) -> dict[str, str]:
    """Return which heading is which column; raises Refused."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise Refused("mapping_invalid", "A mapping is a JSON object of headings and columns.")
    return table


def seen(plan: Plan, applied: bool) -> ImportSeen:
    """Return what is told of a plan."""
    rows = [row for row in plan.rows if row.what != "same"][:SHOWN_MAX]
    return ImportSeen(
        applied=applied,
        counts=plan.counts,
        problems=[
            CellProblem(line=one.line, column=one.column, value=one.value, code=one.code, words=one.words())
            for one in plan.problems[:SHOWN_MAX]
        ],
        problem_count=len(plan.problems),
        unknown=plan.unknown,
        rows=[
            RowSeen(
                line=row.line,
                what=row.what,
                number=row.number,
                name=row.name,
                changes=[
                    CellChange(column=one.column, before=one.before, after=one.after) for one in row.changes
                ],
            )
            for row in rows
        ],
    )

"""Members from a file: uploaded, looked at, brought in; until then the file waits in the database."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Depends, File, Request, UploadFile
from sqlmodel import Session, col, delete
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.clock import make_id
from booking_api.members import sheet
from booking_api.members.file_endpoints import csv_answer, importer_of, require_importer
from booking_api.members.models import MemberImport
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from floor.errors import Refused

router = Router(include_in_schema=False)
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
KEPT_MS = 86_400_000
"""A file that nobody brings in is forgotten after a day."""
SHOWN_MAX = 100


@router.get("/member-import")
def import_page(who: Keeps, page: Paged) -> Response:
    """Show the form."""
    return page.answer("member_import.html", {"columns": list(sheet.COLUMNS)})


@router.post("/member-import")
async def upload(who: Keeps, page: Paged, file: Annotated[UploadFile, File()]) -> Response:
    """Take a file; the page that follows says what it would change."""
    require_importer(who)
    text = sheet.decode(await file.read(sheet.BYTES_MAX + 1))
    sheet.read(text)
    now_ms, name = page.context.wall.now_ms(), (file.filename or "")[:200]

    def keep(session: Session) -> str:
        session.exec(delete(MemberImport).where(col(MemberImport.created_ms) < now_ms - KEPT_MS))
        session.exec(delete(MemberImport).where(col(MemberImport.author) == who.id))
        sealed = page.context.vault.seal(text.encode())  # it has the numbers of badges
        row = MemberImport(id=make_id(now_ms), author=who.id, name=name, text=sealed, created_ms=now_ms)
        session.add(row)
        return row.id

    id = await page.context.database.transact(keep)
    return RedirectResponse(f"/member-import/{id}", 303)


@router.get("/member-import/{id}")
def preview(who: Keeps, session: Reading, page: Paged, id: str) -> Response:
    """Show what a file would change, and each cell that cannot be read with what would be right."""
    row = _own(session, who, id)
    found = _sheet(page, row)
    plan = importer_of(session, page.context, who).plan(found)
    doing = [one for one in plan.rows if one.what != "same"]
    values = {
        "row": row,
        "headers": found.headers,
        "columns": list(sheet.COLUMNS),
        "ignored": sheet.IGNORED,
        "counts": plan.counts,
        "problems": [(one, one.words(page.f.texts.gettext)) for one in plan.problems[:SHOWN_MAX]],
        "problem_count": len(plan.problems),
        "doing": doing[:SHOWN_MAX],
        "more": max(0, len(doing) - SHOWN_MAX),
    }
    return page.answer("member_import_preview.html", values)


@router.post("/member-import/{id}")
async def map_columns(request: Request, who: Keeps, page: Paged, id: str) -> Response:
    """Say which heading is which column."""
    form = await request.form(max_files=0, max_fields=200)
    mapping = {key[2:]: str(value) for key, value in form.multi_items() if key.startswith("c:") and value}

    def keep(session: Session) -> None:
        row = _own(session, who, id)
        _sheet(page, row, mapping)
        row.mapping = json.dumps(mapping)
        session.add(row)

    await page.context.database.transact(keep)
    return RedirectResponse(f"/member-import/{id}", 303)


@router.post("/member-import/{id}/apply")
def apply(who: Keeps, session: Writing, page: Paged, id: str) -> Response:
    """Bring the file in: all of it."""
    require_importer(who)
    row = _own(session, who, id)
    importer = importer_of(session, page.context, who)
    plan = importer.plan(_sheet(page, row))
    if plan.problems:
        raise Refused("import_problems", "Something in the file is wrong. Look at it again.")
    importer.apply(plan, who.id)
    session.delete(row)
    return RedirectResponse("/members?notice=brought_in", 303)


@router.get("/member-export.csv")
def export_page(who: Keeps, session: Reading, page: Paged) -> Response:
    """Give every member as CSV."""
    require_importer(who)
    return csv_answer(session, page.context)


def _sheet(page: Page, row: MemberImport, mapping: dict[str, str] | None = None) -> sheet.Sheet:
    text = page.context.vault.open(row.text).decode()
    return sheet.read(text, json.loads(row.mapping) if mapping is None else mapping)


def _own(session: Session, who: Who, id: str) -> MemberImport:
    row = session.get(MemberImport, id)
    if row is None or row.author != who.id:
        raise Refused("import_not_found", "There is no such file, or it was brought in already.")
    return row

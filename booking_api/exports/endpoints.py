"""Exports over HTTP: streamed, so that the books may be long."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import StreamingResponse

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.exports import service
from booking_api.exports.books import span_of
from booking_api.exports.service import FORMATS, Format

router = Router(prefix="/api/v1", tags=["exports"])
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Month = Annotated[str, Query(max_length=7, description="Such as 2026-10; without it there is no end.")]
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {way.media.partition(";")[0]: {} for way in FORMATS.values()}}
}
FIRST, LAST = Query(alias="from"), Query(alias="to")


@router.get("/exports/{form}", response_class=StreamingResponse, responses=ANSWERS)
def export(
    who: Reads,
    context: Ctx,
    form: Format,
    first: Annotated[Month, FIRST] = "",
    last: Annotated[Month, LAST] = "",
) -> StreamingResponse:
    """Send the books, or the months from one to another, both within."""
    way = FORMATS[form]
    text = service.export(context.database, context.settings, form, span_of(first, last, context.zone))
    name = "-".join(part for part in ("books", first, last) if part)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{way.suffix}"'}
    return StreamingResponse(text, headers=headers, media_type=way.media)

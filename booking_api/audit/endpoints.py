"""The audit log over HTTP, for who may read it. Nothing of it can be changed here or elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from booking_api.api.routes import Router
from booking_api.audit import service
from booking_api.audit.export import MEDIA, Form, export
from booking_api.audit.service import Filters
from booking_api.auth.guards import Ctx, Reading, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.paging import Cursor, Limit, Page

router = Router(prefix="/api/v1", tags=["audit"])
Reads = Annotated[Who, Depends(holds(Permission.AUDIT_READ))]
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media.partition(";")[0]: {} for media in MEDIA.values()}}
}
Name = Annotated[str, Query(max_length=64)]
Key = Annotated[str, Query(max_length=200)]
Moment = Annotated[int | None, Query(ge=0, lt=1 << 47)]


def filters(
    member: Annotated[str, Query(max_length=64, description="The id of who acted.")] = "",
    about: Annotated[str, Query(max_length=64, description="The id of whom it concerns.")] = "",
    kind: Annotated[str, Query(max_length=64, description="The table of the thing.")] = "",
    object: Annotated[str, Query(max_length=200, description="The key of the thing.")] = "",
    from_ms: Moment = None,
    to_ms: Moment = None,
) -> Filters:
    """Read which acts are wanted."""
    return Filters(member, about, kind, object, from_ms, to_ms)


Wanted = Annotated[Filters, Depends(filters)]


class FieldSeen(BaseModel):
    """A value before and after; "•" stands for a secret."""

    name: str
    before: Any
    after: Any


class PartSeen(BaseModel):
    """What was done to one thing."""

    kind: str
    object: str
    change: str
    about: str
    fields: list[FieldSeen]
    erased: bool


class ActSeen(BaseModel):
    """One act. `at_ms` is real time, `floor_ms` the floor's; `member` is empty for a command."""

    seq: int
    at_ms: int
    floor_ms: int
    via: str
    member: str
    name: str
    token: str
    act: str
    reason: str
    parts: list[PartSeen]


@router.get("/audit")
def read_log(
    who: Reads, session: Reading, wanted: Wanted, cursor: Cursor = "", limit: Limit = 50
) -> Page[ActSeen]:
    """List what staff and commands did, newest first."""
    acts, more = service.listed(session, wanted, cursor, limit)
    return Page(items=[ActSeen.model_validate(act, from_attributes=True) for act in acts], next=more)


@router.get("/audit/export/{form}", response_class=StreamingResponse, responses=FILES)
def export_log(who: Reads, context: Ctx, form: Form, wanted: Wanted) -> StreamingResponse:
    """Send the log, oldest first, as CSV or as JSON lines."""
    headers = {"Content-Disposition": f'attachment; filename="audit.{form}"'}
    return StreamingResponse(export(context.database, form, wanted), headers=headers, media_type=MEDIA[form])

"""What the law gives, over HTTP: all that is known of a member, and to be forgotten."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, MaybeWho, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.privacy import service
from booking_api.privacy.export import archive, known_of, readable
from booking_api.web.render import Page, make_page

router = Router(prefix="/api/v1/members", tags=["privacy"])
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]


class Erasure(BaseModel):
    """The member's number, typed again, and why they are erased. It cannot be undone."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[str, Field(max_length=32)]
    reason: Annotated[str, Field(max_length=200)]


@router.get("/{id}/data.zip", response_class=Response, responses=ZIP)
def get_data(
    request: Request, session: Reading, who: SignedIn, asker: MaybeWho, context: Ctx, id: str
) -> Response:
    """Return all that is known of a member: a page to read, CSV files and JSON."""
    own_or(who, id, Permission.MEMBERS_WRITE)
    return data_answer(session, make_page(request, context, asker), members.get(session, id))


@router.post("/{id}/erase", status_code=204)
def erase(who: Writes, session: Writing, context: Ctx, id: str, erasure: Erasure) -> None:
    """Forget a member for good; the books keep an id without a name."""
    service.erase(session, id, erasure.number, erasure.reason, who.id, context.clock.now_ms())


def data_answer(session: Session, page: Page, member: Member) -> Response:
    """Return the file of a member, its page in the reader's language."""
    known = known_of(session, member)
    values = {
        "space": page.context.settings.space_name,
        "member": member,
        "known": known,
        "now_ms": page.context.clock.now_ms(),
        "keep_years": page.context.settings.people.keep_years,
        "readable": lambda value, column: readable(value, column, page.f.zone),
    }
    body = archive(known, str(page.part("data_export.html", **values)), page.f.zone)
    head = {"Content-Disposition": f'attachment; filename="member-{member.id[-12:]}.zip"'}
    return Response(body, media_type="application/zip", headers=head)

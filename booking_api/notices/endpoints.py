"""What one is told, over HTTP; and for staff what does not go out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.happenings.models import Letter
from booking_api.notices import choices
from booking_api.notices.kinds import Kind, Way
from booking_api.notices.models import Notice

router = Router(prefix="/api/v1", tags=["notices"])
Keeper = Annotated[Who, Depends(holds(Permission.WEBHOOKS_WRITE))]
SHOWN = 200


class Told(BaseModel):
    """How one is told of each kind; `push` is the scheme of one's own push address, "" without one."""

    kinds: dict[Kind, Way]
    push: str
    push_allowed: list[str]


class Choices(BaseModel):
    """What to change: kinds, and one's own push address ("" forgets it)."""

    model_config = ConfigDict(extra="forbid")

    kinds: dict[Kind, Way] = Field(default_factory=dict)
    push: Annotated[str, Field(max_length=500)] | None = None


class Outgoing(BaseModel):
    """A letter (`box` "letter") or notice that waits or was given up; never what it says, nor its address."""

    box: str
    what: str
    member: str | None
    at_ms: int
    tries: int
    given_up_ms: int | None
    problem: str


@router.get("/members/me/notices")
def my_choices(who: SignedIn, session: Reading, context: Ctx) -> Told:
    """Say how one is told of what."""
    require(who, Permission.ME_READ)
    return _told(session, who, context)


@router.patch("/members/me/notices")
def choose(who: SignedIn, session: Writing, context: Ctx, wanted: Choices) -> Told:
    """Choose how one is told of what."""
    require(who, Permission.ME_WRITE)
    if wanted.push is not None:
        settings, now_ms = context.settings.notices, context.wall.now_ms()
        choices.set_push(session, context.vault, who.id, wanted.push, settings, now_ms)
    for kind, way in wanted.kinds.items():
        choices.choose(session, who.id, kind, way)
    session.flush()
    return _told(session, who, context)


@router.get("/notices")
def list_outgoing(who: Keeper, session: Reading) -> list[Outgoing]:
    """List the letters and notices that wait after a failure, or were given up; newest first."""
    return outgoing(session)


def outgoing(session: Session) -> list[Outgoing]:
    """Return what does not go out, newest first."""
    letters = select(Letter).where(col(Letter.sent_ms).is_(None), col(Letter.problem) != "")
    notices = select(Notice).where(col(Notice.sent_ms).is_(None), col(Notice.problem) != "")
    found = [
        _outgoing("letter", row.kind, None, row)
        for row in session.exec(letters.order_by(col(Letter.id).desc()).limit(SHOWN))
    ]
    found += [
        _outgoing("notice", row.what, row.member, row)
        for row in session.exec(notices.order_by(col(Notice.id).desc()).limit(SHOWN))
    ]
    return sorted(found, key=lambda one: one.at_ms, reverse=True)[:SHOWN]


def _outgoing(box: str, what: str, member: str | None, row: Letter | Notice) -> Outgoing:
    return Outgoing(
        box=box,
        what=what,
        member=member,
        at_ms=row.at_ms,
        tries=row.tries,
        given_up_ms=row.given_up_ms,
        problem=row.problem,
    )


def _told(session: Session, who: Who, context: Ctx) -> Told:
    allowed = list(context.settings.notices.push)
    kinds, push = choices.choices(session, who.id), choices.push_scheme(session, who.id)
    return Told(kinds=kinds, push=push, push_allowed=allowed)

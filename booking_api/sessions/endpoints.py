"""Sessions over HTTP: one's own, or the floor's for staff."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.idempotency import IdempotencyKey
from booking_api.ledger.statement import charge_lines
from booking_api.paging import Cursor, Limit, Page, page
from booking_api.sessions import ending
from booking_api.sessions.models import MachineSession
from booking_api.sessions.seen import SessionSeen, session_seen
from floor.errors import Refused

router = Router(prefix="/api/v1/sessions", tags=["sessions"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Of = Annotated[str, Query(max_length=64)]


class EndIn(BaseModel):
    """Why an open session is ended here, and when it ended: else at the last activity that was proven."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    at_ms: Annotated[int, Field(ge=0, lt=1 << 47, description="UTC milliseconds.")] | None = None


@router.get("")
def list_sessions(
    session: Reading, who: SignedIn, member: Of = "", machine: Of = "", cursor: Cursor = "", limit: Limit = 50
) -> Page[SessionSeen]:
    """List sessions, newest first: one's own unless a right to others' is held."""
    wanted = member if member or who.may(Permission.SESSIONS_READ) else who.id
    own_or(who, wanted, Permission.SESSIONS_READ)
    query = select(MachineSession)
    if wanted:
        query = query.where(MachineSession.member == wanted)
    if machine:
        query = query.where(MachineSession.machine == machine)
    rows, following = page(session, query, MachineSession.id, cursor, limit, newest_first=True)
    items = [session_seen(row, who.may_see(row.member, Permission.LEDGER_READ)) for row in rows]
    return Page(items=items, next=following)


@router.get("/{id}")
def get_session(session: Reading, who: SignedIn, id: str) -> SessionSeen:
    """Return a session with the lines of its charge."""
    used = session.get(MachineSession, id)
    if used is None or not who.may_see(used.member, Permission.SESSIONS_READ):
        raise Refused("session_not_found", f"There is no session {id} of yours.")
    money = who.may_see(used.member, Permission.LEDGER_READ)
    return session_seen(used, money, charge_lines(session, [id]).get(id, ()))


@router.post("/{id}/end", status_code=201)
def end_lost(
    who: Writes, session: Writing, context: Ctx, id: str, details: EndIn, key: IdempotencyKey
) -> SessionSeen:
    """End a session that stays open because its gateway's journal is lost for good."""
    now_ms = context.clock.now_ms()
    used = ending.end_lost(session, id, details.reason, who.id, now_ms, details.at_ms)
    return session_seen(used, True, charge_lines(session, [id]).get(id, ()))

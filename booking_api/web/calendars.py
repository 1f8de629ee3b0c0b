"""Calendars for other programs: private addresses that need no sign-in, and one reservation to add."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from fastapi import Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn
from booking_api.auth.permissions import Permission
from booking_api.context import Context
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.reservations import calendar, facts, feeds, policies
from booking_api.reservations.calendar import Event
from booking_api.reservations.models import Feed, Reserved
from booking_api.web.language import Catalogue, catalogue
from booking_api.web.reserve import KINDS
from floor.errors import Refused
from floor.reservation.terms import Kind, Standing
from floor.texts import LANGUAGES

router = Router(include_in_schema=False)
PAST_MS = 30 * 86_400_000
EVENTS_MAX = 2_000
SHOWN = (*facts.HOLDS, Standing.ENDED)
"""What a calendar shows: what was cancelled, released or handed over is simply no longer there."""


@router.get("/calendar/{token}.ics")
def feed(request: Request, session: Reading, context: Ctx, token: str) -> Response:
    """Give the calendar of a private address."""
    kept = feeds.found(session, token)
    owner = session.get_one(Member, kept.member)
    texts = catalogue(owner.language[:2] if owner.language[:2] in LANGUAGES else "en")
    rows = _rows(session, kept, context.clock.now_ms())
    machine = session.get_one(Machine, kept.machine) if kept.machine else None
    name = machine.name if machine else texts.gettext("My reservations")
    events = _events(session, context, rows, texts, by_machine=machine is None, reader=owner.id)
    body = calendar.write(f"{name} · {context.settings.space_name}", events)
    return _answer(request, body)


@router.get("/reservations/{id}.ics")
def one(request: Request, who: SignedIn, session: Reading, context: Ctx, id: str) -> Response:
    """Give one reservation to add to a calendar."""
    row = session.get(Reserved, id)
    if row is None or not who.may_see(row.member or "", Permission.MEMBERS_READ):
        raise Refused("reservation_not_found", "There is no such reservation.")
    texts = catalogue(who.member.language[:2] if who.member.language[:2] in LANGUAGES else "en")
    events = _events(session, context, [row], texts, by_machine=True, reader=who.id)
    answer = _answer(request, calendar.write(context.settings.space_name, events))
    answer.headers["Content-Disposition"] = 'attachment; filename="reservation.ics"'
    return answer


def _rows(session: Session, kept: Feed, now_ms: int) -> list[Reserved]:
    query = select(Reserved).where(
        col(Reserved.standing).in_(SHOWN), col(Reserved.ends_ms) > now_ms - PAST_MS
    )
    query = query.where(Reserved.machine == kept.machine if kept.machine else Reserved.member == kept.member)
    rows = list(session.exec(query.order_by(col(Reserved.begins_ms), col(Reserved.id)).limit(EVENTS_MAX)))
    told = facts.by_now(session, rows, policies.read(session, now_ms), now_ms)
    return [row for row, one in told if one.standing in SHOWN]


def _events(
    session: Session,
    context: Context,
    rows: Iterable[Reserved],
    texts: Catalogue,
    *,
    by_machine: bool,
    reader: str,
) -> list[Event]:
    """Return rows as events, named by their machine, or (a machine's calendar) by whose they are."""
    found = list(rows)
    tools = select(Machine).where(col(Machine.id).in_({row.machine for row in found}))
    machines = {tool.id: tool for tool in session.exec(tools)}
    people = select(Member.id, Member.shown_name).where(col(Member.id).in_({row.member for row in found}))
    names = dict(session.exec(people).all())
    events = []
    for row in found:
        tool = machines[row.machine]
        kind = "" if row.kind is Kind.USE else texts.gettext(KINDS[row.kind])
        whose = names.get(row.member or "", "") or kind or texts.gettext(KINDS[Kind.USE])
        concerns = row.member == reader or row.kind is not Kind.USE
        events.append(
            Event(
                id=row.id,
                title=tool.name if by_machine else f"{tool.name}: {whose}",
                place=tool.location,
                begins_ms=row.begins_ms,
                ends_ms=row.ends_ms,
                changed_ms=row.changed_ms,
                made_ms=row.made_ms,
                is_off=row.standing not in SHOWN,
                words=row.words if concerns else "",
                url=f"{context.settings.address}/machines/{row.machine}/reserve",
            )
        )
    return events


def _answer(request: Request, body: bytes) -> Response:
    """Answer with a calendar that its reader alone may keep, or that it has not changed."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=300", "X-Robots-Tag": "noindex"}
    asked = request.headers.get("if-none-match", "")
    if tag in [one.strip().removeprefix("W/") for one in asked.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=calendar.MEDIA, headers=headers)

"""A new badge for a member, read at a station: asked for on the member's page, which says what came of it."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form
from markupsafe import Markup
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.badges import service as badges
from booking_api.badges.reading import Reading, ReadingState, Wanted
from booking_api.context import Context, Orders
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.web.live import stream
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from floor.errors import MachineUnreachable, Refused

router = Router(include_in_schema=False)
BadgeKeeper = Annotated[Who, Depends(holds(Permission.BADGES_WRITE))]
STATES: dict[ReadingState, tuple[str, str]] = {
    ReadingState.WAITING: ("accent", "Hold the new badge to the reader of %(machine)s."),
    ReadingState.ENROLLED: ("good", "The badge is enrolled."),
    ReadingState.TAKEN: ("bad", "This badge is enrolled already, for %(holder)s. Remove it there first."),
    ReadingState.OWN: ("bad", "This badge is enrolled for this member already."),
    ReadingState.RANDOM: (
        "bad",
        "This badge or phone shows another number each time: it cannot be known again by it.",
    ),
    ReadingState.UNFIT: ("bad", "A badge of this kind cannot be enrolled here."),
    ReadingState.IN_USE: ("bad", "Somebody uses %(machine)s now: no badge is read there meanwhile."),
    ReadingState.UNREACHABLE: ("bad", "The station of %(machine)s cannot be reached just now."),
    ReadingState.CANCELLED: ("accent", "No badge is read any more."),
    ReadingState.REPLACED: ("accent", "The station was asked for another badge meanwhile."),
    ReadingState.TIMED_OUT: ("accent", "No badge came in time."),
}
"""How a reading stands, as staff read it; a catalogue has each text."""


@dataclass(frozen=True, slots=True)
class ReadingShown:
    """How a reading stands."""

    tone: str
    text: str
    waits: bool


@router.post("/members/{id}/reading")
async def begin(
    who: BadgeKeeper,
    page: Paged,
    id: str,
    machine: Annotated[str, Form(max_length=64)],
    label: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Have the next badge at a station read, and enrolled for this member."""
    context = page.context
    member, found = await asyncio.to_thread(_read, context, id, machine)
    if found.gateway is None or found.archived_ms is not None:
        raise Refused("station_invalid", "This machine has no station with a reader.")
    wanted = Wanted(member.id, found.gateway, found.id, label, who.id)
    await context.readings.begin(wanted, _link(context).send_command)
    return RedirectResponse(f"/members/{id}#badges-title", 303)


@router.post("/members/{id}/reading/cancel")
async def cancel(who: BadgeKeeper, page: Paged, id: str) -> Response:
    """Wait no more."""
    await page.context.readings.cancel(id, who.id, _link(page.context).send_command)
    return RedirectResponse(f"/members/{id}#badges-title", 303)


@router.get("/live/members/{id}/badges")
async def live_badges(who: BadgeKeeper, page: Paged, id: str) -> Response:
    """Stream a member's badges, and what comes of a reading."""
    return stream(page, functools.partial(badge_parts, id=id))


def badge_parts(page: Page, id: str) -> dict[str, Markup]:
    """Draw what changes on the page."""
    with page.context.database.read() as session:
        return {"badges": badges_part(session, page, members.get(session, id), own=False, oob=True)}


def badges_part(session: Session, page: Page, member: Member, *, own: bool, oob: bool = False) -> Markup:
    """Draw a member's badges; to those who manage badges, with the reading that was asked for."""
    reading = (
        None if own or not page.may(Permission.BADGES_WRITE) else page.context.readings.of_member(member.id)
    )
    return page.part(
        "part_badges.html",
        member=member,
        badges=badges.of_member(session, member.id),
        own=own,
        oob=oob,
        reading=_shown(session, page, reading) if reading else None,
    )


def _shown(session: Session, page: Page, reading: Reading) -> ReadingShown:
    tone, text = STATES[reading.state]
    holder = members.get(session, reading.holder) if reading.holder else None
    said = page.f.texts.gettext(text) % {
        "machine": machines.get(session, reading.wanted.machine).name,
        "holder": holder.whole_name if holder else "",
    }
    return ReadingShown(tone, said, reading.state is ReadingState.WAITING)


def _read(context: Context, member: str, machine: str) -> tuple[Member, Machine]:
    with context.database.read() as session:
        return members.get(session, member), machines.get(session, machine)


def _link(context: Context) -> Orders:
    if context.link is None:
        raise MachineUnreachable("This machine has no gateway.")
    return context.link

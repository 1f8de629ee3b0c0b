"""What a scanned code of a station leads to: a question on the phone, and what the station answered.

Nothing is granted by opening the address: a phone may look at it by itself. The form's answer is a tap.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form, Query
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.badges import phone
from booking_api.badges.phone import Scanned
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.web.formats import Formats
from booking_api.web.pages import Paged
from floor.errors import MachineUnreachable, Refused
from floor.texts import say
from floor.wire.messages import Reply
from floor.words import DenialReason

router = Router(prefix="/tap", include_in_schema=False)
EXPIRES_MAX = 1 << 40
DONE: dict[str, str] = {
    "began": "Unlocked: your session has begun.",
    "ended": "Your session has ended.",
    "held": "You may go: the machine finishes your job, and you pay until then.",
    "resumed": "Your session goes on.",
    "waits": "The station says what it waits for before it gives power.",
}
"""What a tap did, as a phone says it; a catalogue has each text."""


def _in_browser(who: Annotated[Who, Depends(holds(Permission.ME_WRITE))]) -> Who:
    """Let a browser through, and no token: one outlives a new password, and nobody has it in their hand."""
    if not who.session:
        raise Refused("forbidden", "A tap is confirmed in a signed-in browser.")
    return who


Taps = Annotated[Who, Depends(_in_browser)]
UNKNOWN = "This station does not know you yet. Try again in a minute, or ask staff."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the phone shows of a tap."""

    tone: str
    text: str


@router.get("")
def ask(
    who: SignedIn,
    page: Paged,
    s: Annotated[str, Query(max_length=64)],
    n: Annotated[str, Query(max_length=16)],
    e: Annotated[int, Query(ge=0, le=EXPIRES_MAX)],
    m: Annotated[str, Query(max_length=32)],
) -> Response:
    """Ask whether the reader wants to tap; it uses nothing up."""
    scanned, context = Scanned(s, n, e, m), page.context
    with context.database.read() as session:
        machine = phone.check(session, context.vault, scanned, context.wall.now_ms())
    station = context.live.station(machine.id)
    mine = station is not None and station.member == who.id and station.session_id is not None
    here = f"/tap?{urlencode({'s': s, 'n': n, 'e': e, 'm': m})}"
    values = {"machine": machine, "scanned": scanned, "mine": mine, "outcome": None, "path": here}
    return page.answer("tap.html", values)


@router.post("")
async def tap(
    who: Taps,
    page: Paged,
    s: Annotated[str, Form(max_length=64)],
    n: Annotated[str, Form(max_length=16)],
    e: Annotated[int, Form(ge=0, le=EXPIRES_MAX)],
    m: Annotated[str, Form(max_length=32)],
) -> Response:
    """Tap for the reader at the station whose code they scanned."""
    scanned = Scanned(s, n, e, m)
    try:
        outcome = said(await phone.tap(page.context, scanned, who.id), page.f)
    except MachineUnreachable:
        text = page.f.texts.gettext("The station cannot be reached just now. Use your badge.")
        outcome = Outcome("bad", text)
    values = {"machine": await asyncio.to_thread(_machine, page, s), "outcome": outcome, "path": "/me"}
    return page.answer("tap.html", values, 200 if outcome.tone == "good" else 409)


def said(reply: Reply, formats: Formats) -> Outcome:
    """Say what the station answered, in the reader's language."""
    gettext = formats.texts.gettext
    if reply.done and reply.tap in DONE:
        return Outcome("good", gettext(DONE[reply.tap]))
    if reply.reason is DenialReason.UNKNOWN_BADGE:
        return Outcome("bad", gettext(UNKNOWN))
    if reply.reason is not None:
        return Outcome("bad", say(reply.reason, formats.language))
    return Outcome("bad", gettext("The station does not take this code any more."))


def _machine(page: Paged, id: str) -> Machine:
    with page.context.database.read() as session:
        return machines.get(session, id)

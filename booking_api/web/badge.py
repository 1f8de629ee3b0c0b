"""The page that a phone opens when it is held to a badge: is it genuine, and whose is it?

Its address opens once. Whoever is not signed in learns that a badge is genuine, and not whose it is.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.permissions import Permission
from booking_api.auth.throttle import Throttle, place_of
from booking_api.badges import readings
from booking_api.badges.models import Badge
from booking_api.badges.readings import Address, Judged, Outcome
from booking_api.context import Context
from booking_api.members import service as members
from booking_api.metrics import BADGE_ADDRESSES
from booking_api.web.pages import Paged
from booking_api.web.render import Page

router = Router(include_in_schema=False)
Part = Annotated[str, Query(max_length=64)]
FAILURES = 30
"""So many addresses that prove nothing may come from one place in five minutes: a space shares one."""
BY_PLACE = Throttle("badge", tries=FAILURES)


@router.get("/b")
async def show_badge(
    request: Request, page: Paged, u: Part = "", c: Part = "", e: Part = "", m: Part = ""
) -> Response:
    """Say whether the badge that shows this address is genuine; the address opens nothing a second time."""
    context, real_ms = page.context, page.context.wall.now_ms()
    place = place_of(request.client.host if request.client else "")
    if await asyncio.to_thread(_waits, context, place, real_ms):
        return _plain(page, Outcome.TOO_OFTEN)
    address = readings.parse(context.vault.masters, u, c, e, m)
    if address is None:
        await context.database.transact(lambda session: BY_PLACE.count(session, place, real_ms))
        return _plain(page, Outcome.MALFORMED)
    judged = await asyncio.to_thread(_judge, context, address)
    if judged.badge is None:
        await context.database.transact(lambda session: BY_PLACE.count(session, place, real_ms))
        return _plain(page, judged.outcome)
    id, counter, now_ms = judged.badge.id, judged.counter, context.clock.now_ms()
    if not await context.database.transact(lambda session: readings.take(session, id, counter, now_ms)):
        return _plain(page, Outcome.REPLAYED)
    BADGE_ADDRESSES.labels(Outcome.GENUINE).inc()
    return await asyncio.to_thread(_genuine, page, judged.badge)


def _waits(context: Context, place: str, now_ms: int) -> bool:
    with context.database.read() as session:
        return BY_PLACE.waits(session, place, now_ms)


def _judge(context: Context, address: Address) -> Judged:
    with context.database.read() as session:
        return readings.judge(session, context.vault, address)


def _plain(page: Page, outcome: Outcome) -> Response:
    """Answer alike, whatever was wrong: who tries learns nothing. What it was is counted."""
    BADGE_ADDRESSES.labels(outcome).inc()
    often = outcome is Outcome.TOO_OFTEN
    return page.answer("badge.html", {"badge": None, "often": often}, 429 if often else 404)


def _genuine(page: Page, badge: Badge) -> Response:
    mine = page.who is not None and page.who.id == badge.member
    owner = None
    if mine or page.may(Permission.MEMBERS_READ):
        with page.context.database.read() as session:
            owner = members.get(session, badge.member)
    values = {"badge": badge, "owner": owner, "mine": mine, "often": False}
    return page.answer("badge.html", values)

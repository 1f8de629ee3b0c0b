"""My statement: what I owe and why, what runs now, my badges and my training."""

from __future__ import annotations

import functools
from typing import Annotated

from fastapi import Form, Query
from markupsafe import Markup
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import choice
from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.badges import service as badges
from booking_api.badges.endpoints import check_reporter
from booking_api.billing import service as billing
from booking_api.certifications import service as certifications
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import begin_ms
from booking_api.periods.calendar import MONTH
from booking_api.sessions.models import MachineSession
from booking_api.web.badge_reading import badges_part
from booking_api.web.board import Card, read_cards
from booking_api.web.live import stream
from booking_api.web.pages import Paged
from booking_api.web.payer import read_payer
from booking_api.web.render import Page
from booking_api.web.statement import machine_names, month_of, read_month
from booking_api.web.waivers import asked_now, where_words
from floor.errors import Refused

router = Router(include_in_schema=False)
MonthText = Annotated[str, Query(max_length=7)]
AccountText = Annotated[str, Form(min_length=1, max_length=64)]


@router.get("/me")
def my_statement(who: SignedIn, page: Paged, month: MonthText = "") -> Response:
    """Show the reader's own account."""
    require(who, Permission.ME_READ)
    with page.context.database.read() as session:
        member = members.get(session, who.id)
        values = account_values(session, page, member, month, own=True)
        chosen = month_of(month, page.context.clock.now_ms(), page.f)
        values["payer"] = read_payer(session, member, chosen, page.context.settings.currency.code)
        values["asked"] = asked_now(session, page, member)
        values["where"] = where_words(session)
        values["suspended"] = members.is_suspended(member, page.context.clock.now_ms())
        values["begin"] = lambda one: page.f.day(begin_ms(one, page.f.zone))
        running = running_cards(session, page, who.id)
    values["running"] = page.part("part_running.html", cards=running, oob=False)
    return page.answer("me.html", values)


@router.get("/live/me")
async def live_me(who: SignedIn, page: Paged) -> Response:
    """Stream the reader's running sessions."""
    require(who, Permission.ME_READ)
    draw = functools.partial(my_parts, member=who.id)
    return stream(page, draw)


@router.post("/me/badges/{id}/lost")
def report_lost(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Report a badge lost."""
    check_reporter(who, badges.get(session, id).member)
    badges.report_lost(session, id, page.context.clock.now_ms(), who.id)
    return RedirectResponse("/me?notice=lost", 303)


@router.post("/me/account")
def choose_account(who: SignedIn, session: Writing, page: Paged, account: AccountText) -> Response:
    """Choose which account the reader's sessions are charged to from now on."""
    require(who, Permission.ME_WRITE)
    choice.choose(session, members.get(session, who.id), account, page.context.clock.now_ms())
    return RedirectResponse("/me?notice=payer", 303)


@router.post("/me/sessions/{id}/account")
def move_session(
    who: SignedIn,
    session: Writing,
    page: Paged,
    id: str,
    account: AccountText,
    month: Annotated[str, Form(max_length=7)] = "",
) -> Response:
    """Charge one of the reader's sessions to another of their accounts, until the month is closed."""
    require(who, Permission.ME_WRITE)
    used = session.get(MachineSession, id)
    if used is None or used.member != who.id:
        raise Refused("session_not_found", "This is no session of yours.")
    billing.move(session, id, account, who.id, "another account was chosen", page.context.clock.now_ms())
    shown = month if MONTH.fullmatch(month) else ""
    return RedirectResponse(f"/me?month={shown}&notice=moved", 303)


def account_values(
    session: Session, page: Page, member: Member, month: str, *, own: bool = False
) -> dict[str, object]:
    """Return what the account part of a page shows of a member; `own` is the member's own page."""
    now_ms = page.context.clock.now_ms()
    chosen = month_of(month, now_ms, page.f)
    view = read_month(session, member, page.context.settings.currency.code, chosen, page.f)
    return {
        "member": member,
        "view": view,
        "badge_list": badges_part(session, page, member, own=own),
        "certifications": certifications.holdings(session, member.id, now_ms),
        "names": machine_names(session),
        "now_ms": now_ms,
    }


def running_cards(session: Session, page: Page, member: str) -> list[Card]:
    """Return the cards of the machines that a member uses now."""
    stations = page.context.live.snapshot().stations.values()
    mine = frozenset(station.machine for station in stations if station.member == member)
    return [card for card in read_cards(session, page, mine).values() if card.mine]


def my_parts(page: Page, member: str) -> dict[str, Markup]:
    """Draw what changes on the page."""
    with page.context.database.read() as session:
        cards = running_cards(session, page, member)
    return {"running": page.part("part_running.html", cards=cards, oob=True)}

"""My page: what I owe, what runs now and what comes next; my account by month, my badges and training."""

from __future__ import annotations

import functools
from typing import Annotated

from fastapi import Form, Query
from markupsafe import Markup
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import choice
from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.badges import service as badges
from booking_api.badges.endpoints import check_reporter
from booking_api.billing import service as billing
from booking_api.certifications import service as certifications
from booking_api.ledger.statement import balances
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.periods.calendar import MONTH
from booking_api.reservations import facts, policies
from booking_api.reservations.models import Reserved
from booking_api.sessions.models import MachineSession
from booking_api.sites import known
from booking_api.web.allowances import read_allowances
from booking_api.web.attention import SOON_MS, next_due, read_attention
from booking_api.web.badge_reading import badges_part
from booking_api.web.live import stream
from booking_api.web.pages import Paged
from booking_api.web.past_uses import Asked, read_uses
from booking_api.web.payer import read_payer
from booking_api.web.render import Page
from booking_api.web.running import read_running
from booking_api.web.spending import read_spending
from booking_api.web.statement import machine_names, month_of, read_month
from floor.errors import Refused

router = Router(include_in_schema=False)
MonthText = Annotated[str, Query(max_length=7)]
FEW = 3
"""So many reservations and uses the first page shows."""
AccountText = Annotated[str, Form(min_length=1, max_length=64)]


@router.get("/me")
def my_page(who: SignedIn, page: Paged, month: MonthText = "") -> Response:
    """Show the reader what matters now; with a month that month's account, as older addresses ask for it."""
    if month:
        return my_month(who, page, month)
    require(who, Permission.ME_READ)
    with page.context.database.read() as session:
        member = members.get(session, who.id)
        values = _overview(session, page, member)
        cards = read_running(session, page, member)
    values["running"] = page.part("part_running.html", cards=cards, oob=False)
    return page.answer("me.html", values)


@router.get("/me/month")
def my_month(who: SignedIn, page: Paged, month: MonthText = "") -> Response:
    """Show the reader's account in a month."""
    require(who, Permission.ME_READ)
    with page.context.database.read() as session:
        member = members.get(session, who.id)
        values = account_values(session, page, member, month, own=True)
        chosen = month_of(month, page.context.clock.now_ms(), page.f)
        values["payer"] = read_payer(session, member, chosen, page.context.settings.currency.code)
    return page.answer("me_month.html", values)


@router.get("/me/badges")
def my_badges(who: SignedIn, page: Paged) -> Response:
    """Show the reader's badges and training."""
    require(who, Permission.ME_READ)
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        member = members.get(session, who.id)
        values = {
            "badge_list": badges_part(session, page, member, own=True),
            "certifications": certifications.holdings(session, member.id, now_ms),
            "now_ms": now_ms,
            "soon_ms": now_ms + SOON_MS,
        }
    return page.answer("me_badges.html", values)


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
    return RedirectResponse("/me/badges?notice=lost", 303)


@router.post("/me/account")
def choose_account(who: SignedIn, session: Writing, page: Paged, account: AccountText) -> Response:
    """Choose which account the reader's sessions are charged to from now on."""
    require(who, Permission.ME_WRITE)
    choice.choose(session, members.get(session, who.id), account, page.context.clock.now_ms())
    return RedirectResponse("/me/month?notice=payer", 303)


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
    return RedirectResponse(f"/me/month?month={shown}&notice=moved", 303)


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


def _overview(session: Session, page: Page, member: Member) -> dict[str, object]:
    now_ms, code = page.context.clock.now_ms(), page.context.settings.currency.code
    month = month_of("", now_ms, page.f)
    due = next_due(session, page, member)
    uses, _ = read_uses(session, member, Asked(None, "", ""), code)
    return {
        "member": member,
        "code": code,
        "balances": balances(session, member.account),
        "due": due,
        "attention": read_attention(session, page, member, due),
        "reserved": _reserved(session, page, member),
        "allowances": read_allowances(
            session, member.account, member.tier, month.from_ms, month.to_ms, page.f, covers=True
        ),
        "spending": read_spending(session, page, member),
        "uses": uses[:FEW],
        "month": month,
        "sites": bool(known.listed(session)),
        "now_ms": now_ms,
    }


def _reserved(session: Session, page: Page, member: Member) -> list[tuple[Reserved, str, bool]]:
    """Return the next reservations, each with its machine's name and whether it has begun."""
    now_ms, names = page.context.clock.now_ms(), machine_names(session)
    ends = col(Reserved.ends_ms)
    query = select(Reserved).where(Reserved.member == member.id, ends > now_ms)
    rows = session.exec(query.order_by(col(Reserved.begins_ms)).limit(20)).all()
    found = facts.by_now(session, rows, policies.read(session, now_ms), now_ms)
    return [
        (row, names.get(row.machine, row.machine), row.begins_ms <= now_ms)
        for row, one in found
        if one.standing in facts.HOLDS
    ][:FEW]


def my_parts(page: Page, member: str) -> dict[str, Markup]:
    """Draw what changes on the page."""
    with page.context.database.read() as session:
        cards = read_running(session, page, members.get(session, member))
    return {"running": page.part("part_running.html", cards=cards, oob=True)}

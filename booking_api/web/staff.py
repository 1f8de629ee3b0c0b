"""Members as staff see them: the list, and one member with training, badges and account."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.clock import make_id
from booking_api.idempotency import once
from booking_api.ledger import service as ledger
from booking_api.ledger.endpoints import Posted
from booking_api.machines import service as machines
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.payments.books import check_amount
from booking_api.sites import known
from booking_api.web.me import MonthText, account_values
from booking_api.web.pages import Paged
from booking_api.web.paging import ROWS, At, around
from booking_api.web.render import Page
from booking_api.web.training_words import skill_choices
from booking_api.web.typed import Amount, Key, Memo, read_amount
from floor.errors import Refused

router = Router(prefix="/members", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]
Cashier = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
BadgeKeeper = Annotated[Who, Depends(holds(Permission.BADGES_WRITE))]


@router.get("")
def member_list(
    request: Request,
    who: Reads,
    page: Paged,
    text: Annotated[str, Query(max_length=100)] = "",
    at: At = 0,
) -> Response:
    """List members; a search as one types asks for the rows only."""
    with page.context.database.read() as session:
        rows = members.listed(session, text, ROWS + 1, at)
        sites = bool(known.listed(session))
    before, after = around(at, len(rows))
    values = {"sites": sites, "rows": rows[:ROWS], "text": text, "before": before, "after": after}
    if request.headers.get("hx-request"):
        return page.answer("part_members.html", values)
    return page.answer("members.html", values)


@router.get("/{id}")
def member_page(who: Reads, page: Paged, id: str, month: MonthText = "") -> Response:
    """Show a member: training for instructors and technicians, badges and account for operators."""
    with page.context.database.read() as session:
        member = members.get(session, id)
        if page.may(Permission.LEDGER_READ):
            values = account_values(session, page, member, month)
            values["splits"] = page.may(Permission.LEDGER_WRITE)
        else:
            values = _without_account(session, page, member)
        values["machines"] = machines.listed(session)
        values["skills"] = skill_choices(session, page.f)
        values["care"] = care.of(session, id)
        values["suspended"] = members.is_suspended(member, page.context.clock.now_ms())
    values["payment_key"] = make_id(page.context.wall.now_ms())
    return page.answer("member.html", values)


@router.post("/{id}/payments")
def take_payment(
    who: Cashier,
    session: Writing,
    page: Paged,
    id: str,
    amount: Amount,
    key: Key,
    memo: Memo = "",
) -> Response:
    """Post a payment in cash; the form's key makes a second click post nothing."""
    member, context = members.get(session, id), page.context
    paid_micro, code = read_amount(amount), context.settings.currency.code
    check_amount(paid_micro, context.settings.currency)

    def pay() -> Posted:
        now_ms = context.clock.now_ms()
        sealed = ledger.take_payment(session, member.account, paid_micro, code, now_ms, who.id, memo)
        return Posted(entry=sealed.entry.id, seq=sealed.seq, hash=sealed.hash)

    once(session, who.id, key, f"payment {id} {paid_micro} {memo}", context.wall.now_ms(), Posted, pay)
    return RedirectResponse(f"/members/{id}?notice=paid", 303)


@router.post("/{id}/badges/{badge}/{state}")
def report_badge(
    who: BadgeKeeper, session: Writing, page: Paged, id: str, badge: str, state: str
) -> Response:
    """Report a member's badge lost or found."""
    if badges.get(session, badge).member != id or state not in {"lost", "found"}:
        raise Refused("badge_not_found", "This member has no such badge.")
    report = badges.report_lost if state == "lost" else badges.report_found
    report(session, badge, page.context.clock.now_ms(), who.id)
    return RedirectResponse(f"/members/{id}?notice={state}", 303)


def _without_account(session: Session, page: Page, member: Member) -> dict[str, object]:
    return {
        "member": member,
        "view": None,
        "badge_list": "",
        "certifications": certifications.holdings(session, member.id, page.context.clock.now_ms()),
        "now_ms": page.context.clock.now_ms(),
    }

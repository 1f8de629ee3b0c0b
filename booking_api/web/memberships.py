"""Memberships as pages: my plan; for staff, who has which plan and who waits for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import teams
from booking_api.accounts.models import Account
from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships import billing, plans, service
from booking_api.memberships.days import begin_ms, day_of, read_day
from booking_api.memberships.endpoints import by, mine
from booking_api.memberships.models import Membership, MembershipBill
from booking_api.memberships.service import By, Wish
from booking_api.memberships.standing import Held, held, of_member
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.typed import read_optional_amount
from floor import money
from floor.costing.model import written
from floor.membership import Cycle, Plan, last_day, next_period

router = Router(include_in_schema=False)
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Bills = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Short = Annotated[str, Form(max_length=64)]
Day = Annotated[str, Form(max_length=10)]


@dataclass(frozen=True, slots=True)
class Seen:
    """A membership as a page shows it. `state` is "asked", "coming", "active", "paused" or "over"."""

    held: Held
    who: Member
    team: str
    state: str
    pays_micro: int
    can_change: bool
    pause: tuple[str, str] | None

    @property
    def plan(self) -> Plan:
        """Its plan."""
        return self.held.plan


@router.get("/membership")
def my_membership(who: SignedIn, page: Paged) -> Response:
    """Show the reader's memberships, and the plans that there are."""
    require(who, Permission.ME_READ)
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        found = _seen(session, page, of_member(session, who.id), who)
        values = {
            "current": [one for one in found if one.state != "over"],
            "offered": plans.offered(session, day_of(now_ms, page.f.zone)),
            "teams": [one for one in teams.listed(session, who.id) if one.parent is None],
            "bills": billing.bills_of(session, [one.held.row for one in found])[:24],
            "last": [_last(page, one) for one in found],
            **_words(page, found),
        }
    return page.answer("membership.html", values)


@router.post("/membership")
def join(
    who: SignedIn,
    session: Writing,
    page: Paged,
    plan: Short,
    group: Short = "",
    price: Short = "",
    team: Short = "",
    days: Annotated[int, Form(ge=1, le=31)] = 1,
) -> Response:
    """Take a plan, or ask staff for it."""
    require(who, Permission.ME_WRITE)
    wish = Wish(plan=plan, group=group, price_micro=read_optional_amount(price), account=team, days=days)
    asking = By(who.id, page.context.clock.now_ms(), is_staff=False)
    row = service.join(session, who.id, wish, asking)
    return RedirectResponse(f"/membership?notice={'joined' if row.accepted_ms else 'asked'}", 303)


@router.post("/membership/{id}/change")
def change(
    who: SignedIn, session: Writing, page: Paged, id: str, plan: Short, price: Short = "", day: Day = ""
) -> Response:
    """Go over to another plan or price with the next period; staff may name the day."""
    row = mine(session, who, id)
    group = row.group if plan == row.plan else ""
    wish = Wish(
        plan=plan,
        group=group,
        price_micro=read_optional_amount(price),
        quantity=row.quantity,
        first=read_day(day),
    )
    service.change(session, id, wish, by(who, page.context))
    return _back(who, row.member)


@router.post("/membership/{id}/pause")
def pause(who: SignedIn, session: Writing, page: Paged, id: str, day: Day = "", until: Day = "") -> Response:
    """Pause a membership."""
    row = mine(session, who, id)
    service.pause(session, id, read_day(day), read_day(until), by(who, page.context))
    return _back(who, row.member)


@router.post("/membership/{id}/resume")
def resume(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """End a pause, or take back one that is to come."""
    row = mine(session, who, id)
    service.resume(session, id, by(who, page.context))
    return _back(who, row.member)


@router.post("/membership/{id}/end")
def end(who: SignedIn, session: Writing, page: Paged, id: str, day: Day = "") -> Response:
    """Cancel a membership."""
    row = mine(session, who, id)
    service.end(session, id, by(who, page.context), read_day(day))
    return _back(who, row.member)


@router.get("/memberships")
def all_memberships(who: Keeps, page: Paged) -> Response:
    """Show who waits for an answer, the plans with their people, and everybody by plan."""
    with page.context.database.read() as session:
        found = [one for one in _seen(session, page, service.listed(session), who) if one.state != "over"]
        offered = plans.offered(session, day_of(page.context.clock.now_ms(), page.f.zone))
        values = {
            "asked": [one for one in found if one.state == "asked"],
            "plans": [(plan, [one for one in found if _has(one, plan)]) for plan in offered],
            **_words(page, found),
        }
    return page.answer("memberships.html", values)


@router.post("/memberships/bill")
def bill(who: Bills, session: Writing, page: Paged) -> Response:
    """Charge what has come due."""
    billing.run(session, page.context.clock.now_ms(), who.id)
    return RedirectResponse("/memberships?notice=billed", 303)


@router.post("/memberships/{id}/accept")
def accept(who: Keeps, session: Writing, page: Paged, id: str, proof_until: Day = "") -> Response:
    """Accept a membership that was asked for, with until when a group is proven."""
    service.accept(session, id, by(who, page.context), read_day(proof_until))
    return RedirectResponse("/memberships?notice=kept", 303)


@router.post("/memberships/{id}/refuse")
def refuse(who: Keeps, session: Writing, id: str) -> Response:
    """Refuse a membership that was asked for."""
    service.refuse(session, id)
    return RedirectResponse("/memberships?notice=kept", 303)


def _has(one: Seen, plan: Plan) -> bool:
    return one.held.row.plan == plan.id and one.state != "asked"


def _seen(session: Session, page: Page, rows: Sequence[Membership], who: Who) -> list[Seen]:
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    people = {row.member: members.get(session, row.member) for row in rows}
    found = []
    for one in held(session, rows, today):
        row, account = one.row, session.get(Account, one.row.account)
        person = people[row.member]
        price = one.plan.price(row.price_micro, row.group) * row.quantity
        found.append(
            Seen(
                held=one,
                who=person,
                team=account.name if account and row.account != person.account else "",
                state=_state(one, page),
                pays_micro=price,
                can_change=row.member == who.id or teams.owns(session, row.account, who.id),
                pause=_pause(one, page),
            )
        )
    return found


def _state(one: Held, page: Page) -> str:
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    if one.row.accepted_ms is None:
        return "asked"
    if today < one.term.first:
        return "coming"
    if not one.term.covers(today):
        return "over"
    return "active" if one.term.holds(today) else "paused"


def _pause(one: Held, page: Page) -> tuple[str, str] | None:
    """Return from when and until when it is paused, now or next."""
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    for begin, stop in one.term.pauses:
        if stop is None or stop > today:
            shown = page.f.day(begin_ms(begin, page.f.zone))
            return shown, page.f.day(begin_ms(stop, page.f.zone)) if stop else ""
    return None


def _last(page: Page, one: Seen) -> dict[str, str]:
    """Return when a change would begin, and when the membership would end that is cancelled today."""
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    day, zone = max(today, one.held.term.first), page.f.zone
    edge = next_period(one.plan.cycle, one.held.term, day) if one.plan.cycle is not Cycle.DAY else day
    return {
        "id": one.held.row.id,
        "next": page.f.day(begin_ms(edge, zone)),
        "next_day": edge.isoformat(),
        "end": page.f.day(begin_ms(last_day(one.plan, one.held.term, day), zone)),
    }


def _words(page: Page, found: list[Seen]) -> dict[str, object]:
    """Return what templates call things, and how they write days, prices and chosen amounts."""
    gettext, zone, f = page.f.texts.gettext, page.f.zone, page.f
    cycles = {
        Cycle.DAY: gettext("a day"),
        Cycle.MONTH: gettext("a month"),
        Cycle.QUARTER: gettext("a quarter"),
        Cycle.YEAR: gettext("a year"),
    }
    states = {
        "asked": gettext("waits for staff"),
        "coming": gettext("begins later"),
        "active": gettext("in force"),
        "paused": gettext("paused"),
    }

    def price(plan: Plan, micro: int) -> str:
        return (
            gettext("by use")
            if plan.tariff
            else f"{f.money(micro, plan.commodity.code)} {cycles[plan.cycle]}"
        )

    return {
        "states": states,
        "price": price,
        "day": lambda day: f.day(begin_ms(day, zone)),
        "typed": lambda micro: written(Fraction(micro, money.MICRO)),
        "month_of": lambda bill: _month(page, bill),
        "plan_names": {one.held.row.id: one.plan.name(f.language) for one in found},
        "code": page.context.settings.currency.code,
    }


def _month(page: Page, bill: MembershipBill) -> str:
    first = read_day(f"{bill.month}-01")
    assert first is not None, "a month has a first day"
    return page.f.month(begin_ms(first, page.f.zone))


def _back(who: Who, member: str) -> Response:
    where = "/membership" if member == who.id else "/memberships"
    return RedirectResponse(f"{where}?notice=kept", 303)

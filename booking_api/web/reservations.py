"""A member's reservations as a page: what is booked, waited for and offered, and calendar addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.machines import service as machines
from booking_api.problems import status_of
from booking_api.reservations import booking, facts, feeds, policies, waiting
from booking_api.reservations.booking import ChangeDetails
from booking_api.reservations.diary import Diary
from booking_api.reservations.endpoints import diary_of, manageable, settled
from booking_api.reservations.line_endpoints import offers_of, own_offer, own_waiting, waiting_of
from booking_api.reservations.models import Reserved
from booking_api.reservations.seen import offers_seen, waiting_seen
from booking_api.web.moments import instant
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.reserve import field_of
from booking_api.web.reserve_words import STANDINGS, problem_words
from booking_api.web.statement import machine_names
from floor.errors import Refused
from floor.reservation import fees
from floor.reservation.terms import Standing

router = Router(prefix="/reservations", include_in_schema=False)
Word = Annotated[str, Form(max_length=64)]
Moment = Annotated[str, Form(max_length=16)]
RECENT = 10
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Line:
    """One of the reader's reservations; `costs` says that giving it up now costs something. `later` is how
    many of its series come after it.
    """

    row: Reserved
    machine: str
    state: str
    coming: bool
    begun: bool
    released_ms: int
    costs: bool
    later: int


@router.get("", dependencies=[Depends(settled)])
def mine(who: SignedIn, session: Reading, page: Paged) -> Response:
    """Show what the reader has reserved, waits for and is offered."""
    require(who, Permission.ME_READ)
    return _show(session, page, who)


@router.post("/{id}/cancel")
def cancel(who: SignedIn, session: Writing, page: Paged, id: str, reason: Word = "") -> Response:
    """Give a slot up."""
    row = manageable(session, who, id)
    booking.cancel(_diary(page, session, who), id, reason)
    return _back(row, who, "reservation_cancelled")


@router.post("/{id}/change")
def change(
    who: SignedIn, session: Writing, page: Paged, id: str, begin: Moment, end: Moment, back: Moment = ""
) -> Response:
    """Move a reservation; `back` is the day to go back to, where that can be undone."""
    row = manageable(session, who, id)
    before = {"moved": id, "begin": field_of(page, row.begins_ms), "end": field_of(page, row.ends_ms)}

    def act(diary: Diary) -> None:
        details = ChangeDetails(begins_ms=instant(begin, page.f), ends_ms=instant(end, page.f))
        booking.change(diary, id, details)

    place = f"/reservations/day?{urlencode({'day': back, **before})}" if back else ""
    return _act(session, page, who, act, "reservation_changed", place)


@router.post("/{id}/hand-over")
def hand_over(who: SignedIn, session: Writing, page: Paged, id: str, number: Word) -> Response:
    """Hand a reservation over to the member with this number."""
    manageable(session, who, id)

    def act(diary: Diary) -> None:
        booking.pass_on(diary, id, number)

    return _act(session, page, who, act, "reservation_handed_over")


@router.post("/{id}/extend")
def extend(
    who: SignedIn, session: Writing, page: Paged, id: str, minutes: Annotated[int, Form(ge=1, le=1_440)]
) -> Response:
    """Let a running reservation go on."""
    row = manageable(session, who, id)

    def act(diary: Diary) -> None:
        booking.extend(diary, id, row.ends_ms + minutes * MINUTE_MS)

    return _act(session, page, who, act, "reservation_changed")


@router.post("/waiting/{id}/leave")
def leave(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Wait no more."""
    waiting.leave(_diary(page, session, who), own_waiting(session, who, id))
    return RedirectResponse("/reservations?notice=waits_no_more", 303)


@router.post("/offers/{id}/accept")
def accept(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Book what was offered."""
    own_offer(session, who, id)

    def act(diary: Diary) -> None:
        booking.accept(diary, id)

    return _act(session, page, who, act, "reserved")


@router.post("/offers/{id}/decline")
def decline(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Let an offer go to the next in line."""
    waiting.decline(_diary(page, session, who), own_offer(session, who, id))
    return RedirectResponse("/reservations?notice=offer_declined", 303)


@router.post("/calendar")
def make_feed(who: SignedIn, session: Writing, page: Paged, machine: Word = "") -> Response:
    """Make a calendar address, and show it this once."""
    require(who, Permission.ME_WRITE)
    _, secret = feeds.make(session, who.id, machine or None, page.context.clock.now_ms())
    address = f"{page.context.settings.address}/calendar/{secret}.ics"
    return _show(session, page, who, address=address)


@router.post("/calendar/{id}/revoke")
def revoke_feed(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """End a calendar address."""
    require(who, Permission.ME_WRITE)
    feeds.revoke(session, id, who.id, page.context.clock.now_ms())
    return RedirectResponse("/reservations?notice=calendar_revoked", 303)


def _diary(page: Page, session: Session, who: Who) -> Diary:
    return diary_of(page.context, session, who)


def _act(
    session: Session, page: Page, who: Who, act: Callable[[Diary], None], notice: str, place: str = ""
) -> Response:
    """Do what a form asks; a rule that refuses is shown on the page, and nothing is changed."""
    try:
        with session.begin_nested():
            act(_diary(page, session, who))
    except Refused as refused:
        session.expire_all()
        words = problem_words(refused, page, machine_names(session))
        return _show(session, page, who, problem=words, status=status_of(refused.code))
    return RedirectResponse(place or f"/reservations?notice={notice}", 303)


def _back(row: Reserved, who: Who, notice: str) -> Response:
    """Go back to where the reader came from: a member to their own, staff to the machine."""
    place = "/reservations" if row.member == who.id else f"/machines/{row.machine}/reserve"
    return RedirectResponse(f"{place}?notice={notice}", 303)


def _show(
    session: Session, page: Page, who: Who, *, address: str = "", problem: str = "", status: int = 200
) -> Response:
    now_ms, names = page.context.clock.now_ms(), machine_names(session)
    lines = _lines(session, page, who.id, names)
    values = {
        "coming": [one for one in lines if one.coming],
        "over": [one for one in reversed(lines) if not one.coming][:RECENT],
        "waiting": waiting_seen(session, waiting_of(session, who.id, now_ms), now_ms),
        "offers": offers_seen(offers_of(session, who.id, now_ms)),
        "feeds": feeds.of_member(session, who.id),
        "names": names,
        "reservable": _reservable(session, who, names, now_ms),
        "address": address,
        "problem": problem,
    }
    return page.answer("reservations.html", values, status)


def _reservable(session: Session, who: Who, names: dict[str, str], now_ms: int) -> list[str]:
    """Return the machines that the reader's rules let them reserve, by name."""
    rules = policies.read(session, now_ms)
    tier = who.member.tier
    there = (one.id for one in machines.listed(session) if rules.of(one.id).rules_for(tier).reserve)
    return sorted(there, key=lambda id: names[id])


def _lines(session: Session, page: Page, member: str, names: dict[str, str]) -> list[Line]:
    now_ms = page.context.clock.now_ms()
    rules = policies.read(session, now_ms)
    query = select(Reserved).where(Reserved.member == member).order_by(col(Reserved.begins_ms).desc())
    rows = reversed(session.exec(query.limit(200)).all())
    lines = []
    found = facts.by_now(session, rows, rules, now_ms)
    coming = [(row.series, row.begins_ms) for row, one in found if one.standing is Standing.BOOKED]
    for row, one in found:
        policy = rules.of(row.machine)
        lines.append(
            Line(
                row=row,
                machine=names.get(row.machine, row.machine),
                state=STANDINGS[one.standing],
                coming=one.standing in facts.HOLDS,
                begun=one.standing is Standing.BEGUN,
                released_ms=policy.rules_for(row.tier).no_show_ms and row.begins_ms + policy.rules.no_show_ms,
                costs=fees.of_cancel(one, policy, now_ms, page.context.zone) is not None,
                later=sum(at == row.series and begins_ms > row.begins_ms for at, begins_ms in coming),
            )
        )
    return lines

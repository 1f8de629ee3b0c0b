"""Reservations that come again: each date with what the rules say of it, before any is booked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from babel.dates import format_date
from fastapi import Form, Query
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.db import start_again
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.memberships.days import read_day
from booking_api.problems import status_of
from booking_api.reservations import booking, series
from booking_api.reservations.endpoints import diary_of, manageable
from booking_api.reservations.series import Again, Dated, SeriesDetails
from booking_api.web.moments import instant
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.reserve_words import problem_words
from booking_api.web.statement import machine_names
from floor.errors import Refused
from floor.reservation.recurring import Unit

router = Router(include_in_schema=False)
Moment = Annotated[str, Form(max_length=16)]
Asked = Annotated[str, Query(max_length=16)]
Words = Annotated[str, Form(max_length=200)]
RHYTHMS = {
    "day": ("every day", Again(unit=Unit.DAY)),
    "week": ("every week", Again(unit=Unit.WEEK)),
    "fortnight": ("every two weeks", Again(unit=Unit.WEEK, every=2)),
    "month": ("every month", Again(unit=Unit.MONTH)),
}
WEEKS = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form holds."""

    begin: str = ""
    end: str = ""
    rhythm: str = "week"
    until: str = ""
    member: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the rules say of each date: `words` is why it cannot be had. `shown` names those that can."""

    dates: tuple[tuple[Dated, str], ...] = ()
    shown: str = ""
    problem: str = ""
    changed: bool = False


@router.get("/machines/{id}/series")
def ask(
    who: SignedIn, session: Reading, page: Paged, id: str, begin: Asked = "", end: Asked = ""
) -> Response:
    """Show the form."""
    require(who, Permission.MACHINES_READ)
    return _show(session, page, id, Wish(begin, end))


@router.post("/machines/{id}/series")
def repeat(
    who: SignedIn,
    session: Writing,
    page: Paged,
    id: str,
    begin: Moment,
    end: Moment,
    rhythm: Annotated[str, Form(max_length=16)] = "week",
    until: Annotated[str, Form(max_length=10)] = "",
    member: Annotated[str, Form(max_length=254)] = "",
    reason: Words = "",
    shown: Annotated[str, Form(max_length=4_000)] = "",
    book: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """Show what the rules say of each date; book what can be had where it is what was `shown`."""
    require(who, Permission.RESERVATIONS_WRITE if member or reason else Permission.ME_WRITE)
    wish = Wish(begin, end, rhythm if rhythm in RHYTHMS else "week", until, member, reason)
    if not until:
        return _show(session, page, id, wish)
    try:
        found = _dates(session, page, who, id, wish)
    except Refused as refused:
        start_again(session)
        problem = problem_words(refused, page, machine_names(session))
        return _show(session, page, id, wish, Found(problem=problem), status_of(refused.code))
    if book and found.shown and shown == found.shown:
        place = f"/machines/{id}/reserve?day={begin[:10]}&" if member else "/reservations?"
        return RedirectResponse(f"{place}notice=series", 303)
    start_again(session)
    return _show(session, page, id, wish, replace(found, changed=bool(book)))


@router.post("/reservations/{id}/cancel-rest")
def cancel_rest(
    who: SignedIn, session: Writing, page: Paged, id: str, reason: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Give a reservation and all later ones of its series up."""
    row = manageable(session, who, id)
    series.cancel_rest(diary_of(page.context, session, who), id, reason)
    place = "/reservations" if row.member == who.id else f"/machines/{row.machine}/reserve"
    return RedirectResponse(f"{place}?notice=series_cancelled", 303)


def _dates(session: Session, page: Page, who: Who, id: str, wish: Wish) -> Found:
    """Book every date that can be had; raises Refused where nothing may come again."""
    details = SeriesDetails(
        machine=id,
        begins_ms=instant(wish.begin, page.f),
        ends_ms=instant(wish.end, page.f),
        member=members.find(session, wish.member).id if wish.member else "",
        reason=wish.reason,
        again=RHYTHMS[wish.rhythm][1].model_copy(update={"until": read_day(wish.until)}),
    )
    booking.check_times(details)
    made, names = series.dates(diary_of(page.context, session, who), details), machine_names(session)
    return Found(
        tuple((one, _why(one, page, names)) for one in made.dates),
        " ".join(str(one.begins_ms) for one in made.dates if one.reservation),
    )


def _why(one: Dated, page: Page, names: dict[str, str]) -> str:
    return "" if one.reservation else problem_words(Refused(one.rule, one.sentence), page, names)


def _show(
    session: Session, page: Page, id: str, wish: Wish, found: Found | None = None, status: int = 200
) -> Response:
    if wish.begin and not wish.until:
        first = instant(wish.begin, page.f)
        until = page.f.moment(first).date() + timedelta(weeks=WEEKS)
        wish = replace(wish, until=until.isoformat())
    values = {
        "machine": machines.get(session, id),
        "wish": wish,
        "found": found or Found(),
        "weekday": lambda at_ms: format_date(page.f.moment(at_ms), "EEE", locale=page.f.locale),
        "rhythms": {key: words for key, (words, _) in RHYTHMS.items()},
    }
    return page.answer("series.html", values, status)

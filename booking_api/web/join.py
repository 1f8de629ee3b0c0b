"""Joining: strangers write who they are and sign, confirm their address, and staff answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import invitations, teams
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.throttle import Throttle, place_of
from booking_api.auth.who import Who
from booking_api.memberships import plans
from booking_api.memberships.days import begin_ms, day_of
from booking_api.problems import status_of
from booking_api.registrations import service
from booking_api.registrations.endpoints import welcome
from booking_api.registrations.service import Wanted
from booking_api.waivers import service as waivers
from booking_api.web.pages import Paged, check_own_site
from booking_api.web.render import Page
from floor.errors import Refused

router = Router(include_in_schema=False)
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
FIELDS = (
    "first_name", "last_name", "email", "phone", "plan", "note", "born", "guardian_name",
    "guardian_contact", "signature", "team",
)  # fmt: skip
WRONG: dict[str, str] = {
    "first_name": "Write a name of at most 100 characters.",
    "last_name": "Write a name of at most 100 characters.",
    "email": "Write one e-mail address, such as name@example.org.",
    "phone": "Write a telephone number of at most 40 characters.",
    "note": "Write at most 1000 characters.",
    "born": "Write a date of birth that can be.",
    "guardian_name": "Write a name of at most 100 characters.",
    "guardian_contact": "Write at most 254 characters.",
    "signature": "Write your whole name to sign.",
}
"""What would be right, by the field that is wrong."""
OTHERWISE = "Something in the form is missing or not as it should be."


BY_PLACE = Throttle("join", tries=20, window_ms=3_600_000)
"""Who writes is counted by address: a space shares one, so it is generous."""


@router.get("/join")
def ask_to_join(session: Reading, page: Paged, team: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Show the form; `team` is the secret of an invitation into one."""
    _check_open(page)
    return _private(page.answer("join.html", _form(session, page, {"team": team}, [], "")))


@router.post("/join")
async def join(request: Request, page: Paged) -> Response:
    """Keep what somebody wrote; the answer is the same whether the address is a member's or not.

    A field that people do not see is for programs that fill in everything: what they send is dropped.
    """
    _check_open(page)
    check_own_site(request)
    form = await request.form(max_files=0, max_fields=60)
    given = {name: str(form.get(name, "")).strip() for name in FIELDS}
    read = [str(one) for one in form.getlist("waiver")][:20]
    context = page.context
    place, real_ms = place_of(request.client.host if request.client else ""), page.context.wall.now_ms()
    try:
        if not await context.database.transact(lambda session: BY_PLACE.count(session, place, real_ms)):
            raise Refused("join_often", "Very many people are joining. Try again in an hour.")
        wanted = _wanted(given, read, page.f.language)
        if not form.get("website"):
            admitted = await context.database.transact(
                lambda session: _keep(session, page, wanted, given["team"])
            )
            if admitted is not None:
                values = {"token": "", "done": wanted.first_name, "by_staff": not admitted}
                return page.answer("join_confirm.html", values)
    except Refused as refused:
        problem = page.f.texts.gettext(refused.sentence)
        values = await context.database.look(lambda session: _form(session, page, given, read, problem))
        return _private(page.answer("join.html", values, status_of(refused.code)))
    return page.answer("join_sent.html", {"email": given["email"]})


@router.get("/join/confirm")
def ask_to_confirm(page: Paged, token: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Show a button: programs that look at links in mail do not press it."""
    _check_open(page)
    return page.answer("join_confirm.html", {"token": token, "done": "", "by_staff": _by_staff(page)})


@router.post("/join/confirm")
def confirm(
    request: Request, session: Writing, page: Paged, token: Annotated[str, Form(max_length=100)]
) -> Response:
    """Take that the letter arrived."""
    _check_open(page)
    check_own_site(request)
    context = page.context
    row = service.confirm(
        session,
        token,
        context.wall.now_ms(),
        context.clock.now_ms(),
        welcome(session, context),
        is_open=not _by_staff(page),
    )
    return page.answer(
        "join_confirm.html", {"token": "", "done": row.first_name, "by_staff": row.member is None}
    )


@router.get("/registrations")
def registration_list(who: Keeps, session: Reading, page: Paged) -> Response:
    """Show who wants to join, and who was answered lately."""
    values = {
        "rows": service.listed(session),
        "plans": plans.offered(session, day_of(page.context.clock.now_ms(), page.f.zone)),
        "join": page.context.settings.people.join,
        "texts": {one.id: waivers.text_of(one, page.f.language)[0] for one in waivers.versions(session)},
        "day": lambda one: page.f.day(begin_ms(one, page.f.zone)),
    }
    return page.answer("registrations.html", values)


@router.post("/registrations/{id}/approve")
def approve(
    who: Keeps, session: Writing, page: Paged, id: str, plan: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    """Admit somebody, on a plan or on none."""
    context = page.context
    made = service.approve(
        session, id, who.id, context.wall.now_ms(), context.clock.now_ms(), welcome(session, context), plan
    )
    return RedirectResponse(f"/members/{made.id}?notice=admitted", 303)


@router.post("/registrations/{id}/decline")
def decline(
    who: Keeps, session: Writing, page: Paged, id: str, reason: Annotated[str, Form(max_length=400)]
) -> Response:
    """Say no, with a reason."""
    context = page.context
    service.decline(session, id, who.id, reason, context.wall.now_ms(), context.clock.now_ms())
    return RedirectResponse("/registrations?notice=declined", 303)


def _keep(session: Session, page: Page, wanted: service.Wanted, team: str) -> bool | None:
    """Keep what somebody wrote; who came by an invitation is asked for or admitted (True) at once."""
    context = page.context
    real_ms, now_ms = context.wall.now_ms(), context.clock.now_ms()
    settings = context.settings
    row = service.write(session, wanted, settings.address, real_ms, now_ms, settings.people.of_age, team)
    if row is None:
        return None
    hello = welcome(session, context)
    service.arrived(session, row, real_ms, now_ms, hello, is_open=not _by_staff(page))
    return row.member is not None


def _private(answer: Response) -> Response:
    """The address may carry a secret: it goes to no other server."""
    answer.headers["referrer-policy"] = "no-referrer"
    return answer


def _check_open(page: Page) -> None:
    if page.context.settings.people.join == "off":
        raise Refused("join_not_found", "Nobody joins by themselves here. Ask staff.")


def _by_staff(page: Page) -> bool:
    return page.context.settings.people.join == "approval"


def _form(
    session: Session, page: Page, given: Mapping[str, str], read: list[str], problem: str
) -> dict[str, object]:
    team, email = "", given.get("email", "")
    if given.get("team"):
        link = invitations.look(session, given["team"], page.context.wall.now_ms())
        team, email = teams.get(session, str(link.team)).name, link.email
    texts = [(row, *waivers.text_of(row, page.f.language)) for row in waivers.of_all(session)]
    return {
        "given": {name: given.get(name, "") for name in FIELDS} | {"email": email},
        "team": team,
        "read": read,
        "problem": problem,
        "waivers": texts,
        "plans": plans.offered(session, day_of(page.context.clock.now_ms(), page.f.zone)),
        "by_staff": _by_staff(page),
        "of_age": page.context.settings.people.of_age,
    }


def _wanted(given: Mapping[str, str], read: list[str], language: str) -> Wanted:
    values: dict[str, object] = dict(given) | {"language": language, "waivers": read}
    del values["team"]
    try:
        values["born"] = date.fromisoformat(given["born"]) if given["born"] else None
        return Wanted.model_validate(values)
    except ValidationError as error:
        where = str(error.errors(include_url=False)[0]["loc"][0])
        raise Refused("join_invalid", WRONG.get(where, OTHERWISE)) from None
    except ValueError:
        raise Refused("join_invalid", WRONG["born"]) from None

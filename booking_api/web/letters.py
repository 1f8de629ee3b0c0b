"""What links in letters open: an invitation, a new password, a new address. Their pages give no referrer."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Form, Path, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import invitations, teams
from booking_api.api.routes import Router
from booking_api.auth import letters, service
from booking_api.auth.desk import Entered, Halfway, let_in
from booking_api.auth.models import Credential, MailedLink
from booking_api.auth.service import Way
from booking_api.auth.throttle import Throttle
from booking_api.happenings.words import LetterKind
from booking_api.members.models import Member
from booking_api.problems import status_of
from booking_api.web.entry import browser_of, go_on
from booking_api.web.pages import Paged, check_own_site
from booking_api.web.render import Page
from floor.errors import Refused

router = Router(include_in_schema=False)
Token = Annotated[str, Path(max_length=100)]
Name = Annotated[str, Form(max_length=100)]
BY_PLACE = Throttle("forgotten", tries=30)


@router.get("/forgotten")
def ask_forgotten(page: Paged) -> Response:
    """Ask whose password was forgotten."""
    return page.answer("forgotten.html", {"sent": False})


@router.post("/forgotten")
async def send_forgotten(
    request: Request, page: Paged, login: Annotated[str, Form(max_length=254)]
) -> Response:
    """Send a link, if there is somebody; what is answered is the same either way."""
    check_own_site(request)
    context, now_ms = page.context, page.context.wall.now_ms()
    place = browser_of(request, context).place

    def send(session: Session) -> None:
        if BY_PLACE.count(session, place, now_ms):
            letters.forgotten(session, login, context.settings.address, now_ms)

    await context.database.transact(send)
    return page.answer("forgotten.html", {"sent": True})


@router.get("/links/{token}")
def open_link(page: Paged, token: Token) -> Response:
    """Show what a link is for; it uses nothing up."""
    with page.context.database.read() as session:
        try:
            link = letters.look(session, token, page.context.wall.now_ms())
        except Refused as refused:
            return _over(page, refused)
        if link.kind is LetterKind.TEAM_INVITATION and letters.member_at(session, link.email) is None:
            answer = RedirectResponse(f"/join?team={token}", 303)
            answer.headers["referrer-policy"] = "no-referrer"
            return answer
        return _form(page, session, link)


@router.post("/links/{token}")
async def use_link(
    request: Request,
    page: Paged,
    token: Token,
    password: Annotated[str, Form(max_length=1000)] = "",
    first_name: Name = "",
    last_name: Name = "",
) -> Response:
    """Do what a link is for, once."""
    check_own_site(request)
    context, language = page.context, page.f.language
    now_ms, floor_ms = context.wall.now_ms(), context.clock.now_ms()
    browser = browser_of(request, context)

    def use(session: Session) -> Entered | Halfway | str:
        kind = letters.look(session, token, now_ms).kind
        if kind is LetterKind.PASSWORD_RESET:
            letters.set_new_password(session, token, password, now_ms)
            return "/sign-in?notice=new_password"
        if kind is LetterKind.EMAIL_CHANGED:
            letters.confirm_email(session, token, now_ms, floor_ms)
            return "/me/security?notice=new_email"
        if kind is LetterKind.TEAM_INVITATION:
            invitations.accept(session, token, now_ms, floor_ms)
            return "/me?notice=in_team"
        who = letters.accept(session, token, first_name, last_name, password, language, now_ms, floor_ms)
        session.flush()
        return let_in(session, context, who, Way.PASSWORD, browser, "/", now_ms)

    try:
        done = await context.database.transact(use)
    except Refused as refused:
        return await asyncio.to_thread(_again, page, token, refused)
    if not isinstance(done, str):
        return go_on(context, done)
    answer = RedirectResponse(done, 303)
    answer.headers["referrer-policy"] = "no-referrer"
    return answer


def _again(page: Page, token: str, refused: Refused) -> Response:
    with page.context.database.read() as session:
        try:
            link = letters.look(session, token, page.context.wall.now_ms())
        except Refused as over:
            return _over(page, over)
        return _form(page, session, link, refused)


def _form(page: Page, session: Session, link: MailedLink, refused: Refused | None = None) -> Response:
    member = session.get(Member, link.member) if link.member else None
    credential = session.get(Credential, link.member) if link.member else None
    gettext = page.f.texts.gettext
    values = {
        "path": "/",  # the language's form leads back to no token
        "kind": link.kind.value,
        "team": teams.get(session, link.team).name if link.team else "",
        "email": link.email,
        "login": credential.login if credential else service.folded(link.email),
        "new": member is None,
        "problem": gettext(refused.sentence) if refused else "",
    }
    return _private(page.answer("link.html", values, status_of(refused.code) if refused else 200))


def _over(page: Page, refused: Refused) -> Response:
    sentence = page.f.texts.gettext(refused.sentence)
    return _private(page.answer("error.html", {"sentence": sentence, "path": "/"}, status_of(refused.code)))


def _private(answer: Response) -> Response:
    """The address of the page is a secret: it goes to no other server, and not to ours either."""
    answer.headers["referrer-policy"] = "no-referrer"
    return answer

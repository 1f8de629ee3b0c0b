"""The floor board, and the ways in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from booking_api.auth import service
from booking_api.auth.desk import Desk
from booking_api.auth.guards import Ctx, SignedIn, Writing, cookie_name
from booking_api.auth.permissions import Permission
from booking_api.auth.service import SESSION_MS
from booking_api.problems import status_of
from booking_api.web.board import gateways_down, read_areas, read_charges, tally
from booking_api.web.live import board_parts, stream
from booking_api.web.render import LANGUAGE_COOKIE, Page, page_of
from floor.errors import Refused
from floor.texts import LANGUAGES

router = APIRouter(include_in_schema=False)
Paged = Annotated[Page, Depends(page_of)]
YEAR_S = 365 * 86_400


@router.get("/")
def board(page: Paged) -> Response:
    """Show the floor."""
    with page.context.database.read() as session:
        areas, cards = read_areas(session, page)
        charges = read_charges(session, page)
    everyone = page.may(Permission.LEDGER_READ)
    strip = page.part("part_strip.html", charges=charges, everyone=everyone, oob=False) if page.who else ""
    values = {
        "areas": areas,
        "strip": strip,
        "tally": page.part("part_tally.html", tally=tally(cards), oob=False),
        "gateways": page.part("part_gateways.html", down=gateways_down(page), oob=False),
    }
    return page.answer("board.html", values)


@router.get("/live/board")
async def live_board(page: Paged) -> Response:
    """Stream what changes on the board."""
    return stream(page, board_parts)


@router.get("/sign-in")
def ask_to_sign_in(page: Paged, next: str = "/") -> Response:
    """Show the sign-in form."""
    if page.who:
        return RedirectResponse(local(next), 303)
    return page.answer("sign_in.html", {"next": local(next), "login": "", "problem": ""})


@router.post("/sign-in")
async def sign_in(
    request: Request,
    page: Paged,
    login: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Sign a browser in with a new token, whatever it carried before."""
    check_own_site(request)
    desk: Desk = request.app.state.desk
    context, name = page.context, cookie_name(page.context)
    address = request.client.host if request.client else ""
    try:
        done = await desk.sign_in(context, login, password, address, request.cookies.get(name))
    except Refused as refused:
        values = {"next": local(next), "login": login, "problem": page.f.texts.gettext(refused.sentence)}
        return page.answer("sign_in.html", values, status_of(refused.code))
    answer = RedirectResponse(local(next), 303)
    answer.set_cookie(
        name, done.token, SESSION_MS // 1000, path="/", secure=context.https, httponly=True, samesite="lax"
    )
    return answer


@router.post("/sign-out")
def sign_out(who: SignedIn, session: Writing, context: Ctx) -> Response:
    """Sign the browser out."""
    service.end_session(session, who.session)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(cookie_name(context), path="/", secure=context.https, httponly=True, samesite="lax")
    return answer


@router.post("/language")
def choose_language(
    request: Request,
    context: Ctx,
    language: Annotated[str, Form(max_length=8)],
    back: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Remember the reader's language in this browser."""
    check_own_site(request)
    answer = RedirectResponse(local(back), 303)
    if language in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE, language, YEAR_S, path="/", secure=context.https, httponly=True, samesite="lax"
        )
    return answer


def local(address: str) -> str:
    """Return an address if it is a path of this server, else the board's: no form sends anybody elsewhere."""
    parts = urlsplit(address.replace("\\", "/"))
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    return address if address.isprintable() else "/"


def check_own_site(request: Request) -> None:
    """Refuse a form that another site sent, where there is no session's token to tell by."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused("csrf_failed", "This form was sent by another site.")

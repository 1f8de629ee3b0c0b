"""The floor board, and the language of pages."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx
from booking_api.auth.permissions import Permission
from booking_api.machines import service as machines
from booking_api.web.board import areas_of, gateways_down, read_board, read_charges, tally
from booking_api.web.board_asked import CHIPS_MAX, Asked, asked_of, choices
from booking_api.web.live import BoardParts, stream
from booking_api.web.render import LANGUAGE_COOKIE, Page, page_of
from floor.errors import Refused
from floor.texts import LANGUAGES

router = Router(include_in_schema=False)
Paged = Annotated[Page, Depends(page_of)]
Filter = Annotated[Asked, Depends(asked_of)]
YEAR_S = 365 * 86_400


@router.get("/")
def board(page: Paged, asked: Filter) -> Response:
    """Show the floor, or what of it the address asks for."""
    with page.context.database.read() as session:
        shown = read_board(session, page, asked)
        there = machines.listed(session)
        charges = read_charges(session, page)
    everyone = page.may(Permission.LEDGER_READ)
    strip = page.part("part_strip.html", charges=charges, everyone=everyone, oob=False) if page.who else ""
    values = {
        "areas": areas_of(shown, page, asked),
        "asked": asked,
        "wall": page.context.settings.wall,
        "board": shown,
        "count": len(there),
        "choices": choices(asked, there, page.f),
        "chips_max": CHIPS_MAX,
        "strip": strip,
        "tally": page.part("part_tally.html", tally=tally(shown.cards), oob=False),
        "gateways": page.part("part_gateways.html", down=gateways_down(page), oob=False),
    }
    return page.answer("board.html", values)


@router.get("/live/board")
async def live_board(page: Paged, asked: Filter) -> Response:
    """Stream what changes on the board."""
    return stream(page, BoardParts(asked))


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

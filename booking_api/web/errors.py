"""Errors of pages, as pages; those of the API are problems."""

from __future__ import annotations

import logging
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from booking_api import problems
from booking_api.auth.guards import context_of, who_asks
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.db import is_away
from booking_api.quiet import Quiet
from booking_api.web.formats import Formats
from booking_api.web.language import catalogue, choose
from booking_api.web.render import make_page
from booking_api.web.sentences import said
from booking_api.web.training_words import skill_names
from floor.errors import FloorError, Refused

log = logging.getLogger(__name__)
_quiet = Quiet(log)
RETRY_AFTER_S = "5"
SENTENCES = {
    404: "There is no such page.",
    408: "What was sent came too slowly. Try it again.",
    413: "What was sent is too large for this page.",
    503: problems.OTHERS["database_away"][1],
}
"""What a page says of an error of HTTP itself; a catalogue has each text."""


async def on_floor_error(request: Request, error: Exception) -> Response:
    """Answer an error of the floor; a page that needs sign-in leads there."""
    if not _is_page(request):
        return await problems.on_floor_error(request, error)
    assert isinstance(error, FloorError)
    status, code, sentence = problems.problem_of(error)
    if code == "not_signed_in" and request.method == "GET":
        return RedirectResponse(f"/sign-in?next={quote(_here(request))}", 303)
    if code == "sign_in_again":
        return RedirectResponse(f"/sign-in?again=1&next={quote(_here(request))}", 303)
    return await _page(request, status, sentence)


def _here(request: Request) -> str:
    """Return the page that a request was made from, or is: only a path of this server."""
    parts = urlsplit(request.headers.get("referer", ""))
    if request.method != "GET":
        return parts.path if parts.netloc == request.headers.get("host") and parts.path else "/me/security"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of HTTP itself."""
    if not _is_page(request):
        return await problems.on_http_error(request, error)
    assert isinstance(error, HTTPException)
    sentence = SENTENCES.get(error.status_code, "This is not possible here.")
    return await _page(request, error.status_code, sentence)


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer a form that was not filled in as it must be."""
    if not _is_page(request):
        return await problems.on_invalid(request, error)
    return await _page(request, 422, "Something in the form is missing or not as it should be.")


async def on_data_error(request: Request, error: Exception) -> Response:
    """Answer what no column can hold: a NUL in a text, which PostgreSQL alone refuses; more than 64 bits."""
    kind = type(error.orig) if isinstance(error, DataError) else type(error)
    log.warning("%s %s: the database refused a value: %s", request.method, request.url.path, kind)
    if not _is_page(request):
        return problems.problem(422, "value_invalid", problems.OTHERS["value_invalid"][1], request)
    return await on_invalid(request, error)


async def on_database_error(request: Request, error: Exception) -> Response:
    """Answer while PostgreSQL is away, and not with a page, which would need it; else it is our fault."""
    if not isinstance(error, DBAPIError) or not is_away(error):
        raise error
    _quiet.warn("the database cannot be reached", error.orig)
    status, sentence = problems.OTHERS["database_away"]
    answer: Response = problems.problem(status, "database_away", sentence, request)
    if _is_page(request):
        words = catalogue(choose(None, None, request.headers.get("accept-language", "")))
        answer = PlainTextResponse(f"{words.gettext(sentence)}\n", status)
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


async def on_server_error(request: Request, error: Exception) -> Response:
    """Answer what is our fault."""
    if not _is_page(request):
        return await problems.on_server_error(request, error)
    return PlainTextResponse(f"{problems.OTHERS['server_error'][1]}\n", 500)  # a page would need the database


def install(app: FastAPI) -> None:
    """Make every error of an application a page or a problem."""
    app.add_exception_handler(FloorError, on_floor_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(DataError, on_data_error)
    app.add_exception_handler(DBAPIError, on_database_error)
    app.add_exception_handler(OverflowError, on_data_error)
    app.add_exception_handler(Exception, on_server_error)


def _is_page(request: Request) -> bool:
    return not request.url.path.startswith(("/api/", "/metrics", "/healthz"))


async def _page(request: Request, status: int, sentence: str) -> Response:
    context = context_of(request)
    page = make_page(request, context, await run_in_threadpool(_who, request))
    names = await run_in_threadpool(_skill_names, context, page.f) if status in {403, 409} else {}
    return page.answer(
        "error.html", {"sentence": said(sentence, page.f, names), "back": _form_page(request)}, status
    )


def _skill_names(context: Context, formats: Formats) -> dict[str, str]:
    """Return the reader's name of each skill by the English one, which refusals have."""
    with context.database.read() as session:
        return skill_names(session, formats)


def _form_page(request: Request) -> str:
    """Return the page whose form was refused, "" where none was sent."""
    parts = urlsplit(request.headers.get("referer", ""))
    is_own = request.method == "POST" and parts.netloc == request.headers.get("host")
    return parts.path if is_own and parts.path.startswith("/") and not parts.path.startswith("//") else ""


def _who(request: Request) -> Who | None:
    try:
        return who_asks(request, context_of(request))
    except Refused:
        return None

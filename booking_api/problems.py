"""Errors as answers: problem+json (RFC 9457) for programs, with a stable code and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from booking_api.db import StorageFull
from booking_api.web.language import catalogue, choose
from floor.errors import FloorError, MachineUnreachable, Refused

MEDIA = "application/problem+json"
PAGE = "/api/problems"
"""Where each code is explained: a problem's `type` is this page and the code as its fragment."""
STATUS: dict[str, int] = {
    "json_malformed": 400,
    "json_deep": 400,
    "not_signed_in": 401,
    "sign_in_failed": 401,
    "forbidden": 403,
    "csrf_failed": 403,
    "changed_meanwhile": 412,
    "body_too_large": 413,
    "content_type_wrong": 415,
    "sign_in_often": 429,
    "join_often": 429,
    "sign_in_again": 403,
    "provider_unreachable": 503,
    "identity_unknown": 403,
    "readers_many": 503,
}
"""The HTTP status of a refusal's code; else `…_not_found` is 404, a wrong request 422, anything else 409."""
OF_HTTP: dict[int, tuple[str, str]] = {
    400: ("request_malformed", "The request cannot be read."),
    404: ("path_not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address takes another method: see the Allow header."),
    408: ("body_late", "The body came too slowly."),
    413: ("body_too_large", "The body is too large."),
    414: ("address_long", "This address is too long."),
    415: ("content_type_wrong", "The body is of a kind that this address does not take."),
    429: ("asked_often", "Too many requests came at once from here. Wait a little, and ask again."),
    431: ("headers_long", "The headers of this request are too long."),
}
"""The codes of what the framework refuses."""
OTHERS: dict[str, tuple[int, str]] = {
    "request_invalid": (422, "Fields of the request are missing or wrong: `errors` names each."),
    "value_invalid": (422, "A value is of a kind that cannot be kept."),
    "machine_unreachable": (504, "The machine's gateway does not answer."),
    "database_away": (
        503,
        "The database cannot be reached. Try again in a minute; look first what is kept.",
    ),
    "storage_full": (507, "The server's disk is full: nothing was written."),
    "floor_error": (409, "Something on the floor went wrong; the sentence says what."),
    "server_error": (500, "Something went wrong here; it is in the server's log."),
}
"""Codes that are no refusal of a rule, with their status and what they mean."""
ERRORS_MAX = 50
_WRONG = ("_malformed", "_invalid", "_missing", "_length", "_simple", "_past")
_ECHOING = {"union_tag_invalid": "Input should be of one of the kinds that are known"}


def status_of(code: str) -> int:
    """Return the HTTP status that says best what kind of refusal this is."""
    if code in STATUS:
        return STATUS[code]
    if code.endswith("_not_found"):
        return 404
    return 422 if code.endswith(_WRONG) else 409


def problem(
    status: int,
    code: str,
    sentence: str,
    request: Request | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> JSONResponse:
    """Answer with a problem, in the language that the request asks for where the sentence is known in it."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    language = choose(None, None, request.headers.get("accept-language", "")) if request else "en"
    detail = catalogue(language).gettext(sentence)
    headers["Content-Language"] = language if detail != sentence else "en"
    title = code.replace("_", " ").capitalize()
    body: dict[str, object] = {"type": f"{PAGE}#{code}", "title": title, "status": status, "code": code}
    body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers, MEDIA)


def problem_of(error: FloorError) -> tuple[int, str, str]:
    """Return the status, code and sentence of an error that the floor raises on purpose."""
    match error:
        case Refused():
            return status_of(error.code), error.code, error.sentence
        case MachineUnreachable():
            return 504, "machine_unreachable", str(error)
        case StorageFull():
            return 507, "storage_full", str(error)
    return 409, "floor_error", str(error)


async def on_floor_error(request: Request, error: Exception) -> Response:
    """Answer an error of the floor."""
    assert isinstance(error, FloorError)
    return problem(*problem_of(error), request)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of HTTP itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    code, sentence = OF_HTTP.get(error.status_code, ("http_error", str(error.detail)))
    answer = problem(error.status_code, code, sentence, request)
    answer.headers.update(error.headers or {})
    return answer


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer a request that says something else than the endpoint takes: each place, without the value."""
    assert isinstance(error, RequestValidationError)
    wrong = [_place(one) for one in error.errors()[:ERRORS_MAX]]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    sentence = f"{wrong[0]['in']}{wrong[0]['pointer'].replace('/', '.')}: {wrong[0]['message']}{more}"
    return problem(422, "request_invalid", sentence, request, wrong)


async def on_server_error(request: Request, _error: Exception) -> Response:
    """Answer what is our fault; the error itself goes on into the log."""
    return problem(500, "server_error", OTHERS["server_error"][1], request)


def _place(error: Mapping[str, Any]) -> dict[str, str]:
    """Say where a value is wrong (RFC 6901 within the part of the request) and how, not what was sent."""
    where, *inside = error["loc"]
    escaped = (str(part)[:100].replace("~", "~0").replace("/", "~1") for part in inside)
    message = _ECHOING.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    return {
        "in": str(where),
        "pointer": "".join(f"/{part}" for part in escaped),
        "message": message[:300],
        "kind": str(error["type"]),
    }

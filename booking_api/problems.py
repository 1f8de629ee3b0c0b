"""Errors as answers: problem+json (RFC 9457) for programs, with a stable code and a sentence for people."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from booking_api.db import StorageFull
from floor.errors import FloorError, MachineUnreachable, Refused

MEDIA = "application/problem+json"
STATUS: dict[str, int] = {
    "not_signed_in": 401,
    "sign_in_failed": 401,
    "forbidden": 403,
    "csrf_failed": 403,
    "sign_in_often": 429,
    "join_often": 429,
    "readers_many": 503,
}
"""The HTTP status of a refusal's code; else `…_not_found` is 404, a wrong request 422, anything else 409."""
_WRONG = ("_malformed", "_invalid", "_missing", "_length", "_simple", "_past")


def status_of(code: str) -> int:
    """Return the HTTP status that says best what kind of refusal this is."""
    if code in STATUS:
        return STATUS[code]
    if code.endswith("_not_found"):
        return 404
    return 422 if code.endswith(_WRONG) else 409


def problem(status: int, code: str, sentence: str) -> JSONResponse:
    """Answer with a problem."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": sentence}
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


async def on_floor_error(_request: Request, error: Exception) -> Response:
    """Answer an error of the floor."""
    assert isinstance(error, FloorError)
    return problem(*problem_of(error))


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Answer an error of HTTP itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    code = {404: "path_not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return problem(error.status_code, code, str(error.detail))


async def on_invalid(_request: Request, error: Exception) -> Response:
    """Answer a request that says something else than the endpoint takes: where, without the value."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(422, "request_invalid", f"{where}: {first['msg']}")

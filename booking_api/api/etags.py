"""Entity tags (RFC 9110 §8.8.3): strong ones, a hash of what is answered to whoever asks."""

from __future__ import annotations

import hashlib

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Scope

from booking_api.api import bodies
from floor.errors import Refused

VARY = "Authorization, Cookie, Accept-Language"


def tag_of(body: bytes) -> str:
    """Return the entity tag of an answer's body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def names(header: str, tag: str) -> bool:
    """Whether a list of entity tags names this one; `*` names any."""
    return header.strip() == "*" or tag in (one.strip() for one in header.split(","))


def tagged(request: Request, response: Response) -> Response:
    """Put its tag on an answer that was read; 304 without a body when the asker has it already."""
    body = getattr(response, "body", None)
    if response.status_code != 200 or not isinstance(body, bytes):
        return response
    tag = tag_of(body)
    response.headers["ETag"] = tag
    response.headers["Vary"] = VARY
    wanted = request.headers.get("if-none-match", "")
    weak = ",".join(one.strip().removeprefix("W/") for one in wanted.split(","))  # compared weakly: §13.1.2
    if not wanted or not names(weak, tag):
        return response
    kept = {name: response.headers[name] for name in ("ETag", "Vary", "Link") if name in response.headers}
    return Response(status_code=304, headers=kept)


async def check_unchanged(request: Request, state: dict[str, object]) -> None:
    """Raise Refused unless what stands at the address is what `If-Match` names.

    It is read as the asker reads it, by the endpoint of GET; `state` tells that endpoint its session.
    """
    wanted = request.headers["if-match"]
    status, body = await _read(request, state)
    if status != 200 or not names(wanted, tag_of(body)):
        raise Refused("changed_meanwhile", "It changed meanwhile. Read it again, and decide anew.")


async def _read(request: Request, state: dict[str, object]) -> tuple[int, bytes]:
    dropped = (b"if-match", b"if-none-match", b"content-length", b"content-type", b"idempotency-key")
    headers = [pair for pair in request.scope["headers"] if pair[0] not in dropped]
    own: Scope = {"method": "GET", "query_string": b"", "state": state, "headers": headers}
    status, body = 500, bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif len(body) <= bodies.BYTES_MAX:
            body.extend(message.get("body", b""))

    try:
        await request.app.router({**request.scope, **own}, receive, send)
    except HTTPException as error:  # nothing can be read there
        status = error.status_code
    return status, bytes(body)

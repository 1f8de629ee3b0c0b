"""Bounds of every request: how long its address and headers are, how large its body, and how late it may be.

A room that takes large files bounds them itself, and stands in `LARGE` with the most that may come there.
"""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booking_api.problems import OF_HTTP, problem

BODY_MAX = 2 << 20
URL_MAX = 8_192
HEADERS_MAX = 32_768
WITHIN_S = 60.0
"""So long may the body of a request take that has no larger bound."""
UPLOAD_WITHIN_S = 660.0
MIB = 1 << 20
LARGE = (
    ("/prints", 1025 * MIB),
    ("/api/v1/prints", 1025 * MIB),
    ("/desk/bank", 40 * MIB),
    ("/api/v1/bank", 40 * MIB),
    ("/member-import", 6 * MIB),
    ("/api/v1/member-imports", 6 * MIB),
    ("/faults", 10 * MIB),
    ("/upkeep", 10 * MIB),
    ("/api/v1/work-orders", 10 * MIB),
)
"""Where larger bodies may go, by the begin of the path: a print is bounded by its own settings."""
TOO_LARGE = "What was sent is too large."


class Bounded:
    """Middleware that refuses what is too long, too large or too slow, in a sentence."""

    def __init__(self, app: ASGIApp, within_s: float = WITHIN_S) -> None:
        self._app = app
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = _too_long(scope)
        if problem is not None:
            await problem(scope, receive, send)
            return
        most = next((most for begin, most in LARGE if scope["path"].startswith(begin)), 0)
        body = _Body(receive, most or BODY_MAX, UPLOAD_WITHIN_S if most else self._within_s, _declared(scope))
        await self._app(scope, body.receive, send)


class _Body:
    """The body of one request, as the application receives it; raises HTTPException 413 and 408."""

    def __init__(self, receive: Receive, most: int, within_s: float, declared: int) -> None:
        self._receive = receive
        self._most = most
        self._end_s = asyncio.get_running_loop().time() + within_s
        self._declared = declared
        self._got = 0
        self._over = False

    async def receive(self) -> Message:
        if self._over:
            return await self._receive()  # from here on it waits for the end of the connection
        if self._declared > self._most:
            raise HTTPException(413, TOO_LARGE)
        try:
            async with asyncio.timeout_at(self._end_s):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "What was sent came too slowly.") from None
        self._got += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        if self._got > self._most:
            raise HTTPException(413, TOO_LARGE)
        return message


def _declared(scope: Scope) -> int:
    """Return what a request says of its body's length, 0 when it says nothing that can be read."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 20:
            return int(value)
    return 0


def _too_long(scope: Scope) -> Response | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_MAX:
        return _said(scope, 414)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_MAX:
        return _said(scope, 431)
    return None


def _said(scope: Scope, status: int) -> Response:
    code, sentence = OF_HTTP[status]
    if scope["path"].startswith("/api/"):
        return problem(status, code, sentence)
    return PlainTextResponse(f"{sentence}\n", status)

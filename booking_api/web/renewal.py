"""Notes now and then that a browser or a program was here, and gives browsers another token each day.

It runs before a request and beside it, so that no request holds the database while it is written to.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booking_api.auth import service
from booking_api.auth.guards import cookie_name
from booking_api.context import Context
from booking_api.db import StorageFull
from booking_api.tokens import digest
from booking_api.web.entry import set_session

log = logging.getLogger(__name__)
KNOWN_MAX = 10_000
ASSETS = ("/static/", "/vendor/", "/live/", "/metrics", "/healthz")


class Renewal:
    """Middleware that asks the database once in five minutes for each token that it sees."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._due_s: OrderedDict[str, float] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"].startswith(ASSETS):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        context: Context = scope["app"].state.context
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(cookie_name(context), "")
        settings, now_ms = context.settings.sign_in, context.wall.now_ms()
        fresh: str | None = None
        by_browser = bool(cookie) and not scheme and request.method == "GET"
        token = secret.strip() if scheme.lower() == "bearer" else cookie if by_browser else ""
        try:
            if token and self._is_due(token) and await asyncio.to_thread(_unseen, context, token, now_ms):
                fresh = await context.database.transact(
                    lambda session: service.note_use(session, token, now_ms, settings)
                )
        except (StorageFull, SQLAlchemyError) as error:
            log.debug("a use was not noted: %s", error)  # the request itself says what is wrong
        if fresh is None:
            await self._app(scope, receive, send)
            return
        given = Response()
        set_session(given, context, fresh)

        async def with_token(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                others = headers.getlist("set-cookie")
                if not any(other.startswith(f"{cookie_name(context)}=") for other in others):
                    headers.append("set-cookie", given.headers["set-cookie"])
            await send(message)

        await self._app(scope, receive, with_token)

    def _is_due(self, token: str) -> bool:
        """Whether it is time to ask for a token; what is remembered is its hash, and bounded."""
        key, now_s = digest(token), time.monotonic()
        if self._due_s.get(key, 0.0) > now_s:
            return False
        self._due_s[key] = now_s + service.SEEN_MS / 1000
        self._due_s.move_to_end(key)
        while len(self._due_s) > KNOWN_MAX:
            self._due_s.popitem(last=False)
        return True


def _unseen(context: Context, token: str, now_ms: int) -> bool:
    with context.database.read() as session:
        return service.is_unseen(session, token, now_ms)

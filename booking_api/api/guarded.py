"""What every answer carries, of the server and of a network's board: headers that shut others out."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booking_api.audit import acting

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""What every answer carries: nothing from elsewhere is loaded, and no script stands in a page."""
FOR_A_YEAR = "max-age=31536000"


class Guarded:
    """Middleware that puts the headers on; pages and answers with people in them are kept by no cache.

    Each request also gets its own place for who acts.
    """

    def __init__(self, app: ASGIApp, https: bool, floor_now: Callable[[], int]) -> None:
        self._app = app
        self._floor_now = floor_now
        self._headers = HEADERS | ({"Strict-Transport-Security": FOR_A_YEAR} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_asset = scope["path"].startswith(("/static/", "/vendor/"))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache" if is_asset else "no-store")
            await send(message)

        with acting.scope(floor_now=self._floor_now):
            await self._app(scope, receive, with_headers)

"""How often one token, or one signed-in browser, may ask: evenly `per_minute`, and as many at once.

Each server process counts for itself, in memory: a request writes nothing for it, and where several processes
serve, one token may ask as often of each. The count is of what is shown, whoever shows it, so that a secret
that is unknown has no more room than one that holds; what is remembered is its hash, and bounded.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from booking_api.auth.guards import cookie_name
from booking_api.context import Context
from booking_api.problems import OF_HTTP, problem
from booking_api.tokens import digest
from booking_api.web.language import catalogue, choose

REMEMBERED = 10_000
FREE = ("/static/", "/vendor/", "/metrics", "/healthz")
"""What costs next to nothing, and belongs to every page."""
MINUTE_S = 60.0


class Pace:
    """Evenly so many a minute for each key, and a minute's worth at once (a leaky bucket, GCRA)."""

    def __init__(self, per_minute: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._step_s = MINUTE_S / per_minute
        self._now_s = now_s
        self._full_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Count a request; return 0 when it may be answered, else after how many seconds one may."""
        now_s = self._now_s()
        used_s = max(self._full_s.get(key, 0.0), now_s) + self._step_s
        if used_s - now_s > MINUTE_S + self._step_s / 2:
            return used_s - now_s - MINUTE_S
        self._full_s[key] = used_s
        self._full_s.move_to_end(key)
        if len(self._full_s) > REMEMBERED:
            self._full_s.popitem(last=False)
        return 0.0


class Paced:
    """Middleware that refuses who asks too often, before anything is looked up for them."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._cookie = cookie_name(context)
        self._pace = Pace(context.settings.sign_in.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and not scope["path"].startswith(FREE):
            request = Request(scope)
            shown = request.headers.get("authorization") or request.cookies.get(self._cookie)
            wait_s = self._pace.wait_s(digest(shown)) if shown else 0.0
            if wait_s:
                await _refusal(request, math.ceil(wait_s))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _refusal(request: Request, wait_s: int) -> Response:
    code, sentence = OF_HTTP[429]
    if request.url.path.startswith("/api/"):
        answer: Response = problem(429, code, sentence, request)
    else:
        language = choose(None, None, request.headers.get("accept-language", ""))
        answer = PlainTextResponse(catalogue(language).gettext(sentence) + "\n", 429)
    answer.headers["Retry-After"] = str(wait_s)
    return answer

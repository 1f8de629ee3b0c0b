"""How often one token, or one signed-in browser, may ask: evenly `per_minute`, and as many at once.

Each server process counts in memory: a request writes nothing for it. Where several serve, each tells the
others who asks much, so that a token may ask as often of all of them together, give or take a twentieth of a
minute's worth for each. The count is of what is shown, whoever shows it, so that a secret
that is unknown has no more room than one that holds; what is remembered is its hash, and bounded.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from booking_api.auth.guards import cookie_name
from booking_api.context import Context
from booking_api.crew import Alone, Crew
from booking_api.problems import OF_HTTP, problem
from booking_api.tokens import digest
from booking_api.web.language import catalogue, choose

REMEMBERED = 10_000
FREE = ("/static/", "/vendor/", "/metrics", "/healthz")
"""What costs next to nothing, and belongs to every page."""
MINUTE_S = 60.0
TOLD_PART = 20
"""Others are told of each such part of a minute's worth: who reads a page now and then is none of theirs."""
NEWS = "pace"


class Pace:
    """Evenly so many a minute for each key, and a minute's worth at once (a leaky bucket, GCRA)."""

    def __init__(
        self, per_minute: int, now_s: Callable[[], float] = time.monotonic, crew: Crew | None = None
    ) -> None:
        self._step_s = MINUTE_S / per_minute
        self._now_s = now_s
        self._full_s: OrderedDict[str, float] = OrderedDict()
        self._crew = crew or Alone()
        self._crew.listen(self._hear)
        self._untold: Counter[str] = Counter()
        self._part = max(1, per_minute // TOLD_PART)

    def wait_s(self, key: str) -> float:
        """Count a request; return 0 when it may be answered, else after how many seconds one may."""
        now_s = self._now_s()
        used_s = max(self._full_s.get(key, 0.0), now_s) + self._step_s
        if used_s - now_s > MINUTE_S + self._step_s / 2:
            return used_s - now_s - MINUTE_S
        self._use(key, used_s)
        self._untold[key] += 1
        if self._untold[key] >= self._part:
            self._crew.tell(NEWS, [key, self._untold.pop(key), random.getrandbits(32)])
        return 0.0

    def _use(self, key: str, used_s: float) -> None:
        self._full_s[key] = used_s
        self._full_s.move_to_end(key)
        if len(self._full_s) > REMEMBERED:
            gone, _ = self._full_s.popitem(last=False)
            self._untold.pop(gone, None)

    def _hear(self, kind: str, news: object) -> None:
        """Count what was asked of another process; its last word makes equal news differ."""
        match news:
            case [str(key), int(count), _] if kind == NEWS and 0 < count <= self._part:
                now_s = self._now_s()
                used_s = max(self._full_s.get(key, 0.0), now_s) + count * self._step_s
                self._use(key, min(used_s, now_s + MINUTE_S))


class Paced:
    """Middleware that refuses who asks too often, before anything is looked up for them."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._cookie = cookie_name(context)
        self._pace = Pace(context.settings.sign_in.requests_per_minute, crew=context.crew)

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

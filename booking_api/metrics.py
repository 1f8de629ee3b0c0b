"""What the server says of itself to Prometheus; written off the event loop and kept for a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import (
    REGISTRY,
    Counter,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A second series for each would say when it began, which nothing here asks.
disable_created_metrics()  # type: ignore[no-untyped-call] # prometheus_client has no type here
KEPT_S = 1.0
STREAM = "text/event-stream"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HTTP_BUCKETS_S = (0.025, 0.1, 0.5, 2.5)
"""Few: there is a set of them for each route."""
HTTP_SECONDS = Histogram(
    "makerfloor_http_request_seconds",
    "Time to answer a request, by route (not by path) and method; streams are left out",
    ["route", "method"],
    buckets=HTTP_BUCKETS_S,
)
HTTP_REQUESTS = Counter(
    "makerfloor_http_requests_total",
    "Requests answered, by route, method and status; streams are left out",
    ["route", "method", "status"],
)
BADGE_ADDRESSES = Counter(
    "makerfloor_badge_addresses_total", "Addresses that badges showed, by what they proved", ["outcome"]
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Own(Collector):
    """What a process says of itself alone: nothing that is a level of the space."""

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Leave the space's gauges out."""
        for metric in self._registry.collect():
            if metric.type != "gauge" or not metric.name.startswith("makerfloor_"):
                yield metric


@dataclass(slots=True)
class Exposition:
    """The metrics as text. Writing them takes tens of milliseconds of CPU, so askers share one text.

    Gauges are of the whole space: of several processes the one that leads shows them, so that a sum over all
    is right; what is counted and timed is each one's own.
    """

    leads: Callable[[], bool] = lambda: True
    registry: Collector = field(default_factory=lambda: REGISTRY)
    _text: bytes = b""
    _written_s: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self) -> Response:
        """Return the metrics, at most a second old."""
        async with self._lock:
            if time.monotonic() - self._written_s > KEPT_S:
                shown = self.registry if self.leads() else _Own(self.registry)
                self._text = await asyncio.to_thread(generate_latest, shown)
                self._written_s = time.monotonic()
        return Response(self._text, media_type=CONTENT_TYPE)


class Timed:
    """Middleware that observes how long each answer took; not a stream's, whose time would say nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status, is_stream = time.perf_counter(), 500, False

        async def watched(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = Headers(raw=message["headers"]).get("content-type", "").startswith(STREAM)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            if not is_stream:
                HTTP_SECONDS.labels(route, method).observe(time.perf_counter() - began_s)
                HTTP_REQUESTS.labels(route, method, str(status)).inc()

"""The gateway's small HTTP server: metrics for Prometheus, and its own state for people and for checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from floor.errors import ConfigError
from floor.wire.messages import Stations
from gateway.box_routes import BoxRoutes
from gateway.metrics import Metrics
from gateway.station_routes import StationPages

CACHE_S = 1.0


class Http:
    """Serves /metrics, /status and /healthz, and the stations' pages where there are any."""

    def __init__(
        self,
        metrics: Metrics,
        show: Callable[[], Stations],
        refresh: Callable[[], None],
        pages: StationPages | None = None,
        boxes: BoxRoutes | None = None,
    ) -> None:
        self._boxes = boxes
        self._pages = pages
        self._metrics = metrics
        self._show = show
        self._refresh = refresh
        self._cached = (0.0, b"")
        self.port = 0

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        made, body = self._cached
        if time.monotonic() - made > CACHE_S:
            self._refresh()
            body = await asyncio.to_thread(self._metrics.exposition)
            self._cached = (time.monotonic(), body)
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    async def _serve_status(self, _: web.Request) -> web.Response:
        stations = self._show()
        without_people = [station.model_copy(update={"member": None}) for station in stations.stations]
        body = stations.model_copy(update={"stations": without_people}).model_dump_json()
        return web.Response(text=body, content_type="application/json")

    async def _serve_health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    @asynccontextmanager
    async def serving(self, host: str, port: int, file: str) -> AsyncIterator[None]:
        """Serve while the context lasts; raises ConfigError when the port is taken."""
        app = web.Application(client_max_size=16_384)
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/status", self._serve_status)
        app.router.add_get("/healthz", self._serve_health)
        if self._pages:
            self._pages.add_to(app)
        if self._boxes:
            self._boxes.add_to(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                problem = f"{host}:{port} cannot be used: {error.strerror}"
                raise ConfigError(
                    file, "http.port", problem, "Choose a free port, or stop what uses it."
                ) from error
            self.port = runner.addresses[0][1]
            yield
        finally:
            await runner.cleanup()

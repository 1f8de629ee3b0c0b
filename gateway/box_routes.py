"""Answers the boxes in the field that ask over HTTP, as the server that they were made for does."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from gateway.metrics import Metrics
from gateway.wiring import Devices
from hardware.events import ReaderNoise
from hardware.nodes import mac
from hardware.nodes.mac_node import MacNode


class BoxRoutes:
    """`POST /api/machine/update`. A box has no password: whoever knows a fob's number could post it.

    So a box with an address is heard from there only, and a page in a browser cannot post at all.
    """

    def __init__(self, wired: Iterable[Devices], metrics: Metrics) -> None:
        nodes = (devices.node for devices in wired)
        self._boxes = {node.machine_name: node for node in nodes if isinstance(node, MacNode)}
        self._metrics = metrics

    def add_to(self, app: web.Application) -> None:
        """Add the route, where there is a box that uses it."""
        if self._boxes:
            app.router.add_post("/api/machine/update", self._update)

    async def _update(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _error(415, "Post application/json")
        update = mac.parse(await request.read())
        if isinstance(update, ReaderNoise):
            self._metrics.peer_errors.labels(type(update).__name__).inc()
            return _error(400, update.detail)
        box = self._boxes.get(update.machine_name)
        if box is None or (box.address and request.remote != box.address):
            self._metrics.peer_errors.labels("UnknownBox").inc()
            return _error(404, "No station here has this box")
        return web.json_response(await box.update(update))


def _error(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)

"""A PrusaLink of ours that speaks documented shapes, with hands for what cannot be done to a real one.

Sources: Prusa-Link-Web, spec/openapi.yaml 1.0.0-draft (paths, schemas Version, Info, Storage, StatusJob,
StatusPrinter, JobFilePrint, PrintFileRefs, PrintFileMetadata, and the answers 204, 404 and 409), with what
PrusaLink 0.8.1 was seen to add (`original`, `server`, `status_printer.message`, no job once it has ended).
`buddy`: as the specification has it for printers with PrusaLink in their firmware: a storage `/usb`, short
names, a job that is shown until somebody dismisses it. No such printer was ever seen by these tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "the-key"
ENDED = ("FINISHED", "STOPPED")
GCODE = b"M83\n" + b"".join(b"M73 P%d R1\nG1 E10\n" % percent for percent in range(100)) + b"M73 P100 R0\n"


@dataclass
class SimulatedPrusaLink:
    """One machine on a port of its own; what it does, its tests say."""

    buddy: bool = False
    state: str = "IDLE"
    message: str = ""
    job: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=lambda: {"part.gcode": GCODE})
    meta: dict[str, Any] = field(default_factory=dict)
    busy_starts: int = 0
    port: int = 0
    said: bytes | None = None
    firmware: str | None = "3.14.1-8237"
    asked: list[str] = field(default_factory=list)
    _ids: int = 40
    _offset_s: float = 0.0
    _speaks: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # what people and printers do to it

    def start(self, name: str = "part.gcode") -> None:
        self._ids += 1
        self.job = {"id": self._ids, "name": name, "progress": 0.0, "began_s": time.monotonic()}
        self.state, self._offset_s = "PRINTING", 0.0

    def end(self, state: str, message: str = "") -> None:
        self.state, self.message = state, message
        if not self.buddy:
            self.job = None

    def dismiss(self) -> None:
        self.state, self.message, self.job = "IDLE", "", None

    def jump(self, by_s: float) -> None:
        """The machine's clock is set."""
        self._offset_s += by_s

    def mute(self) -> None:
        self._speaks.clear()

    def unmute(self) -> None:
        self._speaks.set()

    async def listen(self) -> None:
        self._speaks.set()
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def silence(self) -> None:
        """Nobody listens any more."""
        self._speaks.set()
        if self._runner is not None:
            await self._runner.cleanup()

    # what it answers

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self._speaks.wait()
        path = request.path
        self.asked.append(f"{request.method} {path}")
        if request.headers.get("X-Api-Key") != KEY:
            return web.Response(status=401)
        if self.said is not None:
            return web.Response(body=self.said)
        if path.startswith("/api/v1/files/"):
            return await self._file(request)
        if path.startswith("/api/v1/job/"):
            return self._order(request.method, path)
        name = path.rpartition("/")[2]
        if path.startswith("/raw/") and name in self.files:
            return web.Response(body=self.files[name])
        answers = {
            "/api/version": self._version,
            "/api/v1/info": lambda: {
                "name": "MuadDib",
                "location": "Arrakis",
                "serial": "CZPX4720X004XC34242",
            },
            "/api/v1/status": self._status,
            "/api/v1/storage": self._storage,
            "/api/v1/job": self._job,
        }
        if path not in answers:
            return web.Response(status=404, text="File Not Found\nFile you want was not found.\n")
        body = answers[path]()
        return web.json_response(body) if body is not None else web.Response(status=204)

    def _version(self) -> dict[str, Any]:
        if self.buddy:
            return {"api": "2.0.0", "server": "2.1.2", "nozzle_diameter": 0.4, "text": "PrusaLink"}
        known = {"api": "2.0.0", "server": "0.8.1", "text": "PrusaLink 0.8.1"}
        return known | {"original": "PrusaLink I3MK3S", "firmware": self.firmware}

    def _storage(self) -> dict[str, Any]:
        card = {"path": "/sdcard", "available": True, "read_only": True, "type": "SDCARD"}
        path = "/usb" if self.buddy else "/local"
        return {"storage_list": [card, {"path": path, "available": True, "read_only": False}]}

    def _shown(self) -> dict[str, Any]:
        assert self.job is not None
        time_s = int(time.monotonic() - self.job["began_s"] + self._offset_s)
        shown = {"id": self.job["id"], "progress": self.job["progress"], "time_remaining": 600}
        return shown | {"time_printing": time_s}

    def _status(self) -> dict[str, Any]:
        reason = {"ok": not self.message, "message": self.message or "OK"}
        printer = {"state": self.state, "temp_nozzle": 214.9, "status_printer": reason}
        said: dict[str, Any] = {"printer": printer, "storage": {"path": "/local", "read_only": False}}
        return said | {"job": self._shown()} if self.job else said

    def _job(self) -> dict[str, Any] | None:
        if self.job is None:
            return None
        name = self.job["name"]
        refs = {"download": f"/raw/{name}" if name in self.files else None, "icon": None}
        file = {"name": "SPICE~1.GCO" if self.buddy else name, "display_name": name, "path": "/local"}
        return self._shown() | {"state": self.state, "file": file | {"refs": refs, "meta": self.meta}}

    def _order(self, method: str, path: str) -> web.Response:
        number, _, order = path.removeprefix("/api/v1/job/").partition("/")
        if self.job is None or int(number) != self.job["id"]:
            return web.Response(
                status=404, text="Not Current Job\nGiven job id does not belong to current job\n"
            )
        held = {"PUT pause": ("PRINTING", "PAUSED"), "PUT resume": ("PAUSED", "PRINTING")}
        wanted = held.get(f"{method} {order}")
        if wanted:
            if self.state != wanted[0]:
                return web.json_response({"title": "Printer Is Not Printing"}, status=409)
            self.state = wanted[1]
        else:
            self.end("STOPPED")
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if request.method == "PUT":
            self.files[name] = await request.read()
        if self.busy_starts:
            self.busy_starts -= 1
            return web.Response(status=409, text="Printer Is Not Ready\nNo.\n")
        if name not in self.files:
            return web.Response(status=404)
        self.start(name)
        return web.Response(status=201 if request.method == "PUT" else 204)


@asynccontextmanager
async def simulated_prusalink(**how: Any) -> AsyncIterator[SimulatedPrusaLink]:
    """Run one for the length of a `with`."""
    machine = SimulatedPrusaLink(**how)
    await machine.listen()
    try:
        yield machine
    finally:
        await machine.silence()

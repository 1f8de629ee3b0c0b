"""Machines that only have the shape of real ones: OctoPrints at 2 Hz and GRBLs that answer every question.

`python -m tests.benchmarks.machine_peers LASERS` prints the port of all printers, and of each laser. Frames
as OctoPrint 1.11 sends them (docs.octoprint.org, "Push updates", current; about 1.5 KB), reports as GRBL 1.1
says them (gnea/grbl v1.1 doc/markdown/interface.md).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

FRAME_S = 0.5
GCODE = ("G1 X10.123 Y20.456 E0.03456 F1800\n" * 30_000).encode()
FLAGS = (
    "operational",
    "printing",
    "sdReady",
    "ready",
    "paused",
    "pausing",
    "cancelling",
    "resuming",
    "finishing",
)
SPOOL = {"length": 4321.5, "volume": 10.39}
TEMPERATURE = {"actual": 210.13, "target": 210.0}


def frame(number: int, at: int, kind: str = "current") -> str:
    """Return what printer `number` pushes `at` seconds into its job."""
    name = f"part_for_member_{number}_with_a_name_as_slicers_write_it_0.2mm_PLA_MK3S_3h12m.gcode"
    file = {"name": name, "path": f"members/ada/{name}", "display": name, "origin": "local"}
    body: dict[str, Any] = {
        "state": {
            "text": "Printing",
            "flags": {flag: flag in ("operational", "printing") for flag in FLAGS} | {"closedOrError": False},
            "error": "",
        },
        "job": {
            "file": file | {"size": len(GCODE), "date": 1_760_000_000},
            "estimatedPrintTime": 11_520.4,
            "averagePrintTime": None,
            "lastPrintTime": None,
            "filament": {"tool0": SPOOL},
            "user": "ada",
        },
        "currentZ": 12.4,
        "progress": {
            "completion": at / 100,
            "filepos": len(GCODE) * at // 10_000,
            "printTime": at,
            "printTimeLeft": 10_000 - at,
            "printTimeLeftOrigin": "linear",
        },
        "offsets": {},
        "resends": {"count": 0, "transmitted": 81_234, "ratio": 0},
        "serverTime": time.time(),
        "temps": [
            {"time": int(time.time()), "tool0": TEMPERATURE, "bed": TEMPERATURE, "chamber": TEMPERATURE}
        ],
        "logs": [],
        "messages": [],
        "busyFiles": [{"origin": "local", "path": file["path"]}],
        "markings": [{"type": "layer", "label": f"layer {at}", "time": time.time()}],
    }
    return "a" + json.dumps([{kind: body}])


async def push(request: web.Request) -> web.WebSocketResponse:
    number = int(request.match_info["number"])
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("o")
    await socket.receive()
    await socket.send_str('a[{"connected": {"version": "1.11.8"}}]')
    began = time.monotonic()
    await socket.send_str(frame(number, 0, "history"))
    while not socket.closed:
        await asyncio.sleep(FRAME_S)
        await socket.send_str(frame(number, int(time.monotonic() - began)))
    return socket


async def download(request: web.Request) -> web.Response:
    return web.Response(body=GCODE)


async def answer(request: web.Request) -> web.Response:
    return web.json_response({"server": "1.11.8", "name": "ada", "session": "a1b2c3"})


async def printers() -> int:
    app = web.Application()
    app.router.add_get("/{number}/sockjs/{rest:.*}", push)
    app.router.add_get("/{number}/downloads/{rest:.*}", download)
    app.router.add_route("*", "/{number}/api/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


async def laser(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Work for ever, along a line that is lit every other centimetre."""
    writer.write(b"\r\nGrbl 1.1h ['$' for help]\r\n")
    began = time.monotonic()
    while data := await reader.read(4096):
        mm = (time.monotonic() - began) * 50
        report = f"<Run|MPos:{mm:.3f},10.000,0.000|FS:3000,{500 * (int(mm / 10) % 2)}|Ov:100,100,100>\r\n"
        writer.write(report.encode() * data.count(b"?"))
        if b"$$" in data:
            writer.write(b"[VER:1.1h.20190830:]\r\nok\r\n$13=0\r\n$32=1\r\nok\r\n")


async def main(lasers: int) -> None:
    ports = [await printers()]
    for _ in range(lasers):
        server = await asyncio.start_server(laser, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

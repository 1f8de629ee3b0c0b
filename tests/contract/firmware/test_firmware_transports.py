"""One suite for every transport: the real ones against a server of this process, and the scripted ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from firmware_bridge.transports import Answer, Http, WebSockets
from firmware_bridge.transports.http import HttpTransport
from firmware_bridge.transports.scripted import ScriptedHttp, ScriptedWebSockets
from firmware_bridge.transports.websocket import WebSocketTransport
from floor.errors import MachineFault, MachineUnreachable

FILE = bytes(range(256)) * 2000


async def _echo(request: web.Request) -> web.Response:
    return web.json_response({"key": request.headers["X-Api-Key"], "body": await request.json()}, status=201)


async def _short(_: web.Request) -> web.Response:
    return web.Response(text="short")


async def _file(_: web.Request) -> web.Response:
    return web.Response(body=FILE)


async def _slow(_: web.Request) -> web.Response:
    await asyncio.sleep(3)
    return web.Response()


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("o")
    await socket.send_str(f"a{json.dumps([await socket.receive_str()])}")
    await socket.close()
    return socket


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/short", _short)
    app.router.add_get("/file", _file)
    app.router.add_post("/echo", _echo)
    app.router.add_get("/slow", _slow)
    app.router.add_get("/socket", _socket)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture(params=["aiohttp", "scripted"])
async def http(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Http]:
    echo = json.dumps({"key": "k", "body": {"a": 1}}).encode()
    transport: Http = (
        HttpTransport(url + "/", {"X-Api-Key": "k"}, deadline_s=1.0)
        if request.param == "aiohttp"
        else ScriptedHttp(
            {
                "/short": [Answer(200, b"short")],
                "/file": [Answer(200, FILE)],
                "/echo": [Answer(201, echo)],
                "/slow": [MachineUnreachable("no answer within 2 s")],
            }
        )
    )
    yield transport
    await transport.aclose()


@pytest.fixture(params=["aiohttp", "scripted"])
async def sockets(request: pytest.FixtureRequest, url: str) -> AsyncIterator[WebSockets]:
    transport: WebSockets = (
        WebSocketTransport(url, {"X-Api-Key": "k"}, silence_s=5.0)
        if request.param == "aiohttp"
        else ScriptedWebSockets([["o", 'a["hello"]']])
    )
    yield transport
    await transport.aclose()


async def test_a_get_has_status_and_body(http: Http) -> None:
    assert await http.get("/short") == Answer(200, b"short")
    assert (await http.get("/nowhere")).status == 404


async def test_a_post_sends_json_with_the_headers(http: Http) -> None:
    answer = await http.post("/echo", {"a": 1})
    assert (answer.status, json.loads(answer.body)) == (201, {"key": "k", "body": {"a": 1}})


async def test_no_answer_within_the_deadline_is_unreachable(http: Http) -> None:
    with pytest.raises(MachineUnreachable, match="no answer"):
        await http.get("/slow")


async def test_a_download_comes_in_pieces_and_whole(http: Http) -> None:
    pieces = [piece async for piece in http.download("/file")]
    assert len(pieces) > 1
    assert b"".join(pieces) == FILE


async def test_a_missing_download_is_a_fault(http: Http) -> None:
    with pytest.raises(MachineFault, match="404"):
        [piece async for piece in http.download("/nowhere")]


async def test_a_socket_sends_receives_and_ends(sockets: WebSockets) -> None:
    async with sockets.open("/socket") as socket:
        assert await socket.receive() == "o"
        await socket.send("hello")
        assert await socket.receive() == 'a["hello"]'
        with pytest.raises(MachineUnreachable, match="ended the connection"):
            await socket.receive()
    with pytest.raises(MachineUnreachable):
        async with sockets.open("/nowhere"):
            pass


async def test_nobody_there_is_unreachable() -> None:
    http = HttpTransport("http://127.0.0.1:1", {})
    with pytest.raises(MachineUnreachable, match="no connection"):
        await http.get("/")
    await http.aclose()


async def test_a_silent_socket_is_lost(url: str) -> None:
    async with WebSocketTransport(url, {}, silence_s=0.3).open("/socket") as socket:
        await socket.receive()
        with pytest.raises(MachineUnreachable, match="silent"):
            await socket.receive()

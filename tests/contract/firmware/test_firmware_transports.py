"""One suite for every transport: the real ones against a server of this process, and the scripted ones."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import threading
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from firmware_bridge.transports import Answer, Bytes, Http, Stream, WebSockets
from firmware_bridge.transports.http import HttpTransport
from firmware_bridge.transports.scripted import ScriptedBytes, ScriptedHttp, ScriptedWebSockets
from firmware_bridge.transports.stream import SerialTransport, TcpTransport, stream_at
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


BIG = bytes(range(1, 255)).replace(b"\n", b"") * 200 + b"\n"


class PtyPeer:
    """The far end of a serial line: sends each line back in capitals, and hangs up after `bye`."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.port = os.ttyname(slave)
        self._slave = slave
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        line = b""
        while not line.endswith(b"bye\n"):
            line = b"" if line.endswith(b"\n") else line
            try:
                line += os.read(self._master, 4096)
            except OSError:
                return
            if line.endswith(b"\n") and not line.endswith(b"bye\n"):
                os.write(self._master, line.upper())
        os.close(self._slave)
        os.close(self._master)


async def _shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (line := await reader.readline()) not in (b"bye\n", b""):
        writer.write(line.upper())
    writer.close()


@pytest.fixture
def pty_peer() -> PtyPeer:
    return PtyPeer()


@pytest.fixture(params=["serial", "tcp", "scripted"])
async def line(request: pytest.FixtureRequest, pty_peer: PtyPeer) -> AsyncIterator[Bytes]:
    if request.param == "serial":
        yield stream_at(f"serial://{pty_peer.port}?baud=115200")
    elif request.param == "tcp":
        server = await asyncio.start_server(_shout, "127.0.0.1", 0, limit=1 << 20)
        yield stream_at(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        server.close()
    else:
        silent = MachineUnreachable("the script was silent for 0.2 s")
        yield ScriptedBytes([[b"HEL", b"LO\n", b"AB\n", silent, BIG.upper()]])


async def until_newline(stream: Stream) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        data += await stream.read(10)
    return data


async def test_a_line_reads_writes_is_silent_and_is_lost(line: Bytes) -> None:
    async with line.open() as stream:
        await stream.write(b"hello\n")
        assert await until_newline(stream) == b"HELLO\n"
        await stream.write(b"a")
        await stream.write(b"b\n")
        assert await until_newline(stream) == b"AB\n"
        with pytest.raises(MachineUnreachable, match="silent for"):
            await stream.read(0.2)
        if not isinstance(line, SerialTransport):  # a pty takes 4096 bytes of a raw line, and no more
            await stream.write(BIG)
            assert await until_newline(stream) == BIG.upper()
        await stream.write(b"bye\n")
        with pytest.raises(MachineUnreachable):
            await until_newline(stream)


@pytest.mark.parametrize("gone", [SerialTransport("/dev/ttyNOBODY", 9600), TcpTransport("127.0.0.1", 1)])
async def test_a_line_that_cannot_be_had_is_unreachable(gone: Bytes) -> None:
    with pytest.raises(MachineUnreachable):
        async with gone.open():
            pass


async def test_a_serial_port_is_taken_once_and_keeps_its_board_from_a_second_reset(pty_peer: PtyPeer) -> None:
    transport = SerialTransport(pty_peer.port, 115200)
    for _ in range(2):
        async with transport.open():
            with pytest.raises(MachineUnreachable, match="cannot be opened"):
                async with transport.open():
                    pass


@pytest.mark.parametrize(
    "url",
    ["", "COM3", "serial://ttyUSB0", "serial:///dev/x?baud=fast", "tcp://host", "tcp://h:99999", "tcp://:1"],
)
def test_a_url_that_names_no_line_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="names no line"):
        stream_at(url)

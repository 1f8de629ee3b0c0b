"""One suite for every transport: the real ones against a server of this process, and the scripted ones."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiomqtt
import pytest
from aiohttp import web

from booking_api.broker.certificates import make_certificates
from firmware_bridge.transports import MAX_BODY_BYTES, Answer, Bytes, Http, Mqtt, Stream, Told, WebSockets
from firmware_bridge.transports.http import HttpTransport
from firmware_bridge.transports.mqtt import BrokerSettings, MqttTransport
from firmware_bridge.transports.scripted import ScriptedBytes, ScriptedHttp, ScriptedMqtt, ScriptedWebSockets
from firmware_bridge.transports.stream import SerialTransport, TcpTransport, stream_at
from firmware_bridge.transports.websocket import WebSocketTransport
from floor.errors import ConfigError, MachineFault, MachineUnreachable
from tests.kit.mosquitto import Mosquitto, mosquitto

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


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("transports")) as running:
        yield running


LARGE = b"x" * (MAX_BODY_BYTES + 1)


@pytest.fixture(params=["aiomqtt", "scripted"])
def mqtt(request: pytest.FixtureRequest, broker: Mosquitto) -> Mqtt:
    if request.param == "aiomqtt":
        return MqttTransport(BrokerSettings(broker=broker.url, deadline_s=5.0))
    large = Told("bench/a", LARGE)
    return ScriptedMqtt([[Told("bench/a", b"hello"), None, large, MachineUnreachable("it is lost: the end")]])


async def test_a_subscription_hears_is_quiet_and_is_lost(mqtt: Mqtt, broker: Mosquitto) -> None:
    real = isinstance(mqtt, MqttTransport)
    async with mqtt.open(["bench/a", "bench/b"]) as opened:
        await opened.publish("bench/a", "hello")
        assert await opened.receive(10) == Told("bench/a", b"hello")
        assert await opened.receive(0.05) is None
        await opened.publish("bench/a", LARGE.decode())
        told = await opened.receive(10)
        assert told is not None
        assert len(told.payload) == MAX_BODY_BYTES
        if real:
            await asyncio.to_thread(broker.stop)
        try:
            with pytest.raises(MachineUnreachable, match="lost"):
                await opened.receive(10)
        finally:
            if real:
                await asyncio.to_thread(broker.start)


async def test_who_is_told_to_end_ends_whatever_it_waits_for(broker: Mosquitto) -> None:
    transport = MqttTransport(BrokerSettings(broker=broker.url))

    async def publish_for_ever() -> None:
        async with transport.open(["bench/c"]) as opened:
            while True:
                await opened.publish("bench/a", "x")

    for round_ in range(12):  # without its remedy, most of these went on
        task = asyncio.create_task(publish_for_ever())
        await asyncio.sleep(0.03 + round_ / 10_000)
        task.cancel()
        await asyncio.wait([task], timeout=20)
        assert task.cancelled()


async def test_a_last_will_is_seen_and_so_is_what_was_retained(broker: Mosquitto) -> None:
    transport = MqttTransport(BrokerSettings(broker=broker.url))
    will = aiomqtt.Will("bench/will", b"gone", 1, True)
    async with transport.open(["bench/will"]) as opened:
        dying = aiomqtt.Client("127.0.0.1", broker.port, will=will)
        await dying.__aenter__()
        sock = dying._client.socket()
        assert sock is not None
        sock.shutdown(2)  # type: ignore[union-attr] # a plain socket here
        assert await opened.receive(20) == Told("bench/will", b"gone")
    async with transport.open(["bench/will"]) as opened:
        assert await opened.receive(20) == Told("bench/will", b"gone", retained=True)


async def test_tls_takes_the_authority_that_is_named_and_no_other(tmp_path: Path) -> None:
    made, stranger = make_certificates(tmp_path / "a", []), make_certificates(tmp_path / "b", [])
    with mosquitto(tmp_path, made.tls) as running:
        url = f"mqtts://127.0.0.1:{running.port}"
        async with MqttTransport(BrokerSettings(broker=url, ca=str(made.cafile))).open(["a"]) as opened:
            await opened.publish("a", "sealed")
            assert await opened.receive(20) == Told("a", b"sealed")
        with pytest.raises(MachineUnreachable, match="no connection"):
            async with MqttTransport(BrokerSettings(broker=url, ca=str(stranger.cafile))).open(["a"]):
                pass


@pytest.mark.parametrize(
    ("broker_url", "ca", "key"),
    [
        ("mqtt://", "", "broker"),
        ("mqtt://h/x", "", "broker"),
        ("mqtt://h:port", "", "broker"),
        ("mqtt://h", "ca.pem", "ca"),
        ("mqtts://h", "/nowhere.pem", "ca"),
    ],
)
def test_a_broker_that_cannot_be_is_a_config_error(broker_url: str, ca: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MqttTransport(BrokerSettings(broker=broker_url, ca=ca), "gateway.toml")
    assert (caught.value.file, caught.value.key) == ("gateway.toml", key)

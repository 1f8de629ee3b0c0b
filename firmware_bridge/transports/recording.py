"""Transports that put all that passes on a tape, over any others. No header and no login is ever kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import IO

from firmware_bridge.recordings.tape import Line, Tape
from firmware_bridge.transports import (
    Answer,
    Bytes,
    Datagram,
    Datagrams,
    Files,
    Http,
    Login,
    Mqtt,
    Socket,
    Stream,
    Subscription,
    Told,
    Transports,
    Upload,
    WebSockets,
)
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.tls import TlsPeer

FILE_BYTES = 1 << 20


@dataclass(slots=True)
class RecordingTransports:
    """See Transports: hands out what `inner` makes, with `tape` between."""

    inner: Transports
    tape: Tape

    def http(
        self,
        url: str,
        headers: Mapping[str, str],
        deadline_s: float = 10.0,
        digest: Login | None = None,
    ) -> Http:
        """Make HTTP that is recorded."""
        return _RecordingHttp(self.inner.http(url, headers, deadline_s, digest), self.tape.line("http"))

    def websockets(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> WebSockets:
        """Make websockets that are recorded."""
        return _RecordingWebSockets(self.inner.websockets(url, headers, silence_s), self.tape.line("sockets"))

    def stream(self, url: str, baud: int = 115200) -> Bytes:
        """Make a line of bytes that is recorded."""
        return _RecordingBytes(self.inner.stream(url, baud), self.tape.line("stream"))

    def mqtt(self, settings: BrokerSettings, where: str, peer: TlsPeer | None = None) -> Mqtt:
        """Make MQTT that is recorded."""
        return _RecordingMqtt(self.inner.mqtt(settings, where, peer), self.tape.line("mqtt"))

    def files(self, url: str, login: Login, peer: TlsPeer, where: str, deadline_s: float = 10.0) -> Files:
        """Reach files, and record those that are not too long."""
        return _RecordingFiles(self.inner.files(url, login, peer, where, deadline_s), self.tape.line("files"))

    def datagrams(self, host: str, port: int, local_port: int = 0) -> Datagrams:
        """Make packets that are recorded."""
        return _RecordingDatagrams(self.inner.datagrams(host, port, local_port), self.tape.line("datagrams"))


@dataclass(slots=True)
class _RecordingHttp:
    inner: Http
    line: Line

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        return await self.ask("POST", path, body)

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        asked = f"{method} {path}"
        with self.line.failures(asked=asked, sent=body):
            answer = await self.inner.ask(method, path, body)
        self.line.note(asked=asked, sent=body, status=answer.status, body=answer.body)
        return answer

    async def upload(self, path: str, upload: Upload) -> Answer:
        asked, sent = f"{upload.method} {path}", {"file": upload.name, **upload.fields}
        with self.line.failures(asked=asked, sent=sent):
            answer = await self.inner.upload(path, upload)
        self.line.note(asked=asked, sent=sent, status=answer.status, body=answer.body)
        return answer

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        asked = f"DOWNLOAD {path}"
        with self.line.failures(asked=asked, sent=None):
            async with aclosing(self.inner.download(path)) as pieces:
                async for piece in pieces:
                    self.line.note(asked=asked, piece=piece)
                    yield piece
        self.line.note(asked=asked, sent=None, status=200)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(slots=True)
class _RecordingSocket:
    inner: Socket
    line: Line

    async def send(self, text: str) -> None:
        self.line.note(wrote=text)
        with self.line.failures():
            await self.inner.send(text)

    async def receive(self) -> str:
        with self.line.failures():
            text = await self.inner.receive()
        self.line.note(read=text)
        return text


@dataclass(slots=True)
class _RecordingWebSockets:
    inner: WebSockets
    line: Line

    @asynccontextmanager
    async def open(self, path: str) -> AsyncGenerator[Socket, None]:
        line = self.line.connection()
        async with AsyncExitStack() as stack:
            with line.failures(opening=path):
                socket = await stack.enter_async_context(self.inner.open(path))
            line.note(opened=path)
            yield _RecordingSocket(socket, line)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(slots=True)
class _RecordingStream:
    inner: Stream
    line: Line

    async def read(self, deadline_s: float) -> bytes:
        with self.line.failures():
            data = await self.inner.read(deadline_s)
        self.line.note(read=data)
        return data

    async def write(self, data: bytes) -> None:
        self.line.note(wrote=data)
        with self.line.failures():
            await self.inner.write(data)


class _RecordingBytes:
    def __init__(self, inner: Bytes, line: Line) -> None:
        self.resets = inner.resets
        self._inner = inner
        self._line = line
        line.note(resets=inner.resets)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        line = self._line.connection()
        async with AsyncExitStack() as stack:
            with line.failures(opening=""):
                stream = await stack.enter_async_context(self._inner.open())
            line.note(opened="")
            yield _RecordingStream(stream, line)


@dataclass(slots=True)
class _RecordingSubscription:
    inner: Subscription
    line: Line

    async def publish(self, topic: str, payload: str, sure: bool = False) -> None:
        self.line.note(wrote=[topic, payload])
        with self.line.failures():
            await self.inner.publish(topic, payload, sure)

    async def receive(self, within_s: float) -> Told | None:
        with self.line.failures():
            told = await self.inner.receive(within_s)
        if told:
            self.line.note(read=told.payload, topic=told.topic, retained=told.retained)
        return told


@dataclass(slots=True)
class _RecordingMqtt:
    inner: Mqtt
    line: Line

    @asynccontextmanager
    async def open(self, topics: Sequence[str]) -> AsyncGenerator[Subscription, None]:
        line = self.line.connection()
        async with AsyncExitStack() as stack:
            with line.failures(opening=list(topics)):
                broker = await stack.enter_async_context(self.inner.open(topics))
            line.note(opened=list(topics))
            yield _RecordingSubscription(broker, line)


@dataclass(slots=True)
class _RecordingDatagram:
    inner: Datagram
    line: Line

    async def send(self, data: bytes) -> None:
        self.line.note(wrote=data)
        with self.line.failures():
            await self.inner.send(data)

    async def receive(self, within_s: float) -> bytes | None:
        with self.line.failures():
            data = await self.inner.receive(within_s)
        if data is not None:
            self.line.note(read=data)
        return data


@dataclass(slots=True)
class _RecordingDatagrams:
    inner: Datagrams
    line: Line

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Datagram, None]:
        line = self.line.connection()
        async with AsyncExitStack() as stack:
            with line.failures(opening=""):
                packets = await stack.enter_async_context(self.inner.open())
            line.note(opened="")
            yield _RecordingDatagram(packets, line)


@dataclass(slots=True)
class _RecordingFiles:
    inner: Files
    line: Line

    async def fetch(self, paths: Sequence[str], most_bytes: int) -> tuple[str, IO[bytes]] | None:
        asked = f"FETCH {' '.join(paths)}"
        with self.line.failures(asked=asked, sent=None):
            found = await self.inner.fetch(paths, most_bytes)
        if found is None:
            self.line.note(asked=asked, sent=None, found=None)
            return None
        path, file = found
        body = await asyncio.to_thread(file.read, FILE_BYTES + 1)
        await asyncio.to_thread(file.seek, 0)
        self.line.note(asked=asked, sent=None, found=path, body=body if len(body) <= FILE_BYTES else None)
        return found

    async def aclose(self) -> None:
        await self.inner.aclose()

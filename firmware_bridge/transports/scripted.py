"""Transports that play a script: what the machine would answer, in order, for tests and for trying things.

A line of a script that is a MachineError is raised in its place.
"""

from __future__ import annotations

import io
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import IO

from firmware_bridge.transports import (
    MAX_BODY_BYTES,
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
    Upload,
    WebSockets,
)
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.tls import TlsPeer
from floor.errors import MachineError, MachineFault, MachineUnreachable


@dataclass(slots=True)
class ScriptedHttp:
    """Answers each path with its queued answers; the last one stays. `asked` keeps what was asked for."""

    answers: Mapping[str, Iterable[Answer | MachineError]] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, object] | None]] = field(default_factory=list)
    _left: dict[str, deque[Answer | MachineError]] = field(default_factory=lambda: defaultdict(deque))

    async def get(self, path: str) -> Answer:
        """Play the next answer of the path; a path without a script is a 404."""
        return self._play("GET", path, None)

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Play the next answer of the path, whatever the body."""
        return self._play("POST", path, body)

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Play the next answer of the path, whatever the method and the body."""
        return self._play(method, path, body)

    async def upload(self, path: str, upload: Upload) -> Answer:
        """Play the next answer of the path; what was uploaded is kept as the body that was sent."""
        return self._play(upload.method, path, {"name": upload.name, **upload.fields})

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield the body of the next answer in two pieces. Raises MachineFault unless it is 200."""
        answer = self._play("GET", path, None)
        if answer.status != 200:
            raise MachineFault(f"the script answers {answer.status} for {path}")
        half = len(answer.body) // 2
        yield answer.body[:half]
        yield answer.body[half:]

    async def aclose(self) -> None:
        """Do nothing."""

    def _play(self, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        self.asked.append((method, path, body))
        if path not in self._left:
            self._left[path].extend(self.answers.get(path, [Answer(404, b"")]))
        queue = self._left[path]
        answer = queue.popleft() if len(queue) > 1 else queue[0]
        if isinstance(answer, MachineError):
            raise answer
        return answer


@dataclass(slots=True)
class _ScriptedSocket:
    frames: deque[str | MachineError]
    sent: list[str]

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def receive(self) -> str:
        if not self.frames:
            raise MachineUnreachable("the script ended the connection")
        frame = self.frames.popleft()
        if isinstance(frame, MachineError):
            raise frame
        return frame


@dataclass(slots=True)
class ScriptedWebSockets:
    """Plays one list of frames for each connection; after the last list nothing can be opened."""

    connections: list[list[str | MachineError]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, path: str) -> AsyncGenerator[Socket, None]:
        """Open the next connection. Raises MachineUnreachable when the script has none left."""
        if not self.connections:
            raise MachineUnreachable(f"the script has no connection left at {path}")
        yield _ScriptedSocket(deque(self.connections.pop(0)), self.sent)

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _ScriptedStream:
    pieces: deque[bytes | MachineError]
    sent: list[bytes]

    async def read(self, deadline_s: float) -> bytes:
        if not self.pieces:
            raise MachineUnreachable("the script ended the connection")
        piece = self.pieces.popleft()
        if isinstance(piece, MachineError):
            raise piece
        return piece

    async def write(self, data: bytes) -> None:
        self.sent.append(data)


@dataclass(slots=True)
class ScriptedBytes:
    """Plays one list of pieces for each connection; after the last list nothing can be opened."""

    connections: list[list[bytes | MachineError]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    resets: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        """Open the next connection. Raises MachineUnreachable when the script has none left."""
        if not self.connections:
            raise MachineUnreachable("the script has no connection left")
        yield _ScriptedStream(deque(self.connections.pop(0)), self.sent)


@dataclass(slots=True)
class _ScriptedDatagram:
    packets: deque[bytes | MachineError | None]
    sent: list[bytes]

    async def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def receive(self, within_s: float) -> bytes | None:
        if not self.packets:
            raise MachineUnreachable("the script ended: nobody listens")
        packet = self.packets.popleft()
        if isinstance(packet, MachineError):
            raise packet
        return packet


@dataclass(slots=True)
class ScriptedDatagrams:
    """Plays one list of packets for each opening, None for a time in which none comes."""

    connections: list[list[bytes | MachineError | None]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Datagram, None]:
        """Open the next one. Raises MachineUnreachable when the script has none left."""
        if not self.connections:
            raise MachineUnreachable("the script has no packets left")
        yield _ScriptedDatagram(deque(self.connections.pop(0)), self.sent)


@dataclass(slots=True)
class _ScriptedSubscription:
    messages: deque[Told | MachineError | None]
    published: list[tuple[str, str]]

    async def publish(self, topic: str, payload: str, sure: bool = False) -> None:
        self.published.append((topic, payload))

    async def receive(self, within_s: float) -> Told | None:
        if not self.messages:
            raise MachineUnreachable("the script lost the broker")
        message = self.messages.popleft()
        if isinstance(message, MachineError):
            raise message
        if message is None:
            return None
        return Told(message.topic, message.payload[:MAX_BODY_BYTES], message.retained)


@dataclass(slots=True)
class ScriptedMqtt:
    """Plays one list of messages for each connection, None for a time in which none comes."""

    connections: list[list[Told | MachineError | None]] = field(default_factory=list)
    published: list[tuple[str, str]] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, topics: Sequence[str]) -> AsyncGenerator[Subscription, None]:
        """Open the next connection. Raises MachineUnreachable when the script has none left."""
        if not self.connections:
            raise MachineUnreachable("the script has no connection left to the broker")
        self.subscribed.extend(topics)
        yield _ScriptedSubscription(deque(self.connections.pop(0)), self.published)


@dataclass(slots=True)
class ScriptedFiles:
    """Has these files. `asked` keeps what was asked for."""

    there: Mapping[str, bytes | MachineError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, paths: Sequence[str], most_bytes: int) -> tuple[str, IO[bytes]] | None:
        """Bring the first of these files that is there. Raises MachineFault for one that is longer."""
        for path in paths:
            self.asked.append(path)
            found = self.there.get(path)
            if isinstance(found, MachineError):
                raise found
            if found is not None and len(found) > most_bytes:
                raise MachineFault(f"a file of more than {most_bytes} bytes")
            if found is not None:
                return path, io.BytesIO(found)
        return None

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class ScriptedTransports:
    """Hands out the transports that it was given, for whatever address is asked; see Transports."""

    requests: Http = field(default_factory=ScriptedHttp)
    sockets: WebSockets = field(default_factory=ScriptedWebSockets)
    line: Bytes = field(default_factory=ScriptedBytes)
    broker: Mqtt = field(default_factory=ScriptedMqtt)
    store: Files = field(default_factory=ScriptedFiles)
    packets: Datagrams = field(default_factory=ScriptedDatagrams)

    def http(
        self,
        url: str,
        headers: Mapping[str, str],
        deadline_s: float = 10.0,
        digest: Login | None = None,
    ) -> Http:
        """Hand out the script."""
        return self.requests

    def websockets(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> WebSockets:
        """Hand out the script."""
        return self.sockets

    def stream(self, url: str, baud: int = 115200) -> Bytes:
        """Hand out the script."""
        return self.line

    def mqtt(self, settings: BrokerSettings, where: str, peer: TlsPeer | None = None) -> Mqtt:
        """Hand out the script."""
        return self.broker

    def files(self, url: str, login: Login, peer: TlsPeer, where: str, deadline_s: float = 10.0) -> Files:
        """Hand out the script."""
        return self.store

    def datagrams(self, host: str, port: int, local_port: int = 0) -> Datagrams:
        """Hand out the script."""
        return self.packets

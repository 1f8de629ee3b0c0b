"""Transports that play a recording: what was read comes in its order, at its time; what is written is kept.

A line that ended comes no more: whoever reads it waits until the replay is over.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import IO

from firmware_bridge.recordings.file import Recording, packed, unpacked
from firmware_bridge.recordings.tape import Entry
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
    Upload,
    WebSockets,
)
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.tls import TlsPeer
from floor.errors import MachineError, MachineFault, MachineUnreachable

KINDS = ("http", "sockets", "stream", "mqtt", "files", "datagrams")
_CHANCE = re.compile(r"[0-9a-fA-F]{8,}(\.\d+)?")


def loosely(value: object) -> str:
    """Return a value as text in which what is drawn by lot, or counts seconds since 1970, is one sign."""
    return _CHANCE.sub("#", value if isinstance(value, str) else json.dumps(value, sort_keys=True))


class ReplayingTransports:
    """See Transports. `now` is the time since the replay began, in seconds.

    `differences` says in words what the driver asked or wrote that is not in the recording, and what is in
    it that the driver did not write.
    """

    def __init__(self, recording: Recording, now: Callable[[], float]) -> None:
        self._recording = recording
        self._now = now
        self._made: dict[str, int] = defaultdict(int)
        self._wrote: dict[str, dict[str, None]] = defaultdict(dict)

    def http(
        self,
        url: str,
        headers: Mapping[str, str],
        deadline_s: float = 10.0,
        digest: Login | None = None,
    ) -> Http:
        """Make HTTP that answers as it did."""
        return _ReplayingHttp(_Answers(self._line("http")))

    def websockets(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> WebSockets:
        """Make websockets that play what they played."""
        return _ReplayingWebSockets(self._line("sockets"))

    def stream(self, url: str, baud: int = 115200) -> Bytes:
        """Make a line that says what it said."""
        return _ReplayingBytes(self._line("stream"))

    def mqtt(self, settings: BrokerSettings, where: str, peer: TlsPeer | None = None) -> Mqtt:
        """Make a broker that tells what it told."""
        return _ReplayingMqtt(self._line("mqtt"))

    def files(self, url: str, login: Login, peer: TlsPeer, where: str, deadline_s: float = 10.0) -> Files:
        """Make files that are those that were."""
        return _ReplayingFiles(_Answers(self._line("files")))

    def datagrams(self, host: str, port: int, local_port: int = 0) -> Datagrams:
        """Make packets that are those that came."""
        return _ReplayingDatagrams(self._line("datagrams"))

    def _line(self, kind: str) -> _Line:
        self._made[kind] += 1
        name = f"{kind}{self._made[kind]}"
        return _Line(name, self._recording.lines, self._now, self._wrote[kind])

    def differences(self) -> list[str]:
        """Compare what was written, without its order and how often."""
        words: list[str] = []
        for kind in KINDS:
            was = {
                loosely(_written(entry)): None
                for name, entries in self._recording.lines.items()
                if name.startswith(kind)
                for entry in entries
                if "wrote" in entry or "asked" in entry
            }
            now = self._wrote[kind]
            words += [f"{kind}: not written any more: {one[:200]}" for one in was if one not in now]
            words += [f"{kind}: written now: {one[:200]}" for one in now if one not in was]
        return words


def _written(entry: Entry) -> object:
    return [entry["asked"], entry.get("sent")] if "asked" in entry else entry["wrote"]


@dataclass(slots=True)
class _Line:
    """The recorded entries of one transport, and those of its connections, in order."""

    name: str
    lines: Mapping[str, list[Entry]]
    now: Callable[[], float]
    wrote: dict[str, None]
    _connections: int = 0

    def entries(self) -> list[Entry]:
        return self.lines.get(self.name, [])

    async def until(self, at: object) -> None:
        await asyncio.sleep(max(0.0, (at if isinstance(at, float | int) else 0.0) - self.now()))

    async def open(self) -> tuple[_Connection, object]:
        """Open the next connection as it opened, or not; returns it and what was asked of it."""
        self._connections += 1
        entries = self.lines.get(f"{self.name}.{self._connections}")
        if not entries:
            await over()
        assert entries
        first = entries[0]
        await self.until(first["at"])
        if "failed" in first:
            raise _error(first["failed"])
        return _Connection(self, deque(entry for entry in entries[1:] if "wrote" not in entry)), first.get(
            "opened"
        )


@dataclass(slots=True)
class _Connection:
    line: _Line
    left: deque[Entry]

    async def next(self, within_s: float | None = None) -> Entry | None:
        """Return what was read next, None where nothing comes in time. A cancelled wait loses nothing."""
        due_s = float("inf")
        if self.left and isinstance(at := self.left[0]["at"], float | int):
            due_s = at - self.line.now()
        if within_s is not None and due_s > within_s:
            await asyncio.sleep(within_s)
            return None
        if not self.left:
            await over()
        await asyncio.sleep(max(0.0, due_s))
        entry = self.left.popleft()
        if "failed" in entry:
            raise _error(entry["failed"])
        return entry

    async def read(self) -> Entry:
        entry = await self.next()
        assert entry is not None
        return entry

    def write(self, what: object) -> None:
        self.line.wrote[loosely(what)] = None


async def over() -> None:
    """Wait for ever: the recording says no more."""
    await asyncio.Event().wait()


def _error(failed: object) -> MachineError:
    kind, words = failed if isinstance(failed, list) and len(failed) == 2 else ("", str(failed))
    return MachineFault(str(words)) if kind == "MachineFault" else MachineUnreachable(str(words))


class _Answers:
    """The answers of one transport, to each question in the order in which they came."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._answers: dict[str, deque[Entry]] = defaultdict(deque)
        for entry in line.entries():
            self._answers[loosely(entry.get("asked", ""))].append(entry)

    async def next(self, asked: str, sent: object) -> Entry:
        self._line.wrote[loosely([asked, sent])] = None
        key = loosely(asked)
        if key not in self._answers:
            raise MachineUnreachable(f"the recording has no answer to {asked}")
        if not self._answers[key]:
            await over()
        entry = self._answers[key].popleft()
        await self._line.until(entry["at"])
        if "failed" in entry:
            raise _error(entry["failed"])
        return entry


@dataclass(slots=True)
class _ReplayingHttp:
    answers: _Answers

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        return await self.ask("POST", path, body)

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        entry = await self.answers.next(f"{method} {path}", body)
        status = entry.get("status")
        return Answer(status if isinstance(status, int) else 0, unpacked(entry.get("body")))

    async def upload(self, path: str, upload: Upload) -> Answer:
        return await self.ask(upload.method, path, {"file": upload.name, **upload.fields})

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        while "status" not in (entry := await self.answers.next(f"DOWNLOAD {path}", None)):
            yield unpacked(entry.get("piece"))

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _ReplayingSocket:
    connection: _Connection

    async def send(self, text: str) -> None:
        self.connection.write(text)

    async def receive(self) -> str:
        return unpacked((await self.connection.read()).get("read")).decode("utf-8", "replace")


@dataclass(slots=True)
class _ReplayingWebSockets:
    line: _Line

    @asynccontextmanager
    async def open(self, path: str) -> AsyncGenerator[Socket, None]:
        connection, _ = await self.line.open()
        yield _ReplayingSocket(connection)

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _ReplayingStream:
    connection: _Connection

    async def read(self, deadline_s: float) -> bytes:
        return unpacked((await self.connection.read()).get("read"))

    async def write(self, data: bytes) -> None:
        self.connection.write(packed(data))


class _ReplayingBytes:
    def __init__(self, line: _Line) -> None:
        self.resets = any(entry.get("resets") is True for entry in line.entries())
        self._line = line

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        connection, _ = await self._line.open()
        yield _ReplayingStream(connection)


@dataclass(slots=True)
class _ReplayingSubscription:
    connection: _Connection
    renamed: dict[str, str] = field(default_factory=dict)

    async def publish(self, topic: str, payload: str, sure: bool = False) -> None:
        self.connection.write([topic, payload])

    async def receive(self, within_s: float) -> Told | None:
        entry = await self.connection.next(within_s)
        if entry is None:
            return None
        topic = str(entry.get("topic"))
        return Told(
            self.renamed.get(topic, topic), unpacked(entry.get("read")), entry.get("retained") is True
        )


@dataclass(slots=True)
class _ReplayingMqtt:
    line: _Line

    @asynccontextmanager
    async def open(self, topics: Sequence[str]) -> AsyncGenerator[Subscription, None]:
        connection, opened = await self.line.open()
        was = [str(topic) for topic in opened] if isinstance(opened, list) else []
        # a driver may draw the topic of its answers by lot
        yield _ReplayingSubscription(connection, dict(zip(was, topics, strict=False)))


@dataclass(slots=True)
class _ReplayingDatagram:
    connection: _Connection

    async def send(self, data: bytes) -> None:
        self.connection.write(packed(data))

    async def receive(self, within_s: float) -> bytes | None:
        entry = await self.connection.next(within_s)
        return None if entry is None else unpacked(entry.get("read"))


@dataclass(slots=True)
class _ReplayingDatagrams:
    line: _Line

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Datagram, None]:
        connection, _ = await self.line.open()
        yield _ReplayingDatagram(connection)


@dataclass(slots=True)
class _ReplayingFiles:
    answers: _Answers

    async def fetch(self, paths: Sequence[str], most_bytes: int) -> tuple[str, IO[bytes]] | None:
        entry = await self.answers.next(f"FETCH {' '.join(paths)}", None)
        if entry.get("found") is None:
            return None
        if entry.get("body") is None:
            raise MachineFault(f"the recording has no room for {entry['found']}")
        return str(entry["found"]), io.BytesIO(unpacked(entry["body"]))

    async def aclose(self) -> None:
        """Do nothing."""

"""The line to one GRBL while it is open, and the TCP port at which its sender finds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from firmware_bridge.events import JobRefused, MachineEvent
from firmware_bridge.grbl.gate import Gate
from firmware_bridge.grbl.parser import Greeting, GrblParser
from firmware_bridge.grbl.tracker import Tracker
from firmware_bridge.transports import Stream
from floor.errors import ConfigError, MachineError, MachineFault, MachineUnreachable

QUEUE_LIMIT = 256
PIECE_BYTES = 4096
MAX_UNSENT = 1 << 18
REFUSED_S = 5.0
TAP_FIRST = "[MSG:Makerfloor: tap your badge first]\r\n"

Put = Callable[[MachineEvent], None]


async def pumped(serve: Callable[[Put], Awaitable[None]]) -> AsyncGenerator[MachineEvent, None]:
    """Run `serve` beside whoever reads what it puts; end with its MachineError, of several with the first.

    A reader that is QUEUE_LIMIT events behind is taken to have stopped, and ends the connection.
    """
    queue: asyncio.Queue[MachineEvent | None] = asyncio.Queue(QUEUE_LIMIT + 1)

    def put(event: MachineEvent) -> None:
        if queue.qsize() >= QUEUE_LIMIT:
            raise MachineUnreachable("what the machine said was not taken in time")
        queue.put_nowait(event)

    async def run() -> None:
        try:
            await serve(put)
        finally:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)

    worker = asyncio.create_task(run())
    try:
        while (event := await queue.get()) is not None:
            yield event
        await worker
    except ExceptionGroup as group:
        found = group.subgroup(MachineError)
        if found is None:
            raise
        raise _first(found) from group
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@dataclass(slots=True)
class Link:
    """One open line: reads it, tells the tracker and the sender. `hurry` wakes whoever polls."""

    stream: Stream
    gate: Gate
    parser: GrblParser
    tracker: Tracker
    clock: Callable[[], float]
    put: Put
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    to_sender: Callable[[bytes], None] = lambda _: None
    greeting: bytes = b""
    homing: bool = False

    @property
    def greeted(self) -> bool:
        """Whether the machine has greeted on this line."""
        return bool(self.greeting)

    async def listen(self, deadline_s: float) -> None:
        """Read once. Raises MachineUnreachable on loss, or when nothing comes in time."""
        data = await self.stream.read(deadline_s)
        at_s = self.clock()
        for heard in self.parser.receive_data(data):
            if isinstance(heard.fact, Greeting):
                self.greeting = heard.raw
            mine, fact = self.gate.from_machine(heard)
            self.to_sender(mine)
            if self.homing and self.gate.waiting == 0:
                self.homing = False
            if fact is not None:
                for event in self.tracker.receive(fact, at_s, self.gate.waiting):
                    self.put(event)

    async def from_sender(self, data: bytes) -> bytes:
        """Pass on what a sender wrote, as far as it may pass; return what it is answered at once."""
        at_s = self.clock()
        passed = self.gate.from_sender(data, at_s)
        self.homing |= b"$H" in passed.machine.upper()
        if passed.reset:
            self.tracker.reset_asked(at_s)
        if passed.worked:
            self.tracker.sender_came()
            self.hurry.set()
        if passed.machine:
            await self.stream.write(bytes(passed.machine))
        if passed.refused:
            self.put(JobRefused(f"nobody is authorised, and this was sent: {passed.refused[0]}"))
        return bytes(passed.sender)


class Proxy:
    """A TCP port for one sender at a time, open while the machine is there.

    Raises ConfigError for an address that is none.
    """

    def __init__(self, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ConfigError("driver grbl", "listen", f"is no address: {listen!r}", "Write host:port")
        self._host, self._port = host, int(port)
        self._writer: asyncio.StreamWriter | None = None
        self.port = 0

    def tell(self, text: str) -> None:
        """Show a line in the sender's console, if one is there."""
        safe = "".join(letter if letter.isprintable() and letter not in "[]" else " " for letter in text)
        self._send(f"[MSG:Makerfloor: {safe[:80]}]\r\n".encode())

    async def serve(self, link: Link) -> None:
        """Take senders in, once the machine is known. Raises MachineFault when the port cannot be had."""
        await link.ready.wait()
        senders: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue(1)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._writer is not None or senders.full():
                writer.write(b"[MSG:Makerfloor: another program is connected]\r\n")
                writer.close()
            else:
                senders.put_nowait((reader, writer))

        try:
            server = await asyncio.start_server(connected, self._host, self._port)
        except OSError as error:
            raise MachineFault(
                f"the port {self._host}:{self._port} cannot be had: {error.strerror}"
            ) from error
        link.to_sender = self._send
        try:
            self.port = server.sockets[0].getsockname()[1]
            while True:
                reader, self._writer = await senders.get()
                try:
                    await self._attend(link, reader, self._writer)
                finally:
                    self._writer.close()
                    self._writer = None
                    link.gate.sender_changed()
                    link.tracker.sender_left()
        finally:
            self.port = 0
            link.to_sender = lambda _: None
            server.close()

    async def _attend(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # no reset follows this opening, but senders wait for the greeting that follows one
        writer.write(link.greeting or b"Grbl 1.1h ['$' for help]\r\n")
        told_s = float("-inf")
        with suppress(OSError):  # a sender that goes is no fault of the machine
            while data := await reader.read(PIECE_BYTES):
                answer = await link.from_sender(data)
                if b"error:9" in answer and link.clock() - told_s > REFUSED_S:
                    told_s = link.clock()
                    writer.write(TAP_FIRST.encode())
                self._send(answer)

    def _send(self, data: bytes) -> None:
        writer = self._writer
        if writer is None or not data or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > MAX_UNSENT:
            writer.transport.abort()  # a sender that does not read must not hold up the machine
        else:
            writer.write(data)

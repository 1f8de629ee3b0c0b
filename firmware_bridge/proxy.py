"""The TCP port at which the program that sends work to a machine finds it, in place of the machine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from floor.errors import ConfigError, MachineFault

PIECE_BYTES = 4096
MAX_UNSENT = 1 << 18


def nobody(data: bytes) -> None:
    """Take what is for a sender, while there is none."""


class Served(Protocol):
    """An open line to a machine, as its proxy sees it: `ready` is set when a sender may come."""

    ready: asyncio.Event

    def answer_to(self, send: Callable[[bytes], None]) -> None:
        """Give `send` what is for the sender, from now on."""
        ...

    def greet(self) -> bytes:
        """Return what a sender is told as it connects."""
        ...

    async def from_sender(self, data: bytes) -> bytes:
        """Take bytes of the sender; return what it is answered at once. It is not read on meanwhile."""
        ...

    def sender_left(self) -> None:
        """Take note that the sender has gone."""
        ...


class Proxy:
    """A TCP port for one sender at a time, open while the machine is there; `taken` is said to a second one.

    Raises ConfigError for an address that is none, naming the driver `kind`.
    """

    def __init__(self, listen: str, kind: str, taken: bytes) -> None:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ConfigError(f"driver {kind}", "listen", f"is no address: {listen!r}", "Write host:port")
        self._host, self._port = host, int(port)
        self._taken = taken
        self._writer: asyncio.StreamWriter | None = None
        self.port = 0

    async def serve(self, link: Served) -> None:
        """Take senders in, once the machine is known. Raises MachineFault when the port cannot be had."""
        await link.ready.wait()
        senders: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue(1)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._writer is not None or senders.full():
                writer.write(self._taken)
                writer.close()
            else:
                senders.put_nowait((reader, writer))

        try:
            server = await asyncio.start_server(connected, self._host, self._port)
        except OSError as error:
            raise MachineFault(
                f"the port {self._host}:{self._port} cannot be had: {error.strerror}"
            ) from error
        link.answer_to(self.send)
        try:
            self.port = server.sockets[0].getsockname()[1]
            while True:
                reader, self._writer = await senders.get()
                try:
                    await self._attend(link, reader, self._writer)
                finally:
                    self._writer.close()
                    self._writer = None
                    link.sender_left()
        finally:
            self.port = 0
            link.answer_to(nobody)
            server.close()
            while not senders.empty():
                senders.get_nowait()[1].close()

    async def _attend(self, link: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(link.greet())
        with suppress(OSError):  # a sender that goes is no fault of the machine
            while data := await reader.read(PIECE_BYTES):
                self.send(await link.from_sender(data))

    def send(self, data: bytes) -> None:
        """Hand bytes to the sender, if one is there; one that does not read is let go."""
        writer = self._writer
        if writer is None or not data or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > MAX_UNSENT:
            writer.transport.abort()  # a sender that does not read must not hold up the machine
        else:
            writer.write(data)

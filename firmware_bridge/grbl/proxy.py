"""The TCP port at which the sender of one GRBL finds it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from firmware_bridge.grbl.link import Link
from floor.errors import ConfigError, MachineFault

PIECE_BYTES = 4096
MAX_UNSENT = 1 << 18


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
            while not senders.empty():
                senders.get_nowait()[1].close()

    async def _attend(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # no reset follows this opening, but senders wait for the greeting that follows one
        writer.write(link.greeting or b"Grbl 1.1h ['$' for help]\r\n")
        with suppress(OSError):  # a sender that goes is no fault of the machine
            while data := await reader.read(PIECE_BYTES):
                self._send(await link.from_sender(data))

    def _send(self, data: bytes) -> None:
        writer = self._writer
        if writer is None or not data or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > MAX_UNSENT:
            writer.transport.abort()  # a sender that does not read must not hold up the machine
        else:
            writer.write(data)

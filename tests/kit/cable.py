"""A line to a machine that can be pulled, put back, silenced and talked into: TCP to TCP in this loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PIECE_BYTES = 65536


class Cable:
    """Carries bytes between whoever connects to `port` and the machine, to whom it connects for each."""

    def __init__(self, machine_port: int) -> None:
        self._machine_port = machine_port
        self._whole = True
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._near: set[asyncio.StreamWriter] = set()
        self.pace: tuple[int, float] = (PIECE_BYTES, 0.0)
        """The most bytes that go at once either way, and how many seconds each piece takes."""
        self.edit: Callable[[bytes], bytes] = lambda data: data
        """What becomes of each piece that the machine says."""
        self.port = 0

    def cut(self) -> None:
        """Break every connection, and each new one at once."""
        self._whole = False
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        self._whole = True

    def mute(self) -> None:
        """Let the machine hear, but carry nothing that it says."""
        self._speaks.clear()

    def unmute(self) -> None:
        self._speaks.set()

    def say(self, data: bytes) -> None:
        """Say something in the machine's place."""
        for writer in self._near:
            writer.write(data)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._machine_port)
        ends = {writer, far_writer}
        self._ends |= ends
        self._near.add(writer)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(reader, far_writer, ends))
                tasks.create_task(self._carry_back(far_reader, writer, ends))
        finally:
            self._ends -= ends
            self._near.discard(writer)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(self.pace[0]):
                await asyncio.sleep(self.pace[1])
                writer.write(data)
                await writer.drain()
        for end in ends:
            end.close()

    async def _carry_back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(self.pace[0]):
                await asyncio.sleep(self.pace[1])
                await self._speaks.wait()
                writer.write(self.edit(data))
                await writer.drain()
        for end in ends:
            end.close()


@asynccontextmanager
async def cable(machine_port: int) -> AsyncIterator[Cable]:
    """Lay a cable to a port of this machine."""
    laid = Cable(machine_port)
    server = await asyncio.start_server(laid.connected, "127.0.0.1", 0)
    laid.port = server.sockets[0].getsockname()[1]
    try:
        yield laid
    finally:
        laid.unmute()
        laid.cut()
        server.close()

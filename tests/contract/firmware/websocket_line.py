"""A line to a server that can be cut and mended, and on which something can be said in the server's name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PIECE_BYTES = 1 << 16


class Line:
    """A TCP proxy on 127.0.0.1 that knows the frames of a websocket (RFC 6455, 5.2) on their way out."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._websockets: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mend(self) -> None:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break what is open, and refuse what is new."""
        if self._listener is not None:
            self._listener.close()
        for end in list(self._ends):
            end.close()
        while self._ends:
            await asyncio.sleep(0.01)

    async def say(self, text: str) -> None:
        """Say one text frame on every open websocket, as if the server said it."""
        data = text.encode()
        assert len(data) < 1 << 16
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
        for client in self._websockets:
            client.write(b"\x81" + size + data)
            await client.drain()

    async def _carry(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._ends.add(client)
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            self._ends.discard(client)
            client.close()
            return
        self._ends.add(server)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, server))
                group.create_task(self._answer(answers, client))
        except* OSError:
            pass
        finally:
            self._websockets.discard(client)
            for end in (client, server):
                end.close()
                self._ends.discard(end)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _answer(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await answers.readuntil(b"\r\n\r\n")
            client.write(head)
            if head.startswith(b"HTTP/1.1 101"):
                self._websockets.add(client)
                while True:
                    client.write(await self._frame(answers))
                    await client.drain()
        await self._pass(answers, client)

    @staticmethod
    async def _frame(answers: asyncio.StreamReader) -> bytes:
        head = await answers.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            more = await answers.readexactly(2 if size == 126 else 8)
            head, size = head + more, int.from_bytes(more, "big")
        return head + await answers.readexactly(size)


@asynccontextmanager
async def line_to(server_port: int) -> AsyncIterator[Line]:
    """Open a line for the length of a `with`."""
    line = Line(server_port)
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()

"""Websockets to one machine, by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from firmware_bridge.transports import MAX_FRAME_BYTES, Socket
from floor.errors import MachineUnreachable

CLOSE_S = 2.0


class _OpenSocket:
    def __init__(self, url: str, socket: aiohttp.ClientWebSocketResponse, silence_s: float) -> None:
        self._url = url
        self._socket = socket
        self._silence_s = silence_s

    async def send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._silence_s):
                await self._socket.send_str(text)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise MachineUnreachable(f"{self._url} takes nothing more: {error}") from error

    async def receive(self) -> str:
        try:
            async with asyncio.timeout(self._silence_s):
                message = await self._socket.receive()
        except TimeoutError as error:
            raise MachineUnreachable(f"{self._url} was silent for {self._silence_s:g} s") from error
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data).decode("utf-8", "replace")
        raise MachineUnreachable(f"{self._url} ended the connection")


class WebSocketTransport:
    """Opens websockets below `url` (http or https). A peer silent for `silence_s` is lost.

    `silence_s` is longer than the peer's own heartbeat; aiohttp's pings find a dead line sooner.
    """

    def __init__(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._silence_s = silence_s

    @asynccontextmanager
    async def open(self, path: str) -> AsyncGenerator[Socket, None]:
        """Open a socket for the length of a `with`. Raises MachineUnreachable when it cannot be had."""
        async with aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout()) as session:
            try:
                async with asyncio.timeout(self._silence_s):
                    socket = await session.ws_connect(
                        self._url + path,
                        heartbeat=self._silence_s / 3,
                        max_msg_size=MAX_FRAME_BYTES,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                    )
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise MachineUnreachable(f"no websocket at {self._url}: {error}") from error
            try:
                yield _OpenSocket(self._url, socket, self._silence_s)
            finally:
                await socket.close()

    async def aclose(self) -> None:
        """Do nothing: each socket closes with its own `with`."""

"""Packets to and from one machine, by a UDP socket that is connected: the kernel drops what others send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from firmware_bridge.transports import Datagram
from floor.errors import MachineUnreachable

OPEN_S = 5.0
QUEUE_BYTES = 1 << 16
MAX_PACKET_BYTES = 1 << 16


class _OpenUdp:
    def __init__(self, where: str, opened: socket.socket) -> None:
        self._where = where
        self._socket = opened

    async def send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(OPEN_S):
                await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except (TimeoutError, OSError) as error:
            raise self._lost(error) from error

    async def receive(self, within_s: float) -> bytes | None:
        loop, machine = asyncio.get_running_loop(), self._socket.getpeername()
        try:
            async with asyncio.timeout(within_s):
                while True:
                    data, sender = await loop.sock_recvfrom(self._socket, MAX_PACKET_BYTES)
                    if sender == machine:  # else it came before the socket was connected
                        return data
        except TimeoutError:
            return None
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> MachineUnreachable:
        if isinstance(error, ConnectionRefusedError):
            return MachineUnreachable(f"nobody listens at {self._where}")
        return MachineUnreachable(f"no packets to {self._where}: {error or type(error).__name__}")


class UdpTransport:
    """UDP (IPv4) to `host` and `port` from `local_port`, 0 for any. Waiting packets take QUEUE_BYTES at most.

    The local port may be shared by several sockets of a gateway: each gets the packets of its own machine.
    """

    def __init__(self, host: str, port: int, local_port: int = 0) -> None:
        self._host = host
        self._port = port
        self._local_port = local_port

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Datagram, None]:
        """Open a socket for the length of a `with`. Raises MachineUnreachable when it cannot be had."""
        where = f"{self._host}:{self._port}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                async with asyncio.timeout(OPEN_S):
                    found = await asyncio.get_running_loop().getaddrinfo(
                        self._host, self._port, family=socket.AF_INET, type=socket.SOCK_DGRAM
                    )
                opened.bind(("", self._local_port))
                opened.connect(found[0][4])
            except TimeoutError as error:
                raise MachineUnreachable(f"{self._host} was not found within {OPEN_S:g} s") from error
            except OSError as error:
                raise MachineUnreachable(f"no socket to {where}: {error.strerror}") from error
            yield _OpenUdp(where, opened)

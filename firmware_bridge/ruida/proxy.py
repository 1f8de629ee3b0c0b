"""The UDP port at which the senders of one controller find it, and the gate behind it.

Who may not work is answered with ERR (0xCD): ens1/ruida-re takes it for a rejection, jnweiger/ruida-laser
retries the first packet of a file after it and gives up at a later one (src/udpsendruida.py, as the byte
0x46), and its RudiaProxy/RuidaProxy.py says it to whom it does not let in. A wrong sum is answered with NAK
(0xCF), as a controller does (edutechwiki.unige.ch/en/Ruida, "UDP").
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from firmware_bridge.events import JobRefused
from firmware_bridge.ruida import codec
from firmware_bridge.ruida.link import Link
from firmware_bridge.ruida.parser import FileReader, Named, begins_file, is_work
from floor.errors import ConfigError, MachineFault

MAX_WAITING = 64
REFUSED_S = 5.0

Address = tuple[str, int]


class _Port(asyncio.DatagramProtocol):
    """The packets that wait; those that are too many are lost, as packets may be."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, Address]] = deque()
        self._news = asyncio.Event()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((data, addr))
            self._news.set()

    async def get(self) -> tuple[bytes, Address]:
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def waits(self, host: str) -> bool:
        return any(sender[0] == host for _, sender in self._waiting)


class Proxy:
    """A UDP port for senders, open while the controller is there. One packet at a time goes through.

    Answers go to `reply_port` of whoever asked, as a controller's do; 0 for where the question came from.
    Raises ConfigError for an address that is none.
    """

    def __init__(self, listen: str, reply_port: int) -> None:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ConfigError("driver ruida", "listen", f"is no address: {listen!r}", "Write host:port")
        self._host, self._port, self._reply_port = host, int(port), reply_port
        self._file_of = ""
        self._refused_at_s = float("-inf")
        self.authorised = True
        self.port = 0

    async def serve(self, link: Link) -> None:
        """Take packets in, once the controller is known. Raises MachineFault when the port cannot be had."""
        await link.ready.wait()
        try:
            transport, port = await asyncio.get_running_loop().create_datagram_endpoint(
                _Port, (self._host, self._port)
            )
        except OSError as error:
            raise MachineFault(
                f"the port {self._host}:{self._port} cannot be had: {error.strerror}"
            ) from error
        try:
            self.port = transport.get_extra_info("sockname")[1]
            while True:
                data, sender = await port.get()
                to = (sender[0], self._reply_port or sender[1])
                await self._pass(link, port, data, sender[0], partial(transport.sendto, addr=to))
        finally:
            self.port = 0
            transport.close()

    async def _pass(
        self, link: Link, port: _Port, data: bytes, host: str, answer: Callable[[bytes], None]
    ) -> None:
        stream, in_file = codec.unpacked(data, link.magic), link.in_file
        if stream is None:
            answer(codec.swizzled(codec.NAK, link.magic))
            return
        if in_file and host != self._file_of:
            return  # it would be taken for a part of the other's file
        works = any(map(is_work, codec.commands(stream)))
        if works and not in_file and not self.authorised:
            self._refuse(link, stream)
            answer(codec.swizzled(codec.ERR, link.magic))
            return
        if not in_file and begins_file(stream):
            self._file_of = host
        await link.carry(data, stream, answer, lambda: port.waits(host))
        if works:
            link.hurry.set()

    def _refuse(self, link: Link, stream: bytes) -> None:
        at_s = time.monotonic()
        burst, self._refused_at_s = at_s - self._refused_at_s <= REFUSED_S, at_s
        if burst:
            return
        names = [fact.name for fact in FileReader().receive(stream) if isinstance(fact, Named)]
        what = f"the file {names[0]}" if names else stream[:8].hex(" ")
        link.put(JobRefused(f"nobody is authorised, and this was sent: {what}"))

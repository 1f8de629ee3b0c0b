"""Lines of bytes to one machine: a serial port by pyserial, or TCP. `stream_at` makes either from a URL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import serial

from firmware_bridge.transports import Bytes, Stream
from floor.errors import MachineUnreachable

PIECE_BYTES = 4096
WRITE_S = 5.0
OPEN_S = 5.0
URL_EXAMPLE = "serial:///dev/ttyUSB0?baud=115200 or tcp://192.168.1.30:23"
_HUPCL_FLAGS = 2  # the index of the control flags in what tcgetattr returns


def stream_at(url: str, baud: int = 115200) -> Bytes:
    """Make the transport of `serial:///dev/…?baud=…` or `tcp://host:port`; `baud` holds when none is named.

    Raises ValueError with a sentence when the URL is neither.
    """
    parts = urlsplit(url)
    if parts.scheme == "serial" and parts.path.startswith("/") and not parts.netloc:
        named = parse_qs(parts.query).get("baud", [str(baud)])[0]
        if named.isdecimal() and 300 <= int(named) <= 4_000_000:
            return SerialTransport(parts.path, int(named))
    elif parts.scheme == "tcp" and parts.hostname:
        with contextlib.suppress(ValueError):  # a port that is no number raises as it is looked at
            if parts.port:
                return TcpTransport(parts.hostname, parts.port)
    raise ValueError(f"{url!r} names no line to a machine; write {URL_EXAMPLE}")


class _SerialStream:
    def __init__(self, port: str, descriptor: int) -> None:
        self._port = port
        self._descriptor = descriptor
        self._writing = asyncio.Lock()

    async def read(self, deadline_s: float) -> bytes:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, ready.set)
        try:
            data = None
            async with asyncio.timeout(deadline_s):
                while data is None:
                    await ready.wait()
                    ready.clear()
                    with contextlib.suppress(BlockingIOError):
                        data = os.read(self._descriptor, PIECE_BYTES)
        except TimeoutError as error:
            raise MachineUnreachable(f"{self._port} was silent for {deadline_s:g} s") from error
        except OSError as error:
            raise MachineUnreachable(f"{self._port} is lost: {error.strerror}") from error
        finally:
            loop.remove_reader(self._descriptor)
        if not data:
            raise MachineUnreachable(f"{self._port} is lost: the device was unplugged")
        return data

    async def write(self, data: bytes) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with asyncio.timeout(WRITE_S), self._writing:
                while data:
                    try:
                        data = data[os.write(self._descriptor, data) :]
                    except BlockingIOError:
                        ready.clear()
                        loop.add_writer(self._descriptor, ready.set)
                        try:
                            await ready.wait()
                        finally:
                            loop.remove_writer(self._descriptor)
        except TimeoutError as error:
            raise MachineUnreachable(f"{self._port} took nothing for {WRITE_S:g} s") from error
        except OSError as error:
            raise MachineUnreachable(f"{self._port} is lost: {error.strerror}") from error


class SerialTransport:
    """A serial port (8N1), taken for this process alone.

    pyserial raises DTR as it opens, which resets many boards, and forgives a pty, which has no DTR; setting
    it later would raise, so nobody does. Once opened, the kernel is told to leave DTR up when the port is
    closed: a second opening resets no board in the middle of a job.
    """

    resets = True

    def __init__(self, port: str, baud: int) -> None:
        self._port = port
        self._baud = baud

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        """Open the port for the length of a `with`. Raises MachineUnreachable when it cannot be had."""
        try:
            device = serial.Serial(self._port, self._baud, timeout=0, exclusive=True)
        except (OSError, termios.error, ValueError) as error:  # serial.SerialException is an OSError
            raise MachineUnreachable(f"{self._port} cannot be opened: {error}") from error
        try:
            self._keep_dtr(device.fileno())
            yield _SerialStream(self._port, device.fileno())
        finally:
            with contextlib.suppress(OSError, termios.error):  # a port that is gone needs no closing
                device.close()

    def _keep_dtr(self, descriptor: int) -> None:
        try:
            attributes = termios.tcgetattr(descriptor)
            attributes[_HUPCL_FLAGS] &= ~termios.HUPCL
            termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        except termios.error as error:
            raise MachineUnreachable(f"{self._port} cannot be set up: {error}") from error


class _TcpStream:
    def __init__(self, where: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._where = where
        self._reader = reader
        self._writer = writer

    async def read(self, deadline_s: float) -> bytes:
        try:
            async with asyncio.timeout(deadline_s):
                data = await self._reader.read(PIECE_BYTES)
        except TimeoutError as error:
            raise MachineUnreachable(f"{self._where} was silent for {deadline_s:g} s") from error
        except OSError as error:
            raise MachineUnreachable(f"{self._where} is lost: {error}") from error
        if not data:
            raise MachineUnreachable(f"{self._where} is lost: it ended the connection")
        return data

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            async with asyncio.timeout(WRITE_S):
                await self._writer.drain()
        except TimeoutError as error:
            raise MachineUnreachable(f"{self._where} took nothing for {WRITE_S:g} s") from error
        except OSError as error:
            raise MachineUnreachable(f"{self._where} is lost: {error}") from error


class TcpTransport:
    """TCP to `host` and `port`, without Nagle's delay (asyncio sets TCP_NODELAY)."""

    resets = False

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        """Connect for the length of a `with`. Raises MachineUnreachable when nobody answers."""
        where = f"{self._host}:{self._port}"
        try:
            async with asyncio.timeout(OPEN_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError as error:
            raise MachineUnreachable(f"no connection to {where} within {OPEN_S:g} s") from error
        except OSError as error:
            raise MachineUnreachable(f"no connection to {where}: {error}") from error
        try:
            yield _TcpStream(where, reader, writer)
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(OPEN_S):
                    await writer.wait_closed()

"""A badge reader on a serial port, read within the event loop."""

import asyncio
import termios
import time
from collections.abc import AsyncIterator, Callable

import serial

from floor.words import BadgeKind
from hardware.events import ReaderEvent, ReaderFound, ReaderLost, ReaderNoise
from hardware.readers.presence import Presence
from hardware.readers.rdm6300 import Rdm6300Parser

_BAUD = 9600
_CHUNK = 256
_FIRST_RETRY_S = 0.2
_LONGEST_RETRY_S = 5.0


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class SerialReader:
    """An RDM6300, ID-12 or ID-20 on `port` (9600 baud, 8N1). Implements hardware.ports.Reader.

    The port is taken for this process alone. Over a loss the badge in the field is remembered: if it still
    lies there afterwards it is not tapped again, if it does not it is removed.
    """

    def __init__(
        self, name: str, port: str, removal_ms: int, now_ms: Callable[[], int] = _monotonic_ms
    ) -> None:
        self.name = name
        self._port = port
        self._now_ms = now_ms
        self._presence = Presence(BadgeKind.UID_125KHZ, removal_ms)
        self._device: serial.Serial | None = None
        self._wake = asyncio.Event()
        self._closed = False

    async def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what happens; the wait between attempts to open doubles from 0.2 s to 5 s."""
        retry_s = _FIRST_RETRY_S
        told = False
        while not self._closed:
            try:
                device = self._open()
                told = False
                yield ReaderFound()
                while not self._closed:
                    data = await self._read(device)
                    if data:
                        retry_s = _FIRST_RETRY_S
                    for event in self._digest(data):
                        yield event
            except (OSError, termios.error) as error:  # serial.SerialException is an OSError
                self._release()
                if not told:
                    told = True
                    yield ReaderLost(str(error) if self._port in str(error) else f"{self._port}: {error}")
                await self._pause(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
            finally:
                self._release()

    async def aclose(self) -> None:
        """Give the port up and end `events`."""
        self._closed = True
        self._wake.set()
        self._release()

    def _open(self) -> serial.Serial:
        # pyserial sets DTR and RTS as it opens and forgives a pty, which has neither (ENOTTY);
        # setting them later would raise, so nobody does.
        self._device = serial.Serial(self._port, _BAUD, timeout=0, exclusive=True)
        self._parser = Rdm6300Parser()
        self._presence.resume(self._now_ms())
        return self._device

    def _release(self) -> None:
        if self._device is not None:
            asyncio.get_running_loop().remove_reader(self._device.fileno())
            self._device.close()
            self._device = None

    async def _read(self, device: serial.Serial) -> bytes:
        """Return what has come, or nothing once a removal is due; OSError when the device has gone."""
        due_ms = self._presence.due_ms
        loop = asyncio.get_running_loop()
        descriptor = device.fileno()
        loop.add_reader(descriptor, self._wake.set)
        try:
            await self._pause(None if due_ms is None else (due_ms - self._now_ms()) / 1000)
        finally:
            if device.is_open:  # once closed, its number may be another file's
                loop.remove_reader(descriptor)
        return b"" if self._closed else device.read(_CHUNK)

    async def _pause(self, wait_s: float | None) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return
        if not self._closed:
            self._wake.clear()

    def _digest(self, data: bytes) -> list[ReaderEvent]:
        # Silence is judged only when nothing waits to be read: a slow consumer must not end a session.
        if not data:
            return [*self._presence.silent(self._now_ms())]
        events: list[ReaderEvent] = []
        for found in self._parser.receive_data(data):
            if isinstance(found, ReaderNoise):
                events.append(found)
            else:
                events += self._presence.seen(found.uid, self._now_ms())
        return events

"""A badge reader behind a device of Linux, read within the event loop. What is said there is up to a Talk."""

import asyncio
import os
import termios
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

import serial

from hardware.events import ReaderEvent, ReaderFound, ReaderLost, ReaderNoise

_CHUNK = 240
_FIRST_RETRY_S = 0.2
_LONGEST_RETRY_S = 5.0


class ReaderSilent(OSError):
    """The device is there and whoever is behind it does not answer."""


class Device(Protocol):
    """What was opened; it never blocks."""

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        ...

    def read(self, size: int, /) -> bytes:
        """Return what has come, or nothing; OSError when the device has gone."""
        ...

    def close(self) -> None:
        """Give the device up."""
        ...


class Talk(Protocol):
    """What is said over a device, from one opening to the next. Pure: times are ms, monotonic."""

    @property
    def due_ms(self) -> int | None:
        """When `waited` is to be called though nothing came; None for never."""
        ...

    def begin(self, now_ms: int) -> list[ReaderEvent]:
        """Begin anew: the device was opened. Which badge lay there is remembered."""
        ...

    def heard(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        """Take the next bytes and return what they mean; raises ReaderSilent."""
        ...

    def waited(self, now_ms: int) -> list[ReaderEvent]:
        """Note that nothing waits to be read; raises ReaderSilent when something should have come."""
        ...

    def to_write(self) -> bytes:
        """Return what is to be sent now, once."""
        ...


def open_serial(port: str, baud: int) -> Device:
    """Open a serial port (8N1) for this process alone; OSError or termios.error when it cannot be had."""
    # pyserial sets DTR and RTS as it opens and forgives a pty, which has neither (ENOTTY);
    # setting them later would raise, so nobody does.
    return serial.Serial(port, baud, timeout=0, exclusive=True)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class PortReader:
    """A reader at `port`, which `open_device` opens. Implements hardware.ports.Reader.

    Over a loss the badge in the field is remembered: if it still lies there afterwards it is not tapped
    again, if it does not it is removed.
    """

    def __init__(
        self,
        name: str,
        port: str,
        talk: Talk,
        open_device: Callable[[], Device],
        now_ms: Callable[[], int] = _monotonic_ms,
    ) -> None:
        self.name = name
        self._port = port
        self._talk = talk
        self._open_device = open_device
        self._now_ms = now_ms
        self._device: Device | None = None
        self._wake = asyncio.Event()
        self._closed = False

    async def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what happens; the wait between attempts to open doubles from 0.2 s to 5 s."""
        retry_s = _FIRST_RETRY_S
        told = found = False
        while not self._closed:
            try:
                device = self._device = self._open_device()
                events = self._talk.begin(self._now_ms())
                while not self._closed:
                    for event in events:
                        found = found or isinstance(event, ReaderFound)
                        if found or not isinstance(event, ReaderNoise):
                            yield event
                    told = told and not found
                    self._write(device)
                    if data := await self._read(device):
                        retry_s = _FIRST_RETRY_S
                        events = self._talk.heard(data, self._now_ms())
                    else:
                        # Silence is judged only when nothing waits to be read: a slow consumer must not
                        # end a session.
                        events = self._talk.waited(self._now_ms())
            except (OSError, termios.error) as error:  # serial.SerialException is an OSError
                self._release()
                found = False
                if not told:
                    told = True
                    yield ReaderLost(str(error) if self._port in str(error) else f"{self._port}: {error}")
                await self._pause(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
            finally:
                self._release()

    async def aclose(self) -> None:
        """Give the device up and end `events`."""
        self._closed = True
        self._wake.set()
        self._release()

    def _release(self) -> None:
        if self._device is not None:
            asyncio.get_running_loop().remove_reader(self._device.fileno())
            self._device.close()
            self._device = None

    def _write(self, device: Device) -> None:
        # pyserial's own write spins when the line takes nothing. What is cut off here is not answered, and
        # the talk's deadline sees that.
        if not self._closed and (data := self._talk.to_write()):
            with suppress(BlockingIOError):
                os.write(device.fileno(), data)

    async def _read(self, device: Device) -> bytes:
        """Return what has come, or nothing once something is due; OSError when the device has gone."""
        if self._closed:
            return b""
        due_ms = self._talk.due_ms
        loop = asyncio.get_running_loop()
        descriptor = device.fileno()
        loop.add_reader(descriptor, self._wake.set)
        try:
            await self._pause(None if due_ms is None else (due_ms - self._now_ms()) / 1000)
        finally:
            if self._device is not None:  # once closed, its number may be another file's
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

"""An OSDP reader on RS-485, with secure channel always, through libosdp 3.2.9 (the extra `osdp`).

libosdp waits and polls by itself, so it lives in a thread (hardware.readers.threaded). Once it has taken a
reader for offline it does not ask again for 300 s; so the reader is disabled and enabled at each attempt. One
object of libosdp serves for good: each that is made leaves some memory behind (3.2.9).
"""

import os
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from floor.errors import ConfigError
from hardware.events import ReaderNoise
from hardware.readers.frame import Alive, Frame
from hardware.readers.port_reader import Device, ReaderSilent
from hardware.readers.records import record
from hardware.readers.threaded import Line
from hardware.readers.wiegand import decode

DEFAULT_KEY = bytes(range(0x30, 0x40))
"""SCBK-D, the key of every reader that is in install mode. It is public, so it protects nothing."""

BITS = (26, 34, 37)
"""How many bits a card may have: the formats that Wiegand readers have too."""

_REFRESH_S = 0.01
_BEGIN_S = 4.0  # the channel stands after 0.1 s on a fast line; 9600 baud and a busy reader take longer
_SILENT_S = 2.5  # libosdp asks every 50 ms, and again 1.2 s after a question that was lost
_ALIVE_S = 0.5
_DISABLED_S = 0.5


def load_libosdp(where: str) -> ModuleType:
    """Import libosdp; ConfigError names the extra."""
    try:
        # PyPI's package osdp is another one and would be taken for it; libosdp's core has its own name.
        return import_module("osdp_sys")
    except ImportError as error:
        remedy = "Install the extra: pip install 'makerfloor[gateway,osdp]'."
        raise ConfigError(where, "kind", f"libosdp cannot be used here: {error}", remedy) from error


def card(bits: int, data: bytes) -> Frame | ReaderNoise:
    """Decode a card: its bits, the first one highest, zeros after the last (OSDP's osdp_RAW).

    A badge has the same UID here as at a Wiegand reader.
    """
    if bits not in BITS:
        return ReaderNoise(f"a card of {bits} bits; 26, 34 and 37 are understood")
    padding = 8 * len(data) - bits
    value = int.from_bytes(data, "big")
    if not 0 <= padding < 8 or value & ((1 << padding) - 1):
        return ReaderNoise(f"a card of {bits} bits came in {len(data)} bytes that do not fit")
    return decode(bits, f"{value >> padding:0{-(-bits // 4)}X}")


class Osdp:
    """What the thread does at each opening: the secure channel, then cards, until either ends."""

    def __init__(
        self, library: ModuleType, open_device: Callable[[], Device], address: int, key: bytes
    ) -> None:
        self._library = library
        self._open_device = open_device
        self._channel = _Channel()
        self._events: list[dict[str, Any]] = []
        library.set_loglevel(library.LOG_EMERG)  # it writes to stderr; what matters is told as a loss
        # ENFORCE_SECURE: no card without the channel, and never SCBK-D in place of the key.
        flags = library.FLAG_ENFORCE_SECURE | library.FLAG_ENABLE_NOTIFICATION
        reader = {"name": "reader", "address": address, "flags": flags, "scbk": key}
        unused = dict.fromkeys(("version", "model", "vendor_code", "serial_number", "firmware_version"), 0)
        self._panel = library.ControlPanel([{**reader, **unused, "channel": self._channel}])
        self._panel.set_event_callback(self._happened)
        self._panel.disable_pd(0)

    def __call__(self, line: Line) -> None:
        """Run until the line is closed; raises OSError."""
        device = self._open_device()
        try:
            try:
                self._attempt(device, line)
            except _Unkeyed:  # so it is too after an answer that came late: once proves no other key
                self._attempt(device, line)
        finally:
            device.close()

    def _attempt(self, device: Device, line: Line) -> None:
        try:
            self._channel.connect(device)
            self._begin(line)
            self._talk(line)
        finally:
            self._panel.disable_pd(0)
            self._channel.connect(None)

    def _begin(self, line: Line) -> None:
        """Let libosdp notice that the reader was disabled, then enable it."""
        begun_s = now_s = time.monotonic()
        while self._panel.status() or now_s - begun_s < _DISABLED_S:
            if now_s - begun_s >= _BEGIN_S:
                raise ReaderSilent("libosdp does not let go of the reader that was lost")
            self._panel.refresh()
            line.wait(_REFRESH_S)
            now_s = time.monotonic()
        self._events.clear()
        self._panel.enable_pd(0)

    def _talk(self, line: Line) -> None:
        panel, channel = self._panel, self._channel
        begun_s = channel.heard_s = time.monotonic()
        alive_s = None
        while True:
            panel.refresh()
            channel.judge()
            now_s = time.monotonic()
            secure = bool(panel.status() & panel.sc_status() & 1)
            offline = self._take(line, secure)
            if secure:
                if alive_s is None or now_s - alive_s >= _ALIVE_S:
                    alive_s = now_s
                    line.say(record(Alive()))
            elif alive_s is not None:
                raise ReaderSilent("the secure channel broke")
            elif offline or now_s - begun_s >= _BEGIN_S:
                raise _refused(channel.heard)
            if now_s - channel.heard_s >= _SILENT_S:
                raise _refused(channel.heard) if alive_s is None else ReaderSilent("it no longer answers")
            line.wait(_REFRESH_S)

    def _happened(self, _: int, event: dict[str, Any]) -> int:
        self._events.append(event)
        return 0

    def _take(self, line: Line, secure: bool) -> bool:
        """Say the cards that came; return whether the reader was given up."""
        library, offline = self._library, False
        for event in self._events:
            if event["event"] == library.EVENT_CARDREAD:
                if secure:
                    line.say(record(card(event["length"], event["data"])))
            elif event["event"] == library.EVENT_NOTIFICATION:
                gone = event["type"] == library.EVENT_NOTIFICATION_PD_STATUS and not event["arg0"]
                offline = offline or gone
        self._events.clear()
        return offline


class _Unkeyed(ReaderSilent):
    """Somebody answers, and the secure channel does not come to stand."""


def _refused(heard: bool) -> ReaderSilent:
    if heard:
        return _Unkeyed("it answers, but not to this key: no secure channel")
    return ReaderSilent("nobody answers at this address and speed")


class _Channel:
    """The device as libosdp wants it. An error must not pass through libosdp: `judge` raises it."""

    def __init__(self) -> None:
        self.id = 0
        self.connect(None)

    def connect(self, device: Device | None) -> None:
        """Talk over this device from now on; None is a line without anybody."""
        self.heard, self.heard_s = False, time.monotonic()
        self._device = device
        self._error: OSError | None = None

    def read(self, size: int) -> bytes:
        """Return what has come."""
        if self._device is None:
            return b""
        try:
            data = self._device.read(size)
        except OSError as error:
            self._error = error
            return b""
        if data:
            self.heard, self.heard_s = True, time.monotonic()
        return data

    def write(self, data: bytes) -> int:
        """Send, as far as the line takes it."""
        if self._device is None:
            return len(data)
        try:
            return os.write(self._device.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._error = error
            return 0

    def flush(self) -> None:
        """Nothing is kept back."""

    def judge(self) -> None:
        """Raise what went wrong with the device."""
        if self._error is not None:
            raise self._error

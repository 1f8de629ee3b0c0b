"""Readers that type like a USB keyboard, through Linux evdev, grabbed so that nothing else sees the keys.

The parser is pure; `EventDevice` opens /dev/input/eventN. Sources: Linux uapi input.h (struct input_event,
EVIOCGRAB) and input-event-codes.h (codes of keys).
"""

import fcntl
import os
from collections.abc import Callable
from struct import Struct

from hardware.events import ReaderNoise
from hardware.readers.frame import Frame

_EVENT = Struct("@LLHHi")  # seconds, microseconds, type, code, value: 24 bytes, 16 on a 32-bit system
_EV_SYN, _EV_KEY = 0, 1
_SYN_DROPPED = 3
_PRESSED = 1
_ENTER = {28, 96}
_SHIFTS = {42, 54, 58}  # shift left and right, caps lock: hexadecimal digits mean the same in either case
_ROW = {code: digit for code, digit in zip(range(2, 12), "1234567890", strict=True)}
_KEYPAD = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
_LETTERS = {30: "A", 48: "B", 46: "C", 32: "D", 18: "E", 33: "F"}
_DIGITS = _ROW | _KEYPAD | _LETTERS
_LONGEST = 20
_HEX_DIGITS = (8, 10, 14, 20)
_DECIMAL_DIGITS = 10
_GRAB = 0x40044590  # EVIOCGRAB, _IOW('E', 0x90, int)


def decimal(typed: str) -> bytes | None:
    """Read ten decimal digits as four bytes; None for anything else."""
    if len(typed) != _DECIMAL_DIGITS or not typed.isdecimal() or int(typed) >= 1 << 32:
        return None
    return int(typed).to_bytes(4, "big")


def hexadecimal(typed: str) -> bytes | None:
    """Read 8, 10, 14 or 20 hexadecimal digits; None for anything else."""
    return bytes.fromhex(typed) if len(typed) in _HEX_DIGITS else None


class KeyboardParser:
    """Makes numbers of keys: digits, then Enter; what it says does not depend on how the stream is cut.

    `number` turns what was typed into a UID, or None where it is none; `reverse` turns its bytes round. A
    number of which any key was not understood, or was lost by the kernel, is refused whole.
    """

    def __init__(self, number: Callable[[str], bytes | None], reverse: bool = False) -> None:
        self._number = number
        self._reverse = reverse
        self._rest = b""
        self._typed = ""
        self._spoilt = False

    def receive_data(self, data: bytes) -> list[Frame | ReaderNoise]:
        """Take the next bytes and return the numbers that they complete."""
        data = self._rest + data
        whole = len(data) - len(data) % _EVENT.size
        self._rest = data[whole:]
        events: list[Frame | ReaderNoise] = []
        for _, _, kind, code, value in _EVENT.iter_unpack(data[:whole]):
            if kind == _EV_SYN and code == _SYN_DROPPED:
                self._spoilt = True
            elif kind == _EV_KEY and value == _PRESSED:
                if code in _ENTER:
                    events += self._entered()
                else:
                    self._press(code)
        return events

    def _press(self, code: int) -> None:
        if code in _DIGITS and len(self._typed) < _LONGEST:
            self._typed += _DIGITS[code]
        elif code not in _SHIFTS:
            self._spoilt = True

    def _entered(self) -> list[Frame | ReaderNoise]:
        typed, self._typed = self._typed, ""
        spoilt, self._spoilt = self._spoilt, False
        if not typed and not spoilt:
            return []  # some readers send Enter twice
        uid = None if spoilt else self._number(typed)
        if uid is None:
            return [ReaderNoise("what was typed is no badge's number")]
        return [Frame(uid[::-1] if self._reverse else uid)]


def grab(descriptor: int) -> None:
    """Keep the device's keys from everybody else, until it is closed; OSError when that cannot be."""
    fcntl.ioctl(descriptor, _GRAB, 1)


class EventDevice:
    """An opened /dev/input/eventN. Implements hardware.readers.port_reader.Device."""

    def __init__(self, port: str, take: Callable[[int], None] = grab) -> None:
        self._descriptor = os.open(port, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            take(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise OSError(f"{port} cannot be taken for the gateway alone: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._descriptor

    def read(self, size: int, /) -> bytes:
        """Return what has come, or nothing; OSError when the device has gone."""
        try:
            data = os.read(self._descriptor, size)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("the device was unplugged")
        return data

    def close(self) -> None:
        """Give the device up, and the grab with it."""
        os.close(self._descriptor)

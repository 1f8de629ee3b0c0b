"""Wiegand frames, sent by a microcontroller that times the pulses: bytes in, frames out. No port, no clock.

A line is `W26:2EC0C86*20`: the number of bits, the bits as hexadecimal digits (the first bit on top, zeros
before it to fill the first digit), and the XOR of all characters before the `*`. `ALIVE` says that the
microcontroller runs. docs/wiring/wiegand.md defines the line. The frames of 26 and 37 bits are those of the
formats H10301, H10302 and H10304; the one of 34 bits is alike, with 32 bits between the parities.
"""

import re
from functools import reduce
from operator import xor

from hardware.events import ReaderNoise
from hardware.readers.frame import Alive, Frame

_LONGEST_LINE = 32
_LINE = re.compile(rb"(W(26|34|37):([0-9A-F]{7,10}))\*([0-9A-F]{2})")


_HALF = {26: 13, 34: 17, 37: 19}
"""Of the first so many bits an even number are ones, of the last so many an odd one; 37 bits overlap."""


class WiegandParser:
    """Finds lines in a stream of bytes; what it says does not depend on how the stream is cut."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._too_long = False

    def receive_data(self, data: bytes) -> list[Frame | Alive | ReaderNoise]:
        """Take the next bytes and return what they complete; every bad line is one ReaderNoise."""
        events: list[Frame | Alive | ReaderNoise] = []
        for byte in data:
            if byte != 0x0A:
                if len(self._line) < _LONGEST_LINE:
                    self._line.append(byte)
                else:
                    self._too_long = True
                continue
            line, self._line = bytes(self._line).removesuffix(b"\r"), bytearray()
            too_long, self._too_long = self._too_long, False
            if too_long:
                events.append(ReaderNoise("a line is too long"))
            elif line:
                events.append(_heard(line))
        return events


def _heard(line: bytes) -> Frame | Alive | ReaderNoise:
    if line == b"ALIVE":
        return Alive()
    matched = _LINE.fullmatch(line)
    if matched is None:
        return ReaderNoise("a line is neither ALIVE nor a frame of 26, 34 or 37 bits")
    if reduce(xor, matched[1]) != int(matched[4], 16):
        return ReaderNoise("a line has a wrong checksum")
    return decode(int(matched[2]), matched[3].decode("ascii"))


def decode(bits: int, digits: str) -> Frame | ReaderNoise:
    """Decode a frame of 26, 34 or 37 `bits` from its hexadecimal digits, parity checked.

    The UID is what stands between the parities (24, 32 or 35 bits), in 3, 4 or 5 bytes.
    """
    if len(digits) != -(-bits // 4):
        return ReaderNoise(f"a frame of {bits} bits has a wrong number of digits")
    value = int(digits, 16)
    if value >> bits:
        return ReaderNoise(f"a frame of {bits} bits has more bits than that")
    half = _HALF[bits]
    first, last = value >> (bits - half), value & ((1 << half) - 1)
    if first.bit_count() % 2 != 0 or last.bit_count() % 2 != 1:
        return ReaderNoise(f"a frame of {bits} bits has a wrong parity")
    uid = (value >> 1) & ((1 << (bits - 2)) - 1)
    return Frame(uid.to_bytes(-(-(bits - 2) // 8), "big"))

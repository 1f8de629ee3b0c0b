"""RDM6300 and ID-12/ID-20 frames: bytes in, frames out. No port, no clock, no await.

A frame is STX, ten hexadecimal digits (five bytes of UID), two digits that are the XOR of those bytes, ETX:
`62E3086CED` has the checksum `08`. Source: a capture, forum.arduino.cc thread 251993 ("RDM6300 vs EM4100
readers"). ID-12 and ID-20 put CR LF before the ETX; of theirs no capture was at hand.
"""

import re
from functools import reduce
from operator import xor

from hardware.events import ReaderNoise
from hardware.readers.frame import Frame

_STX, _ETX = 0x02, 0x03
_LONGEST_BODY = 14
_BODY = re.compile(rb"([0-9A-Fa-f]{12})(\r\n)?")


class Rdm6300Parser:
    """Finds frames, of five bytes of UID; what it says does not depend on how the stream is cut."""

    def __init__(self) -> None:
        self._body: bytearray | None = None
        self._junk = False

    def receive_data(self, data: bytes) -> list[Frame | ReaderNoise]:
        """Take the next bytes and return what they complete; a run of junk is one ReaderNoise."""
        events: list[Frame | ReaderNoise] = []
        for byte in data:
            event = self._take(byte)
            if event is not None:
                events.append(event)
        return events

    def _take(self, byte: int) -> Frame | ReaderNoise | None:
        if byte == _STX:
            cut_short = self._body is not None
            self._body, self._junk = bytearray(), False
            return ReaderNoise("a frame was cut short") if cut_short else None
        if self._body is None:
            first, self._junk = not self._junk, True
            return ReaderNoise("bytes outside a frame") if first else None
        if byte == _ETX:
            body, self._body = self._body, None
            return _frame(bytes(body))
        if len(self._body) == _LONGEST_BODY:
            self._body, self._junk = None, True
            return ReaderNoise("a frame is too long")
        self._body.append(byte)
        return None


def _frame(body: bytes) -> Frame | ReaderNoise:
    matched = _BODY.fullmatch(body)
    if matched is None:
        return ReaderNoise("a frame is not twelve hexadecimal digits")
    *uid, checksum = bytes.fromhex(matched[1].decode("ascii"))
    if reduce(xor, uid) != checksum:
        return ReaderNoise("a frame has a wrong checksum")
    return Frame(bytes(uid))

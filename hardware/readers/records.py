"""What a thread that reads badges tells the event loop, as bytes: a length, what it is, and the rest.

So a reader that is asked in a thread is heard like one that sends by itself. Pure.
"""

from hardware.events import ReaderNoise
from hardware.readers.frame import Alive, Frame

_ALIVE, _FRAME, _NOISE = range(3)
_LONGEST = 200


def record(said: Frame | Alive | ReaderNoise) -> bytes:
    """Return the bytes that say this: at most 202, so a longer text is cut."""
    match said:
        case Alive():
            return bytes([0, _ALIVE])
        case Frame(uid):
            return bytes([len(uid), _FRAME]) + uid
        case ReaderNoise(detail):
            text = detail.encode()[:_LONGEST]
            return bytes([len(text), _NOISE]) + text


class Records:
    """Finds records; what it says does not depend on how they are cut. Implements listening.Parser."""

    def __init__(self) -> None:
        self._buffer = b""

    def receive_data(self, data: bytes) -> list[Frame | Alive | ReaderNoise]:
        """Take the next bytes and return what they complete."""
        buffer, at = self._buffer + data, 0
        events: list[Frame | Alive | ReaderNoise] = []
        while len(buffer) >= at + 2 and len(buffer) >= at + 2 + buffer[at]:
            size, kind = buffer[at : at + 2]
            body, at = buffer[at + 2 : at + 2 + size], at + 2 + size
            if kind == _ALIVE:
                events.append(Alive())
            elif kind == _FRAME:
                events.append(Frame(body))
            else:
                events.append(ReaderNoise(body.decode(errors="replace")))
        self._buffer = buffer[at:]
        return events

"""The talk of readers that only send: their frames become taps and removals, their silence a loss."""

from collections.abc import Callable, Sequence
from typing import Protocol

from hardware.events import ReaderEvent, ReaderFound, ReaderNoise
from hardware.readers.frame import Alive, Frame
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.presence import Presence


class Parser(Protocol):
    """Bytes in, frames out; what it says does not depend on how the bytes are cut."""

    def receive_data(self, data: bytes, /) -> Sequence[Frame | Alive | ReaderNoise]:
        """Take the next bytes and return what they complete."""
        ...


class Listening:
    """Hears what a parser finds. Implements hardware.readers.port_reader.Talk.

    With `alive_ms` (> 0) the reader is found once something good came from it, and lost once nothing good
    came for so long; without, it is found as its device is opened, and its silence means nothing.
    """

    def __init__(
        self, make_parser: Callable[[], Parser], presence: Presence, alive_ms: int | None = None
    ) -> None:
        self._make_parser = make_parser
        self._presence = presence
        self._alive_ms = alive_ms
        self._found = False
        self._good_ms = 0

    @property
    def due_ms(self) -> int | None:
        """When a removal or a loss is to be judged."""
        alive_by_ms = None if self._alive_ms is None else self._good_ms + self._alive_ms
        dues = [due for due in (self._presence.due_ms, alive_by_ms) if due is not None]
        return min(dues, default=None)

    def begin(self, now_ms: int) -> list[ReaderEvent]:
        """Begin anew."""
        self._parser = self._make_parser()
        self._presence.resume(now_ms)
        self._good_ms = now_ms
        self._found = self._alive_ms is None
        return [ReaderFound()] if self._found else []

    def heard(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        """Turn bytes into taps, removals and noise."""
        events: list[ReaderEvent] = []
        for one in self._parser.receive_data(data):
            if isinstance(one, ReaderNoise):
                events.append(one)
                continue
            self._good_ms = now_ms
            if not self._found:
                self._found = True
                self._presence.resume(now_ms)
                events.append(ReaderFound())
            if isinstance(one, Frame):
                events += self._presence.seen(one.uid, now_ms)
        return events

    def waited(self, now_ms: int) -> list[ReaderEvent]:
        """Judge the silence; raises ReaderSilent."""
        if self._alive_ms is not None and now_ms - self._good_ms >= self._alive_ms:
            raise ReaderSilent(f"nothing that is understood came for {self._alive_ms / 1000:g} s")
        return [*self._presence.silent(now_ms)] if self._found else []

    def to_write(self) -> bytes:
        """Return nothing: such a reader is never asked."""
        return b""

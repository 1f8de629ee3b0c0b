"""PN532 frames on a serial line (HSU): bytes in, frames out. No port, no clock, no await.

Source: NXP UM0701-02 rev. 02 (PN532 user manual, firmware 1.6), section 6.2.1: preamble 00, start code 00 FF,
LEN, LCS (LEN + LCS = 0 modulo 256), TFI and data (LEN bytes), DCS (TFI + data + DCS = 0 modulo 256),
postamble 00. ACK is 00 FF 00 FF, NACK is 00 FF FF 00, an application error has the TFI 7F.
Extended frames (more than 255 bytes) are answers to nothing that is asked here: they are noise.
"""

from dataclasses import dataclass

from hardware.events import ReaderNoise

_START = b"\x00\xff"
_ACK, _NACK = b"\x00\xff", b"\xff\x00"
_FROM_HOST, _FROM_PN532 = 0xD4, 0xD5
_HEAD = 4  # start code, LEN, LCS


@dataclass(frozen=True, slots=True)
class Ack:
    """The PN532 took the command."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A NACK, or a frame that says that the command was not understood."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the PN532 answers: the command's code and one, then data (at most 253 bytes)."""

    code: int
    data: bytes


def command(code: int, data: bytes = b"") -> bytes:
    """Return a command's frame; `data` has at most 253 bytes."""
    body = bytes([_FROM_HOST, code]) + data
    assert len(body) <= 255
    return b"\x00\x00\xff" + bytes([len(body), -len(body) & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])


class Pn532Frames:
    """Finds frames in a stream of bytes; keeps at most 260 of them and does not depend on how it is cut."""

    def __init__(self) -> None:
        self._buffer = b""
        self._junk = False

    def receive_data(self, data: bytes) -> list[Ack | Refusal | Answer | ReaderNoise]:
        """Take the next bytes and return what they complete; a run of junk is one ReaderNoise."""
        events: list[Ack | Refusal | Answer | ReaderNoise] = []
        buffer, at = self._buffer + data, 0
        while (start := buffer.find(_START, at)) >= 0:
            if any(buffer[at:start]):
                self._noise(events, "bytes outside a frame")
            if len(buffer) < start + _HEAD:
                break
            size = _size(buffer, start)
            if size is None:
                self._noise(events, "a frame has a wrong length")
                at = start + len(_START)
            elif len(buffer) < start + size:
                break
            else:
                frame = _frame(buffer[start : start + size])
                if isinstance(frame, ReaderNoise):
                    self._noise(events, frame.detail)
                    at = start + len(_START)
                else:
                    self._junk = False
                    events.append(frame)
                    at = start + size
        if start < 0:
            start = len(buffer) - buffer.endswith(_START[:1])
            if any(buffer[at:start]):
                self._noise(events, "bytes outside a frame")
        self._buffer = buffer[max(start, at) :]
        return events

    def _noise(self, events: list[Ack | Refusal | Answer | ReaderNoise], detail: str) -> None:
        if not self._junk:
            events.append(ReaderNoise(detail))
        self._junk = True


def _size(buffer: bytes, start: int) -> int | None:
    """The bytes of the frame that begins at `start`; None when its length cannot be."""
    length, check = buffer[start + 2 : start + _HEAD]
    if bytes([length, check]) in (_ACK, _NACK):
        return _HEAD
    return None if length == 0 or (length + check) & 0xFF else _HEAD + length + 1


def _frame(frame: bytes) -> Ack | Refusal | Answer | ReaderNoise:
    if len(frame) == _HEAD:
        return Ack() if frame[2:] == _ACK else Refusal()
    body = frame[_HEAD:-1]
    if sum(frame[_HEAD:]) & 0xFF:
        return ReaderNoise("a frame has a wrong checksum")
    if body[0] == 0x7F:
        return Refusal()
    if body[0] != _FROM_PN532 or len(body) < 2:
        return ReaderNoise("a frame is no answer of a PN532")
    return Answer(body[1], body[2:])

"""What a controller answers, and what a sender's file says of itself. Pure: bytes in, facts out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from firmware_bridge.events import Noise
from firmware_bridge.json_values import words
from firmware_bridge.ruida.codec import ACK, ENQ, ERR, MAINBOARD, MAX_PACKET, NAK, commands, number, plain

MAX_COMMAND = 80
MAX_NAME = 64


class Handshake(Enum):
    """What one packet is answered with: it was taken, was damaged, was rejected; or a sign of life."""

    ACK = auto()
    NAK = auto()
    ERR = auto()
    ENQ = auto()


@dataclass(frozen=True, slots=True)
class Value:
    """What stands at a place of the memory: a number of up to 35 bits, or the name of the mainboard."""

    address: int
    value: int
    text: str = ""


Fact = Handshake | Value | Noise
_HANDSHAKES = {ACK: Handshake.ACK, NAK: Handshake.NAK, ERR: Handshake.ERR, ENQ: Handshake.ENQ}


def parse_answer(data: bytes, magic: int) -> list[Fact]:
    """Read one packet of the controller. What is none of it is Noise; other answers are passed over."""
    if not 0 < len(data) <= MAX_PACKET:
        return [Noise(f"a packet of {len(data)} bytes")]
    facts: list[Fact] = []
    for command in commands(plain(data, magic)):
        if command in _HANDSHAKES:
            facts.append(_HANDSHAKES[command])
        elif command.startswith(b"\xda\x01"):
            facts.append(_value(command))
        elif command[0] not in (0xDA, 0xE8):
            facts.append(Noise(f"an answer that is none: {command[:16].hex(' ')}"))
    return facts


def _value(command: bytes) -> Value | Noise:
    address, rest = int.from_bytes(command[2:4], "big"), command[4:]
    if len(command) >= 4 and address == MAINBOARD:
        return Value(address, 0, words(rest.partition(b"\0")[0].decode("ascii")))
    if len(rest) != 5:
        return Noise(f"a value of {len(rest)} groups: {command[:16].hex(' ')}")
    return Value(address, number(rest))


@dataclass(frozen=True, slots=True)
class Named:
    """A file says its name."""

    name: str


@dataclass(frozen=True, slots=True)
class FileEnded:
    """A file is whole."""


class FileReader:
    """Reads the files that a sender sends: their names and ends, however their commands are cut.

    Sources: E7 01 and D7 in edutechwiki.unige.ch/en/Ruida; the cuts ibid., "UDP".
    """

    def __init__(self) -> None:
        self._open = bytearray()

    def receive(self, stream: bytes) -> list[Named | FileEnded]:
        """Take plain bytes of a file."""
        facts: list[Named | FileEnded] = []
        for byte in stream:
            if byte >= 0x80:
                self._open.clear()
            if byte == 0xD7:
                facts.append(FileEnded())
            elif byte == 0 and self._open.startswith(b"\xe7\x01") and len(self._open) > 2:
                facts.append(Named(words(self._open[2 : 2 + MAX_NAME].decode("ascii"))))
                self._open.clear()
            elif len(self._open) < MAX_COMMAND:
                self._open.append(byte)
        return facts


def asked_for(stream: bytes) -> set[int]:
    """Return the places of the memory that these commands read."""
    reads = [one for one in commands(stream) if one[:2] == b"\xda\x00" and len(one) == 4]
    return {int.from_bytes(one[2:], "big") for one in reads}


def answers_more(stream: bytes) -> bool:
    """Whether these commands are answered with more than an ACK and values: no one can count it."""
    return any(one[:2] == b"\xe8\x01" or (one[0] == 0xDA and one[1:2] > b"\x01") for one in commands(stream))


def is_work(command: bytes) -> bool:
    """Whether a command is more than a question or a stop: it moves, lights, writes, sends or starts."""
    return not (
        command in _HANDSHAKES
        or command[:2] in (b"\xda\x00", b"\xda\x05", b"\xda\x30", b"\xda\x31", b"\xe8\x01")
        or command in (b"\xd8\x01", b"\xd8\x02")
        or (len(command) == 2 and command[0] == 0xD8 and 0x30 <= command[1] <= 0x37)  # a key let go
    )


def begins_file(stream: bytes) -> bool:
    """Whether these commands are of a file: what follows is part of it until its end.

    Not of a file are questions and settings (DA), process control and keys (D8, D9, A5, A7), a speed for
    jogging (C9) and what concerns files in the memory, other than E8 02, which announces one.
    """
    return any(one[:2] == b"\xe8\x02" or one[0] not in _AT_ONCE for one in commands(stream))


_AT_ONCE = frozenset(b"\xa5\xa7\xc9\xcc\xcd\xce\xcf\xd8\xd9\xda\xe8")

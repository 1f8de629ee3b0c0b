"""Modbus RTU as a PZEM-004T v3 speaks it. Pure: bytes in, facts out; total, bounded, however they are cut.

Source: Peacefair, PZEM-004T V3.0 user manual, 2.2 to 2.6 (function 0x04, registers 0 to 9, low word first;
an error is 0x84), and the Modbus serial line specification 1.02, 6.2.2 (CRC-16, polynomial 0xA001).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal

from firmware_bridge.events import Noise

READ, REFUSED = 0x04, 0x84
REGISTERS = 10
_REPLY_BYTES, _REFUSAL_BYTES = 3 + 2 * REGISTERS + 2, 5
_MEANINGS = {1: "illegal function", 2: "illegal address", 3: "illegal data", 4: "slave error"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the meter shows; its energy counter is in whole Wh and may be set to zero at it."""

    volts: Decimal
    amperes: Decimal
    watts: Decimal
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The meter does not answer that."""

    words: str


PzemFact = Measurement | Refused | Noise


def crc(data: bytes) -> int:
    """Return the checksum of a frame; it is sent low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


def request(unit: int) -> bytes:
    """Return the question for all that a meter measures; `unit` is 1 to 247, or 248 for whoever is there."""
    frame = struct.pack(">BBHH", unit, READ, 0, REGISTERS)
    return frame + struct.pack("<H", crc(frame))


class Replies:
    """Finds one meter's replies among the bytes of a line; what is none of them is counted as noise."""

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._heads = {bytes((unit, READ, 2 * REGISTERS)): _REPLY_BYTES}
        self._heads |= {bytes((unit, REFUSED, code)): _REFUSAL_BYTES for code in _MEANINGS}
        self._held = b""

    def feed(self, data: bytes) -> list[PzemFact]:
        """Take bytes and return what they say."""
        facts: list[PzemFact] = []
        held, at, dropped = self._held + data, 0, 0
        while at < len(held):
            size = self._size(held[at : at + 3])
            if size > len(held) - at:
                break
            frame = held[at : at + size]
            if size == 0 or crc(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
                at, dropped = at + 1, dropped + 1
                continue
            at += size
            facts.append(_fact(frame))
        self._held = held[at:]
        if dropped:
            facts.append(Noise(f"{dropped} bytes that are no reply of unit {self._unit}"))
        return facts

    def _size(self, begin: bytes) -> int:
        """Return how long the reply is that may begin so; 0 where none begins."""
        return next((size for head, size in self._heads.items() if head.startswith(begin)), 0)


def _fact(frame: bytes) -> PzemFact:
    if frame[1] == REFUSED:
        return Refused(f"error {frame[2]}: {_MEANINGS[frame[2]]}")
    words = struct.unpack(f">{REGISTERS}H", frame[3:-2])
    return Measurement(
        volts=Decimal(words[0]) / 10,
        amperes=Decimal(words[1] | words[2] << 16) / 1000,
        watts=Decimal(words[3] | words[4] << 16) / 10,
        energy_wh=words[5] | words[6] << 16,
    )

"""How Ruida controllers write bytes: swizzled, summed up, in commands and groups of seven bits. Pure.

A command begins with a byte from 0x80 on, and what belongs to it is below 0x80. Each byte goes over the wire
with its first and last bit exchanged, XORed with a magic of the model, plus one. A packet to the controller
begins with the 16-bit sum of its swizzled bytes; an answer has none.
Sources: edutechwiki.unige.ch/en/Ruida (swizzles by model, UDP 50200, properties); MeerK40t 0.9.9100,
ruida/rdjob.py and ruida/emulator.py; ens1/ruida-re, docs/protocol.md ("Layers", "Checksums").
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

MAGIC = 0x88
MAGICS = frozenset(
    {0x10, 0x11, 0x13, 0x16, 0x1A, 0x33, 0x34, 0x60, 0x75, 0x76, 0x77, 0x83, MAGIC, 0x99, 0xA1}
)
MAX_PACKET = 1474
ACK, ERR, ENQ, NAK = b"\xcc", b"\xcd", b"\xce", b"\xcf"
STOP, PAUSE, RESUME = b"\xd8\x01", b"\xd8\x02", b"\xd8\x03"

STATUS, OPEN_TIME, WORK_TIME, JOB_COUNT, LAST_WORK_TIME = 0x0400, 0x0401, 0x0402, 0x0403, 0x0408
TUBE_TIME, TUBE_TIME_ELSEWHERE = 0x0411, 0x0311
AT_X_UM, AT_Y_UM, CARD_ID, MAINBOARD = 0x0421, 0x0431, 0x057E, 0x057F


def _exchanged(byte: int) -> int:
    return (byte & 0x7E) | (byte & 1) << 7 | byte >> 7


@cache
def _tables(magic: int) -> tuple[bytes, bytes]:
    to = bytes(((_exchanged(byte) ^ magic) + 1) & 0xFF for byte in range(256))
    back = bytes(to.index(byte) for byte in range(256))
    return to, back


def swizzled(plain: bytes, magic: int) -> bytes:
    """Write bytes as they go over the wire."""
    return plain.translate(_tables(magic)[0])


def plain(wire: bytes, magic: int) -> bytes:
    """Read bytes that came over the wire."""
    return wire.translate(_tables(magic)[1])


def magic_of_ack(byte: int) -> int:
    """Return the one magic with which this byte is an ACK."""
    return (byte - 1 & 0xFF) ^ _exchanged(ACK[0])


def packet(commands: bytes, magic: int) -> bytes:
    """Make a packet to the controller."""
    wire = swizzled(commands, magic)
    return (sum(wire) & 0xFFFF).to_bytes(2, "big") + wire


def unpacked(data: bytes, magic: int) -> bytes | None:
    """Read the commands of a packet to the controller; None when its sum is wrong, or it is none."""
    if not 3 <= len(data) <= MAX_PACKET or sum(data[2:]) & 0xFFFF != int.from_bytes(data[:2], "big"):
        return None
    return plain(data[2:], magic)


def question(address: int) -> bytes:
    """Make the command that reads a place of the memory."""
    return b"\xda\x00" + address.to_bytes(2, "big")


def number(groups: bytes) -> int:
    """Read groups of seven bits, the highest first; at most 5 (35 bits) are told apart."""
    value = 0
    for group in groups[-5:]:
        value = value << 7 | group & 0x7F
    return value


def commands(stream: bytes) -> list[bytes]:
    """Cut plain bytes into commands; what stands before the first of them comes as a piece of its own."""
    starts = [at for at, byte in enumerate(stream) if byte >= 0x80]
    edges = sorted({0, len(stream), *starts})
    return [stream[start:end] for start, end in pairwise(edges)]

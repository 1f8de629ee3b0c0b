"""NTAG 424 DNA: mutual authentication, or else the secure unique message (SUN) in its NDEF file.

Sources: NXP NT4H2421Gx rev. 3.0, sections 8.2 (files), 8.6 (commands of ISO/IEC 7816-4), 9.3 (secure dynamic
messaging); NFC Forum Type 4 Tag 1.2, section 5 (the length before the message).
"""

from floor.badge_keys import PROOF_KEY
from floor.sun import sun_proves
from hardware.readers.cards.ev2 import Entropy, authenticate_first
from hardware.readers.cards.message import read_message
from hardware.readers.cards.proof import OK, Proven, Steps, Unproven, expect

_APPLICATION = bytes.fromhex("D2760000850101")
_FILE = bytes.fromhex("E104")
FILE_BYTES = 256
"""Of the NDEF file, with the two bytes that say how long its message is."""
LENGTH_BYTES = 2
_CHUNK = 120  # what every reader carries in one reply


def proof(
    uid: bytes, key: bytes, entropy: Entropy, sun: bool, meta_key: bytes | None = None
) -> Steps[Proven]:
    """Have the badge with this UID prove that it holds `key` (16 bytes); raises Unproven.

    With `sun`, one that declines mutual authentication may prove itself by its message; `meta_key` opens that
    of a badge that says its UID and counter encrypted only.
    """
    yield from select()
    try:
        yield from authenticate_first(key, PROOF_KEY, entropy)
    except Unproven as declined:
        if not sun or declined.verdict.silent:
            raise
    else:
        return Proven()
    yield from select()  # what was begun is over, and the file is read in plain
    return proof_by_message((yield from read_ndef()), uid, key, meta_key)


def proof_by_message(ndef: bytes, uid: bytes, key: bytes, meta_key: bytes | None = None) -> Proven:
    """Return the proof that the badge with this UID, which said so, holds `key`; raises Unproven."""
    said = read_message(ndef, meta_key)
    if said.picc.uid != uid:
        raise Unproven("the badge's message is of another badge")
    if not sun_proves(key, said.picc, said.mac, said.covered):
        raise Unproven("the badge's message is not signed by its key")
    return Proven(said.picc.counter)


def select() -> Steps[None]:
    """Select the application; an authentication that there was is over. Raises Unproven."""
    expect((yield _select(0x04, _APPLICATION)), OK)


def read_ndef() -> Steps[bytes]:
    """Read the NDEF message of the selected application, at most 254 bytes; raises Unproven."""
    expect((yield _select(0x00, _FILE)), OK)
    length = int.from_bytes(expect((yield _read(0, LENGTH_BYTES)), OK, LENGTH_BYTES), "big")
    if length > FILE_BYTES - LENGTH_BYTES:
        raise Unproven(f"the badge says that its message has {length} bytes")
    message = b""
    while left := length - len(message):
        size = min(left, _CHUNK)
        message += expect((yield _read(LENGTH_BYTES + len(message), size)), OK, size)
    return message


def _select(way: int, name: bytes) -> bytes:
    """ISOSelectFile: by application name (`way` 4) or file identifier (0), no file control information."""
    return bytes([0x00, 0xA4, way, 0x0C, len(name)]) + name + (b"\x00" if way else b"")


def _read(offset: int, size: int) -> bytes:
    """ISOReadBinary in the selected file."""
    return bytes([0x00, 0xB0, offset >> 8, offset & 0xFF, size])

"""Secure unique messages of NTAG 424 DNA badges: what a badge says anew at each reading, signed by its key.

NXP AN12196 (NTAG 424 DNA features and hints), sections 4.3 and 4.4: the counter of readings goes into the
session's key, so no message is like another; that none is taken twice is for whoever stores the counter.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from floor.badge_keys import UID_BYTES, cmac
from floor.errors import PeerError

COUNTER_BYTES = 3
COUNTERS = range(1 << 8 * COUNTER_BYTES)
PICC_BYTES = 16
MAC_BYTES = 8
_UID_AND_COUNTER = 0xC7
"""The tag of PICC data with a UID of 7 bytes and the counter of readings."""
_SESSION_MAC = bytes.fromhex("3CC300010080")


@dataclass(frozen=True, slots=True)
class PiccData:
    """What a badge says of itself: its UID, and how often it was read."""

    uid: bytes
    counter: int


def sun_mac(key: bytes, uid: bytes, counter: int, covered: bytes = b"") -> bytes:
    """Return the 8 bytes by which a badge signs a reading.

    `key` is the badge's SDMFileReadKey, `covered` the part of the file that is signed too, as it stands there
    (nothing where SDMMACInputOffset is SDMMACOffset). Raises ValueError for another UID or counter than fits.
    """
    if len(uid) != UID_BYTES or counter not in COUNTERS:
        raise ValueError("a message has a UID of 7 bytes and a counter of 3")
    session_key = cmac(key, _SESSION_MAC + uid + counter.to_bytes(COUNTER_BYTES, "little"))
    return cmac(session_key, covered)[1::2]


def sun_proves(key: bytes, said: PiccData, mac: bytes, covered: bytes = b"") -> bool:
    """Whether the badge with this key signed what is said. As slow for a wrong signature as for a right one.

    It does not say that the message is new: compare `said.counter` with the greatest one that is stored.
    """
    return hmac.compare_digest(sun_mac(key, said.uid, said.counter, covered), mac)


def read_picc(key: bytes, encrypted: bytes) -> PiccData:
    """Read 16 bytes of encrypted PICC data by the SDMMetaReadKey.

    Raises PeerError for what is none, or was encrypted by another key.
    """
    if len(encrypted) != PICC_BYTES:
        raise PeerError(f"encrypted PICC data has {PICC_BYTES} bytes, not {len(encrypted)}")
    opening = Cipher(AES(key), CBC(bytes(PICC_BYTES))).decryptor()
    plain = opening.update(encrypted) + opening.finalize()
    if plain[0] != _UID_AND_COUNTER:
        raise PeerError("this is no PICC data with UID and counter, or not by this key")
    uid, counter = plain[1 : 1 + UID_BYTES], plain[1 + UID_BYTES : 1 + UID_BYTES + COUNTER_BYTES]
    return PiccData(uid, int.from_bytes(counter, "little"))

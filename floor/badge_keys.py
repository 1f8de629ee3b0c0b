"""Keys of badges that cannot be copied: each badge has its own, made from the space's one and its UID.

This is the key plan (docs/adr/0014-keys-of-badges.md): whoever writes a badge and whoever verifies one takes
keys from here. `version` is that of the master, 1 to 255, as the badge keeps it beside each key.
"""

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

KEY_BYTES = 16
UID_BYTES = 7
"""Of the UID that an NTAG 424 DNA and a DESFire have from the factory."""
PROOF_KEY = 1
"""The key by which a badge proves itself; the only one that ever leaves the server for a gateway."""
NTAG424_META_KEY = 2
NTAG424_KEYS = range(5)
DESFIRE_KEYS = range(2)
DESFIRE_AID = bytes.fromhex("464B4D")
"""The DESFire application 0x4D4B46, as it is sent: least significant byte first."""
VERSIONS = range(1, 256)
_NTAG424_USE = b"makerfloor.ntag424"
_NTAG424_META_USE = b"makerfloor.ntag424.meta"
_DESFIRE_USE = DESFIRE_AID + b"makerfloor.desfire"
_AES_128 = b"\x01"
_INPUT_BYTES = range(17, 33)


def cmac(key: bytes, data: bytes) -> bytes:
    """Return the AES-CMAC of `data`, 16 bytes (NIST SP 800-38B). `key` has 16 bytes."""
    made = CMAC(AES(key))
    made.update(data)
    return made.finalize()


def diversified(master: bytes, uid: bytes, use: bytes) -> bytes:
    """Return the key of 16 bytes that the badge with this UID has for one `use` (NXP AN10922, section 2.2).

    `master` has 16 bytes; `use` tells the keys of one badge apart. Both together have 16 to 31 bytes, for
    which the padding to two blocks is that of CMAC itself; raises ValueError for others.
    """
    given = _AES_128 + uid + use
    if len(given) not in _INPUT_BYTES:
        raise ValueError(f"a UID and its use have 16 to 31 bytes together, not {len(given) - 1}")
    return cmac(master, given)


def ntag424_key(master: bytes, uid: bytes, number: int, version: int) -> bytes:
    """Return key `number` (0 to 4) of the NTAG 424 DNA with this UID of 7 bytes; raises ValueError.

    All but `NTAG424_META_KEY` are the badge's own. That one is the same for all badges of a space: it opens
    encrypted PICC data, of which nobody knows the badge yet, and proves nothing.
    """
    _check(uid, number in NTAG424_KEYS, version)
    if number == NTAG424_META_KEY:
        return ntag424_meta_key(master, version)
    return diversified(master, uid, _NTAG424_USE + bytes([number, version]))


def ntag424_meta_key(master: bytes, version: int) -> bytes:
    """Return the key that opens the encrypted PICC data of any NTAG 424 DNA of the space."""
    return diversified(master, b"", _NTAG424_META_USE + bytes([version]))


def desfire_key(master: bytes, uid: bytes, number: int, version: int) -> bytes:
    """Return key `number` (0 or 1) of the application `DESFIRE_AID` on the DESFire with this UID of 7 bytes.

    Raises ValueError for another number, UID or version.
    """
    _check(uid, number in DESFIRE_KEYS, version)
    return diversified(master, uid, _DESFIRE_USE + bytes([number, version]))


def _check(uid: bytes, has_number: bool, version: int) -> None:
    if len(uid) != UID_BYTES or not has_number or version not in VERSIONS:
        raise ValueError(
            "a key is of a UID of 7 bytes, a number that the badge has, and a version of 1 to 255"
        )

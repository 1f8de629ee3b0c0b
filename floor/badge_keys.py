"""Keys of badges that cannot be copied: each badge has its own, made from the space's one and its UID."""

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

KEY_BYTES = 16
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

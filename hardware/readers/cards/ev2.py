"""AuthenticateEV2First with an AES key: reader and card prove to each other that they hold it.

Sources: NXP NT4H2421Gx (NTAG 424 DNA) rev. 3.0, sections 9.1.5 to 9.1.7 and 11.4.1; AN12196, whose example of
AuthenticateEV2First is a test. MIFARE DESFire EV2 and EV3 do the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from floor.badge_keys import cmac
from hardware.readers.cards.proof import Steps, Unproven, expect

Entropy = Callable[[int], bytes]
"""Gives as many bytes that nobody can foretell."""

DONE, MORE = 0x9100, 0x91AF
"""Status of a wrapped command (NT4H2421Gx, table 22): done; the next frame is awaited."""

_BLOCK = 16
_AUTHENTICATE, _NEXT = 0x71, 0xAF
_CAPABILITIES = bytes(3)  # PCDcap2.1 to 3, as in AN12196
_FOR_ENCRYPTION, _FOR_MACS = bytes.fromhex("A55A00010080"), bytes.fromhex("5AA500010080")


@dataclass(frozen=True, slots=True)
class Session:
    """What both sides share afterwards: the transaction's identifier (4 bytes) and the session's keys."""

    transaction: bytes
    encryption_key: bytes
    mac_key: bytes


def wrapped(code: int, data: bytes = b"") -> bytes:
    """Return a native command of at most 55 bytes of data in an APDU (NT4H2421Gx, section 8.4)."""
    return bytes([0x90, code, 0, 0, len(data)]) + data + b"\x00"


def authenticate_first(key: bytes, number: int, entropy: Entropy) -> Steps[Session]:
    """Authenticate with key `number` (`key`, 16 bytes) of the selected application; raises Unproven."""
    opening = wrapped(_AUTHENTICATE, bytes([number, len(_CAPABILITIES)]) + _CAPABILITIES)
    theirs = _decrypted(key, expect((yield opening), MORE, _BLOCK))
    ours = entropy(_BLOCK)
    reply = yield wrapped(_NEXT, _encrypted(key, ours + _turned(theirs)))
    # TI (4), RndA', then what the card and the reader can (6 each)
    said = _decrypted(key, expect(reply, DONE, 2 * _BLOCK))
    if said[4 : 4 + _BLOCK] != _turned(ours):
        raise Unproven("the card does not hold the key")
    return Session(said[:4], *_session_keys(key, ours, theirs))


def _session_keys(key: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bytes]:
    """NT4H2421Gx, section 9.1.7: the specification numbers bytes from the last one, 15 is the first here."""
    mixed = bytes(one ^ other for one, other in zip(ours[2:8], theirs[:6], strict=True))
    context = ours[:2] + mixed + theirs[6:] + ours[8:]
    return cmac(key, _FOR_ENCRYPTION + context), cmac(key, _FOR_MACS + context)


def _turned(block: bytes) -> bytes:
    return block[1:] + block[:1]


def _encrypted(key: bytes, data: bytes) -> bytes:
    sealing = Cipher(AES(key), CBC(bytes(_BLOCK))).encryptor()
    return sealing.update(data) + sealing.finalize()


def _decrypted(key: bytes, data: bytes) -> bytes:
    opening = Cipher(AES(key), CBC(bytes(_BLOCK))).decryptor()
    return opening.update(data) + opening.finalize()

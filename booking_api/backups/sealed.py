"""How a backup is sealed: pieces of 64 KiB, each authentic, in order, and the last one marked as such.

docs/backup.md has the format byte by byte. Nothing is given out before its piece proved to be authentic.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from floor.errors import ConfigError, PeerError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

NAMED = b"makerfloor backup "
MAGIC = NAMED + b"1\n"
KEY_BYTES = 32
PIECE_BYTES = 64 << 10
TAG_BYTES = 16
_SALT_BYTES, _PROOF_BYTES = 16, 32
_SEALED_BYTES = PIECE_BYTES + TAG_BYTES
_HEAD_BYTES = len(MAGIC) + 1 + _SALT_BYTES
_COST_LOG2, _BLOCK, _PARALLEL = 17, 8, 1
"""128 MiB and half a second for each try of a passphrase."""
_INFO = b"makerfloor backup 1"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What opens a backup: a key of 32 bytes, or a passphrase."""

    key: bytes | None
    passphrase: str

    @property
    def kind(self) -> bytes:
        """How a file's head names it."""
        return b"p" if self.key is None else b"k"

    def derived(self, salt: bytes) -> tuple[AESGCM, bytes]:
        """Return what seals the pieces of one file, and the key that proves its head."""
        length = 2 * KEY_BYTES
        if self.key is None:
            slow = Scrypt(salt=salt, length=length, n=1 << _COST_LOG2, r=_BLOCK, p=_PARALLEL)
            both = slow.derive(self.passphrase.encode())
        else:
            both = HKDF(SHA256(), length, salt, _INFO).derive(self.key)
        return AESGCM(both[:KEY_BYTES]), both[KEY_BYTES:]


class Sealing(io.RawIOBase):
    """Seals what is written to it into `out`; only `finish` makes it whole."""

    def __init__(self, out: BinaryIO, secret: Secret) -> None:
        self._out, self._number, self._waiting = out, 0, bytearray()
        salt = os.urandom(_SALT_BYTES)
        self._cipher, proving = secret.derived(salt)
        head = MAGIC + secret.kind + salt
        out.write(head + _proof(proving, head))

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, piece: ReadableBuffer) -> int:
        """Take bytes; they go out as pieces become full."""
        data = memoryview(piece)
        self._waiting += data
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]
        return data.nbytes

    def finish(self) -> None:
        """Write the last piece, which may be empty."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last), piece, None))
        self._number += 1


class Unsealing(io.RawIOBase):
    """Reads what was sealed. Raises ConfigError for another secret or form, PeerError for damage."""

    def __init__(self, file: BinaryIO, secret: Secret, name: str) -> None:
        self._file, self._name, self._number = file, name, 0
        self._rest = memoryview(b"")
        self._ended = False
        self._cipher = self._open(secret)
        self._ahead = file.read(_SEALED_BYTES)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Give out the next bytes; none at the end, which was marked as such."""
        into = memoryview(buffer)
        while not self._rest and not self._ended:
            self._next()
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _open(self, secret: Secret) -> AESGCM:
        head = self._file.read(_HEAD_BYTES)
        if not head.startswith(MAGIC):
            if head.startswith(NAMED):
                problem, remedy = (
                    "is a backup of another form",
                    "Restore it with the Makerfloor that made it.",
                )
                raise ConfigError(self._name, "", problem, remedy)
            raise ConfigError(
                self._name, "", "is no backup of Makerfloor", "Name a file of `makerfloor backup`."
            )
        kind, salt = head[len(MAGIC) : len(MAGIC) + 1], head[len(MAGIC) + 1 :]
        proof = self._file.read(_PROOF_BYTES)
        if len(proof) < _PROOF_BYTES:
            raise PeerError(f"{self._name} is cut off: it ends within its head.")
        if kind != secret.kind:
            asked = "a passphrase" if kind == b"p" else "a key file"
            raise ConfigError(self._name, "", f"was sealed with {asked}", f"Give {asked}.")
        cipher, proving = secret.derived(salt)
        if not hmac.compare_digest(proof, _proof(proving, head)):
            given = "passphrase" if secret.key is None else "key"
            problem = f"does not open with this {given}, or its first bytes are damaged"
            raise ConfigError(self._name, "", problem, f"Give the {given} of the day on which it was made.")
        return cipher

    def _next(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(_SEALED_BYTES)
        last = not self._ahead
        try:
            piece = self._cipher.decrypt(_nonce(self._number, last), sealed, None)
        except InvalidTag:
            raise PeerError(self._damage(sealed, last)) from None
        self._number += 1
        self._rest, self._ended = memoryview(piece), last

    def _damage(self, sealed: bytes, last: bool) -> str:
        at = _HEAD_BYTES + _PROOF_BYTES + self._number * _SEALED_BYTES
        if last and (len(sealed) < TAG_BYTES or self._goes_on(sealed)):
            return f"{self._name} is cut off: it ends after byte {at + len(sealed)}."
        cut = " or it is cut off" if last else ""
        return f"{self._name} is damaged: bytes {at} to {at + len(sealed)} are not what was written{cut}."

    def _goes_on(self, sealed: bytes) -> bool:
        """Whether a last piece is whole, and was not the last when it was written."""
        try:
            self._cipher.decrypt(_nonce(self._number, False), sealed, None)
        except InvalidTag:
            return False
        return True


def _nonce(number: int, last: bool) -> bytes:
    """Return the nonce of a piece: no two of a file are the same, and each file has keys of its own."""
    return number.to_bytes(11, "big") + bytes([last])


def _proof(key: bytes, head: bytes) -> bytes:
    return hmac.new(key, head, hashlib.sha256).digest()

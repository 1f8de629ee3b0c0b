"""Secrets at rest: sealed with a key of the data directory, so that a copied database alone opens nothing."""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from floor.errors import ConfigError

KEY_FILE = "secrets.key"
_NONCE_BYTES = 12


class Vault:
    """Seals and opens short secrets (AES-256-GCM), and makes the keyed hash that finds them again."""

    def __init__(self, key: bytes, file: str = KEY_FILE) -> None:
        self._file = file
        self._sealing = AESGCM(hmac.new(key, b"makerfloor seal", hashlib.sha256).digest())
        self._looking = hmac.new(key, b"makerfloor lookup", hashlib.sha256).digest()

    def seal(self, secret: bytes) -> str:
        """Return the secret sealed, as base64."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._sealing.encrypt(nonce, secret, None)).decode()

    def open(self, sealed: str) -> bytes:
        """Return what was sealed. Raises ConfigError when the key of this data directory does not fit."""
        raw = base64.b64decode(sealed)
        try:
            return self._sealing.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
        except InvalidTag:
            problem = "does not open what this database holds"
            remedy = "Restore the key file of the same backup as the database."
            raise ConfigError(self._file, "", problem, remedy) from None

    def lookup(self, secret: bytes) -> str:
        """Return the keyed SHA-256 of a secret as hex: the same for the same secret."""
        return hmac.new(self._looking, secret, hashlib.sha256).hexdigest()


def open_vault(data: Path) -> Vault:
    """Open the vault of a data directory; its key is made when there is none (mode 0600)."""
    file = data / KEY_FILE
    return Vault(read_or_make(file, 32), str(file))


def read_or_make(file: Path, size: int) -> bytes:
    """Return a key of `size` bytes kept as hex in a file, made at random when there is none.

    Raises ConfigError when the file holds something else.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(os.urandom(size).hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
    try:
        key = bytes.fromhex(file.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != size:
        raise ConfigError(str(file), "", f"does not hold a key of {size} bytes", "Restore it from a backup.")
    return key

"""Secrets at rest: sealed with a key of the data directory, so that a copied database alone opens nothing."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import re
import threading
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from floor.badge_keys import KEY_BYTES, VERSIONS, desfire_key, ntag424_key
from floor.errors import ConfigError
from floor.words import BadgeKind

KEY_FILE = "secrets.key"
MASTER_FILE = "badge-master-{}.key"
_MASTER_NAME = re.compile(r"badge-master-([1-9][0-9]{0,2})\.key")
NONCE_BYTES = 12


class Vault:
    """Seals and opens short secrets (AES-256-GCM), and makes the keyed hash that finds them again."""

    def __init__(self, key: bytes, file: str = KEY_FILE) -> None:
        self._file = file
        self._sealing = AESGCM(hmac.new(key, b"makerfloor seal", hashlib.sha256).digest())
        self._looking = hmac.new(key, b"makerfloor lookup", hashlib.sha256).digest()

    def seal(self, secret: bytes) -> str:
        """Return the secret sealed, as base64."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + self._sealing.encrypt(nonce, secret, None)).decode()

    def open(self, sealed: str) -> bytes:
        """Return what was sealed. Raises ConfigError when the key of this data directory does not fit."""
        raw = base64.b64decode(sealed)
        try:
            return self._sealing.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
        except InvalidTag:
            problem = "does not open what this database holds"
            remedy = "Restore the key file of the same backup as the database."
            raise ConfigError(self._file, "", problem, remedy) from None

    def lookup(self, secret: bytes) -> str:
        """Return the keyed SHA-256 of a secret as hex: the same for the same secret."""
        return hmac.new(self._looking, secret, hashlib.sha256).hexdigest()

    @cached_property
    def masters(self) -> Masters:
        """The master keys of badges, which lie beside this vault's own."""
        return Masters(Path(self._file).parent)


class Masters:
    """The space's master keys of badges, a file for each version.

    A badge stays with the one that it was written by. They never leave this machine: a gateway, and who
    writes badges, are given what was made from them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[int, bytes] = {}
        self._making = threading.Lock()

    def versions(self) -> list[int]:
        """Return the versions that there are, the oldest first."""
        names = (_MASTER_NAME.fullmatch(path.name) for path in self._folder.glob("badge-master-*.key"))
        found = sorted(int(name[1]) for name in names if name)
        return [version for version in found if version in VERSIONS]

    def newest(self, used: int = 0) -> int:
        """Return the version that new badges are written by; the first one is made when there is none.

        `used` is the greatest version that a badge has, 0 for none. Raises ConfigError when its file and all
        later ones are gone: another key under its name would be worth nothing to the badges that have it.
        """
        with self._making:
            version = max(self.versions(), default=0)
            if version < used:
                raise self._missing(used)
            version = version or 1
            self._read(version, make=True)
        return version

    def renew(self, used: int = 0) -> int:
        """Make the next version, also after the greatest that a badge has (`used`), whose file may be gone.

        New badges are written by it. Raises ConfigError after the last.
        """
        with self._making:
            version = max([used, *self.versions()]) + 1
            if version not in VERSIONS:
                remedy = "Write the badges of old versions anew, then remove their files."
                raise ConfigError(
                    str(self._folder), "", "holds all versions of a key that there can be", remedy
                )
            self._read(version, make=True)
        return version

    def master(self, version: int) -> bytes:
        """Return a master key of 16 bytes; raises ConfigError when its file is gone."""
        return self._read(version, make=False)

    def key_of(self, kind: BadgeKind, uid: bytes, number: int, version: int) -> bytes:
        """Return a key of one badge; raises ValueError for a kind, UID or number that has none."""
        match kind:
            case BadgeKind.NTAG424:
                return ntag424_key(self.master(version), uid, number, version)
            case BadgeKind.DESFIRE:
                return desfire_key(self.master(version), uid, number, version)
        raise ValueError(f"a badge of the kind {kind} has no keys")

    def _read(self, version: int, *, make: bool) -> bytes:
        if version not in self._kept:
            file = self._folder / MASTER_FILE.format(version)
            if not make and not file.exists():
                raise self._missing(version)
            self._kept[version] = read_or_make(file, KEY_BYTES)
        return self._kept[version]

    def _missing(self, version: int) -> ConfigError:
        file = self._folder / MASTER_FILE.format(version)
        remedy = (
            "Restore it from the database's backup; or run `makerfloor badge new-master`, and enrol anew."
        )
        return ConfigError(str(file), "", "is missing: badges were written by it", remedy)


def open_vault(data: Path) -> Vault:
    """Open the vault of a data directory; its key is made when there is none (mode 0600)."""
    file = data / KEY_FILE
    return Vault(read_or_make(file, 32), str(file))


def read_or_make(file: Path, size: int) -> bytes:
    """Return a key of `size` bytes kept as hex in a file, made at random when there is none.

    Of several that make it at once, one does, and all return its key; it is durable before it is used. Raises
    ConfigError when the file holds something else.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _make(file, os.urandom(size).hex() + "\n")
    try:
        key = bytes.fromhex(file.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != size:
        raise ConfigError(str(file), "", f"does not hold a key of {size} bytes", "Restore it from a backup.")
    return key


def _make(file: Path, text: str) -> None:
    """Write a file of mode 0600 as a whole, unless another process or thread has done so meanwhile."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if file.exists():
            return
        new = file.with_name(f"{file.name}.new")
        new.unlink(missing_ok=True)  # of a process that was killed
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        new.rename(file)
        os.fsync(folder)
    finally:
        os.close(folder)

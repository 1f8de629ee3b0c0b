"""Reads a backup from its first byte to its last: nothing of it counts before all of it was read."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from booking_api.backups.manifest import NAME, Manifest, Member
from booking_api.backups.sealed import Secret, Unsealing
from floor.errors import ConfigError, PeerError

PIECE_BYTES = 1 << 20
MANIFEST_MAX_BYTES = 64 << 20
_NAME = re.compile(r"database\.(sqlite|dump)|(settings|data|also)(/(?!\.\.?(/|$))[^/\x00]+)+")

Place = Callable[[str], IO[bytes] | None]
"""Opens where a file of the backup is to be written; None: nowhere."""


def check(file: Path, secret: Secret) -> Manifest:
    """Read a backup, in little memory and without writing anything; raises ConfigError, PeerError."""
    return read(file, secret, lambda _: None)


def read(file: Path, secret: Secret, place: Place) -> Manifest:
    """Read a backup and write its files to their places; what was written counts only when this returns.

    Raises ConfigError for another secret or form, PeerError where it is damaged, cut off or not complete.
    """
    try:
        sealed = file.open("rb")
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError(str(file), "", problem, "Name a file of `makerfloor backup`.") from error
    with sealed:
        plain = Unsealing(sealed, secret, str(file))
        try:
            with gzip.open(plain, "rb") as packed:
                found, text = _members(packed, place)
                while packed.read(PIECE_BYTES):  # to the very end, which is marked
                    pass
            manifest = Manifest.model_validate_json(text)
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValidationError) as error:
            raise PeerError(f"{file} is whole, but not what this software writes ({error}).") from error
    if found != manifest.members:
        wrong = sorted(name for name, _ in found.items() ^ manifest.members.items())
        raise PeerError(f"{file}: {wrong[0]} is not what was backed up.")
    return manifest


def _members(packed: gzip.GzipFile, place: Place) -> tuple[dict[str, Member], bytes]:
    found: dict[str, Member] = {}
    text = b""
    with tarfile.open(fileobj=packed, mode="r|") as tar:
        for info in tar:
            source = tar.extractfile(info)
            if source is None or text or info.name in found:
                raise tarfile.TarError(f"{info.name} is out of place")
            if info.name == NAME:
                text = source.read(MANIFEST_MAX_BYTES)
            elif _NAME.fullmatch(info.name):
                found[info.name] = _copy(source, place(info.name))
            else:
                raise tarfile.TarError(f"{info.name!r} has no place")
    return found, text


def _copy(source: IO[bytes], target: IO[bytes] | None) -> Member:
    sha256, size = hashlib.sha256(), 0
    try:
        while piece := source.read(PIECE_BYTES):
            sha256.update(piece)
            size += len(piece)
            if target:
                target.write(piece)
        if target:
            target.flush()
            os.fsync(target.fileno())
    finally:
        if target:
            target.close()
    return Member(size=size, sha256=sha256.hexdigest())

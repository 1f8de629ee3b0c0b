"""Files of prints on disk: written as they come in, kept below the data folder by their SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from booking_api.db import room_on_disk
from floor.errors import Refused
from floor.print_estimate import Estimate, Mistake, NotGcode, PrintReader

FOLDER, INCOMING = "prints", "incoming"
STALE_S = 86_400


@dataclass(frozen=True, slots=True)
class Taken:
    """A whole file that has come in and lies at `path`, not yet kept."""

    path: Path
    sha256: str
    size: int
    estimate: Estimate


class Incoming:
    """A file while it comes in. Its calls may wait for the disk: not in an event loop."""

    def __init__(self, data: Path, limit: int) -> None:
        folder = data / FOLDER / INCOMING
        with room_on_disk(data):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=folder)
        self._file = os.fdopen(handle, "wb")
        self._data, self._limit, self.path = data, limit, Path(name)
        self._sha256, self._reader, self._size = hashlib.sha256(), PrintReader(), 0

    def write(self, piece: bytes) -> None:
        """Take the next piece; raises Refused for a file that is too large or no G-code, StorageFull."""
        self._size += len(piece)
        if self._size > self._limit:
            raise too_large()
        with room_on_disk(self._data):
            self._file.write(piece)
        self._sha256.update(piece)
        try:
            self._reader.receive_data(piece)
        except NotGcode as error:
            raise refusal(error.mistake) from error

    def close(self) -> Taken:
        """End the file; raises Refused when it is no G-code, StorageFull."""
        try:
            estimate = self._reader.close()
        except NotGcode as error:
            raise refusal(error.mistake) from error
        with room_on_disk(self._data):
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        return Taken(self.path, self._sha256.hexdigest(), self._size, estimate)

    def discard(self) -> None:
        """Let go of the file, unless it was kept."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


def too_large() -> Refused:
    """Return the refusal of a file that is larger than the space takes."""
    return Refused("print_file_length", "This file is larger than the space takes. Slice it coarser.")


def refusal(mistake: Mistake) -> Refused:
    """Say what a file is that is no G-code, and what would be right."""
    match mistake:
        case Mistake.BINARY_GCODE:
            return Refused(
                "print_file_invalid",
                "This is binary G-code. Switch it off in the slicer (printer settings) and export again.",
            )
        case Mistake.ARCHIVE:
            return Refused(
                "print_file_invalid",
                "This is a 3MF project or another archive. Slice it, and export plain G-code.",
            )
        case Mistake.MODEL:
            return Refused("print_file_invalid", "This is a model. Slice it, and export plain G-code.")
        case Mistake.BINARY:
            return Refused(
                "print_file_invalid",
                "This is no text, so no G-code. Slice it, and export plain G-code.",
            )
    return Refused("print_file_invalid", "Nothing moves in this file. Export plain G-code from the slicer.")


def place(data: Path, sha256: str) -> Path:
    """Return where a kept file lies."""
    return data / FOLDER / sha256[:2] / sha256


def keep(data: Path, taken: Taken) -> None:
    """Put a file where it stays; one that is there already is the same."""
    final = place(data, taken.sha256)
    with room_on_disk(data):
        final.parent.mkdir(exist_ok=True, mode=0o700)
        os.replace(taken.path, final)


def forget(data: Path, needed: Collection[str]) -> int:
    """Delete every kept file but these, and what came in yesterday and was never kept; return how many."""
    count = 0
    for path in (data / FOLDER).glob("??/*"):
        if path.name not in needed:
            path.unlink(missing_ok=True)
            count += 1
    for path in (data / FOLDER / INCOMING).glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - STALE_S:
                path.unlink()
    return count

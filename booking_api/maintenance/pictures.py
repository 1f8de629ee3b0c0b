"""Photos that come in: JPEG and PNG known by their content, without what cameras add, and kept on disk.

A file is taken apart by its own grammar and written again with the parts that make the picture alone: no
place, no names, nothing behind its end. JPEG: ITU-T T.81 annex B; PNG: W3C PNG (third edition) §5.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from floor.errors import Refused

FOLDER = "photos"
FILE_MAX = 8 << 20
PIXELS_MAX = 60_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"IDAT", b"IEND"})
_NO_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOF = frozenset({0xC0, 0xC1, 0xC2})
_KEPT = frozenset({0xDB, 0xC4, 0xDD, 0xDA, *_SOF})
_EXIF = b"Exif\0\0"


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo as it is kept: its bytes, what they are, and its size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int

    @property
    def sha256(self) -> str:
        """By what the file is called."""
        return hashlib.sha256(self.data).hexdigest()


def read(data: bytes) -> Picture:
    """Return a picture without what it does not need; raises Refused for what is none, or too large."""
    if len(data) > FILE_MAX:
        raise Refused("photo_length", f"A photo may have at most {FILE_MAX >> 20} MiB. Take a smaller one.")
    try:
        if data.startswith(b"\xff\xd8"):
            picture = _jpeg(data)
        elif data.startswith(_PNG):
            picture = _png(data)
        else:
            raise ValueError("neither")
    except (ValueError, struct.error, IndexError):
        raise Refused("photo_invalid", "This is no photo that is understood. Send JPEG or PNG.") from None
    if not 0 < picture.width * picture.height <= PIXELS_MAX:
        raise Refused("photo_length", "This photo has too many pixels. Take a smaller one.")
    return picture


def _jpeg(data: bytes) -> Picture:
    out, at, size, turned = [b"\xff\xd8"], 2, None, 1
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise ValueError("cut short")
        body = data[at + 4 : end]
        if marker == 0xE1 and body.startswith(_EXIF):
            turned = _turned(body[len(_EXIF) :])
        if marker in _SOF:
            size = struct.unpack_from(">HH", body, 1)
        if marker == 0xDA:
            found = _NO_SCAN.search(data, end)
            if found is None:
                raise ValueError("no end")
            end = found.start()
        if marker in _KEPT or (marker == 0xEE and body.startswith(b"Adobe")):
            out.append(data[at:end])
        at = end
    if size is None:
        raise ValueError("no frame")
    out.insert(1, _exif(turned))
    return Picture(b"".join((*out, b"\xff\xd9")), "image/jpeg", size[1], size[0])


def _turned(tiff: bytes) -> int:
    """Return how the camera was held, 1 to 8 (Exif 2.3, tag 0x0112); 1 where it does not say."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    (begin,) = struct.unpack_from(f"{order}I", tiff, 4)
    if begin + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(f"{order}H", tiff, begin)
    for n in range(min(count, 100)):
        at = begin + 2 + 12 * n
        if at + 10 > len(tiff):
            break
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at)
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1


def _exif(turned: int) -> bytes:
    """Return a segment that says how the camera was held and nothing else."""
    tiff = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, turned, 0, 0)
    body = _EXIF + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(data: bytes) -> Picture:
    out, at, size = [_PNG], len(_PNG), None
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("cut short")
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if crc != zlib.crc32(data[at + 4 : end - 4]):
            raise ValueError("damaged")
        if (size is None) != (kind == b"IHDR"):
            raise ValueError("no header")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, at + 8)
        if kind in _PNG_KEPT:
            out.append(data[at:end])
        if kind == b"IEND" and size is not None:
            return Picture(b"".join(out), "image/png", *size)
        at = end


def place(data: Path, sha256: str) -> Path:
    """Return where a kept photo lies."""
    return data / FOLDER / sha256[:2] / sha256


def keep(data: Path, picture: Picture) -> None:
    """Write a photo durably where it stays; one that is there already is the same. Waits for the disk.

    It is written before the transaction that names it commits; where that fails, `delete` sweeps it up.
    """
    final = place(data, picture.sha256)
    with contextlib.suppress(FileNotFoundError):
        os.utime(final)  # who sweeps leaves it
        return
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=final.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(picture.data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, final)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def untouched(data: Path, since_s: float) -> Mapping[Path, float]:
    """Return the files that nobody wrote since an instant (Unix seconds), each with when it was written."""
    found = ((path, path.stat().st_mtime) for path in (data / FOLDER).glob("??/*"))
    return {path: written_s for path, written_s in found if written_s < since_s}


def delete(old: Mapping[Path, float], kept: Collection[str]) -> None:
    """Delete files that no photo has, of those that `untouched` found; not what was written since."""
    for path, written_s in old.items():
        with contextlib.suppress(FileNotFoundError):
            if path.name not in kept and path.stat().st_mtime == written_s:
                path.unlink()


def forget(data: Path, gone: Collection[str]) -> None:
    """Delete photos, by their SHA-256."""
    for sha256 in gone:
        place(data, sha256).unlink(missing_ok=True)

"""Small photos as cameras write them."""

from __future__ import annotations

import struct
import zlib


def jpeg(turned: int = 1, secret: bytes = b"secret") -> bytes:
    """A JPEG of 640 × 480 by its header, with Exif data that say how it was held, and a secret."""
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, turned, 0, 0) + secret
    scan = b"\x12\xff\x00\x34\xff\xd0\x56"
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
        + _segment(0xE1, b"Exif\0\0" + tiff)
        + _segment(0xFE, secret)
        + _segment(0xDB, bytes(65))
        + _segment(0xC0, struct.pack(">BHHB", 8, 480, 640, 1) + b"\1\x11\0")
        + _segment(0xC4, bytes(20))
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
        + scan
        + b"\xff\xd9"
    )


def png(width: int, height: int, *extra: bytes) -> bytes:
    """A PNG of a size by its header, with chunks more (each its kind and what is in it)."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (header, *extra, b"IDAT" + zlib.compress(b"\0" * 20), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

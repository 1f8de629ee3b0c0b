"""Photos: known by content, written again without what cameras add."""

from __future__ import annotations

import struct
import zlib

import pytest

from booking_api.maintenance import pictures
from floor.errors import Refused
from tests.kit.pictures import jpeg, png


def test_a_jpeg_loses_where_it_was_taken_and_keeps_how_it_was_held() -> None:
    found = pictures.read(jpeg(turned=6, secret=b"48.1N 11.5E") + b"<script>after the end")
    assert (found.media_type, found.width, found.height) == ("image/jpeg", 640, 480)
    assert b"48.1N" not in found.data
    assert b"script" not in found.data
    assert found.data.startswith(b"\xff\xd8\xff\xe1")
    assert b"\xff\xda" in found.data
    assert struct.pack(">HHIH", 0x0112, 3, 1, 6) in found.data
    assert pictures.read(found.data).data == found.data


def test_a_png_keeps_its_picture_alone() -> None:
    found = pictures.read(png(3, 2, b"tEXtComment\0secret") + b"behind")
    assert (found.media_type, found.width, found.height) == ("image/png", 3, 2)
    assert b"secret" not in found.data
    assert b"behind" not in found.data
    assert pictures.read(found.data).data == found.data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg onload='x()'/>",
        b"GIF89a",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\x00\x00",
        jpeg()[:60],
        jpeg()[:-30],
        png(3, 2)[:-6],
        png(3, 2).replace(zlib.compress(b"\0" * 20), b"\1" * len(zlib.compress(b"\0" * 20))),
    ],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="no photo"):
        pictures.read(data)


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(Refused, match="8 MiB"):
        pictures.read(b"\xff\xd8" + bytes(pictures.FILE_MAX))
    with pytest.raises(Refused, match="pixels"):
        pictures.read(png(60_000, 60_000))

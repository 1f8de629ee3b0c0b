"""What was sealed comes back whole, or not at all: each damage is told as what it is."""

from __future__ import annotations

import io
import itertools

import pytest

from booking_api.backups.sealed import MAGIC, PIECE_BYTES, TAG_BYTES, Sealing, Secret, Unsealing
from floor.errors import ConfigError, PeerError

SECRET = Secret(bytes(32), "")
HEAD = len(MAGIC) + 1 + 16 + 32
PIECE = PIECE_BYTES + TAG_BYTES


def sealed(plain: bytes, secret: Secret = SECRET) -> bytes:
    out = io.BytesIO()
    sealing = Sealing(out, secret)
    for at in range(0, len(plain), 50_000):
        sealing.write(plain[at : at + 50_000])
    sealing.finish()
    return out.getvalue()


def opened(data: bytes, secret: Secret = SECRET) -> bytes:
    return Unsealing(io.BytesIO(data), secret, "it").read()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7])
def test_it_comes_back(size: int) -> None:
    plain = bytes(itertools.islice(itertools.cycle(range(251)), size))
    data = sealed(plain)
    assert opened(data) == plain
    assert plain[:16] not in data or size < 16
    assert len(data) == HEAD + size + TAG_BYTES * max(1, -(-size // PIECE_BYTES))


def test_every_cut_and_every_flipped_bit_is_told() -> None:
    data = sealed(b"what a server needs")
    for end in range(len(data)):
        with pytest.raises(ConfigError if end < len(MAGIC) else PeerError):
            opened(data[:end])
    for bit in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ConfigError if bit // 8 < HEAD else PeerError):
            opened(bytes(wrong))


def test_pieces_are_neither_left_out_nor_moved_nor_added() -> None:
    data = sealed(bytes(3 * PIECE_BYTES))
    first, second, third = (data[HEAD + n * PIECE : HEAD + (n + 1) * PIECE] for n in range(3))
    for pieces, words in (
        ((first, second), f"cut off: it ends after byte {HEAD + 2 * PIECE}"),
        ((first,), "cut off"),
        ((), "cut off"),
        ((first, second, third[:-9]), "damaged: .* or it is cut off"),
        ((second, first, third), f"damaged: bytes {HEAD} to {HEAD + PIECE} are not what was written"),
        ((first, third), "damaged"),
        ((first, second, third, third), "damaged"),
        ((first, second, third, b"x"), "damaged"),
        (tuple(sealed(bytes(3 * PIECE_BYTES))[HEAD + n * PIECE :][:PIECE] for n in range(3)), "damaged"),
    ):
        with pytest.raises(PeerError, match=words):
            opened(data[:HEAD] + b"".join(pieces))


def test_another_secret_or_form_is_told_from_damage() -> None:
    words = Secret(None, "correct horse battery")
    by_words = sealed(b"x", words)
    assert opened(by_words, words) == b"x"
    with pytest.raises(ConfigError, match="does not open with this passphrase"):
        opened(by_words, Secret(None, "correct horse batters"))
    with pytest.raises(ConfigError, match="sealed with a passphrase"):
        opened(by_words)
    with pytest.raises(ConfigError, match="does not open with this key"):
        opened(sealed(b"x"), Secret(bytes([1]) * 32, ""))
    with pytest.raises(ConfigError, match="of another form"):
        opened(by_words.replace(b"backup 1", b"backup 2"), words)
    with pytest.raises(ConfigError, match="no backup of Makerfloor"):
        opened(b"PK" * 100)

"""A line may carry anything: replies are found however they are cut, and nothing else is taken for one."""

from __future__ import annotations

import struct
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import Noise
from firmware_bridge.pzem.parser import Measurement, Refused, Replies, crc, request

# 230.4 V, 4.321 A, 980.5 W, 70123 Wh, 50.0 Hz, 0.98: as pymodbus 3.16 frames it
REPLY = bytes.fromhex("0104140900 10e1 0000 264d 0000 11eb 0001 01f4 0062 0000".replace(" ", ""))
WHOLE = REPLY + struct.pack("<H", crc(REPLY))
SHOWN = Measurement(Decimal("230.4"), Decimal("4.321"), Decimal("980.5"), 70123)


def said(pieces: list[bytes], unit: int = 1) -> list[object]:
    replies = Replies(unit)
    return [fact for piece in pieces for fact in replies.feed(piece)]


def test_the_question_and_its_checksum_are_those_that_pymodbus_takes() -> None:
    assert request(1).hex() == "01040000000a700d"


@given(st.lists(st.integers(1, len(WHOLE) - 1), unique=True, max_size=6))
def test_a_reply_is_found_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in pairwise(edges)]
    assert said(pieces) == [SHOWN]


@given(st.binary(max_size=400), st.binary(max_size=40))
def test_noise_before_a_reply_hides_it_no_longer_than_one_frame(before: bytes, after: bytes) -> None:
    facts = said([before, WHOLE, bytes(40), after])
    assert SHOWN in facts or not any(isinstance(fact, Measurement) for fact in facts)
    replies = Replies(1)
    for piece in (before, after, before):
        replies.feed(piece)
        assert len(replies._held) <= 25, "what is kept is bounded"


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_one_wrong_byte_is_no_measurement(at: int, changed: int) -> None:
    wrong = bytearray(WHOLE)
    wrong[at] ^= changed
    facts = said([bytes(wrong), bytes(30)])
    assert not any(isinstance(fact, Measurement) for fact in facts)
    assert any(isinstance(fact, Noise) for fact in facts)


def test_an_error_is_said_in_words_and_another_unit_is_nobody() -> None:
    frame = bytes((1, 0x84, 2))
    assert said([frame + struct.pack("<H", crc(frame))]) == [Refused("error 2: illegal address")]
    assert not [fact for fact in said([WHOLE], unit=2) if isinstance(fact, Measurement)]

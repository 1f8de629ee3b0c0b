"""No single wrong bit makes another badge; whatever bytes come, however cut, the parsers say the same."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.events import ReaderNoise
from hardware.readers.frame import Frame
from hardware.readers.keyboard import KeyboardParser, hexadecimal
from hardware.readers.wiegand import WiegandParser, decode
from tests.kit.frames import wiegand, wiegand_line
from tests.kit.reader_benches import typed

sizes = st.sampled_from([26, 34, 37])
frames = sizes.flatmap(
    lambda bits: st.tuples(
        st.just(bits), st.integers(0, (1 << bits - 2) - 1).map(lambda n: n.to_bytes((bits + 5) // 8, "big"))
    )
)
junk = st.binary(max_size=40) | st.text("W234567:ABCDEF*ALIVE\r\n", max_size=40).map(str.encode)
streams = st.lists(frames.map(lambda one: wiegand(one[1], one[0])) | junk, max_size=12).map(b"".join)


@given(frames)
def test_every_number_comes_through(frame: tuple[int, bytes]) -> None:
    bits, uid = frame
    assert WiegandParser().receive_data(wiegand(uid, bits)) == [Frame(uid)]


@given(frames)
def test_every_single_wrong_bit_of_a_frame_is_refused(frame: tuple[int, bytes]) -> None:
    bits, uid = frame
    value = int(wiegand(uid, bits).split(b":")[1].split(b"*")[0], 16)
    digits = -(-bits // 4)
    assert decode(bits, f"{value:0{digits}X}") == Frame(uid)
    for place in range(4 * digits):
        assert isinstance(decode(bits, f"{value ^ 1 << place:0{digits}X}"), ReaderNoise)


@given(frames)
def test_swapped_wires_are_refused(frame: tuple[int, bytes]) -> None:
    bits, uid = frame
    value = int(wiegand(uid, bits).split(b":")[1].split(b"*")[0], 16)
    (heard,) = WiegandParser().receive_data(wiegand_line(bits, value ^ (1 << bits) - 1))
    assert isinstance(heard, ReaderNoise)


@given(frames, st.data())
def test_no_flipped_bit_of_a_line_yields_a_badge(frame: tuple[int, bytes], data: st.DataObject) -> None:
    line = bytearray(wiegand(frame[1], frame[0]).rstrip())
    line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not any(isinstance(one, Frame) for one in WiegandParser().receive_data(bytes(line) + b"\n"))


@given(streams, st.lists(st.integers(0, 300)))
def test_slicing_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    parser = WiegandParser()
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    sliced = [event for one, two in pairwise(edges) for event in parser.receive_data(stream[one:two])]
    assert sliced == WiegandParser().receive_data(stream)


@given(
    st.lists(st.text("0123456789abcdefg\n", max_size=30).map(typed) | junk, max_size=5).map(b"".join),
    st.data(),
)
def test_slicing_changes_nothing_for_keys(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    parser = KeyboardParser(hexadecimal)
    edges = [0, *sorted(cuts), len(stream)]
    sliced = [event for one, two in pairwise(edges) for event in parser.receive_data(stream[one:two])]
    assert sliced == KeyboardParser(hexadecimal).receive_data(stream)


@pytest.mark.parametrize("size", [8, 10, 14, 20])
@given(data=st.data())
def test_every_hexadecimal_number_comes_through(size: int, data: st.DataObject) -> None:
    uid = data.draw(st.binary(min_size=size // 2, max_size=size // 2))
    assert KeyboardParser(hexadecimal).receive_data(typed(uid.hex() + "\n")) == [Frame(uid)]

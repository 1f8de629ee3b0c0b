"""Whatever bytes come, however cut: the parser says the same, misses nothing good, and stays small."""

from functools import reduce
from itertools import pairwise
from operator import xor

from hypothesis import given
from hypothesis import strategies as st

from hardware.events import ReaderNoise
from hardware.readers.rdm6300 import Frame, Rdm6300Parser


def frame(uid: bytes, id12: bool) -> bytes:
    return b"\x02" + (uid + bytes([reduce(xor, uid)])).hex().encode() + (b"\r\n" if id12 else b"") + b"\x03"


uids = st.binary(min_size=5, max_size=5)
frames = st.builds(frame, uids, st.booleans())
junk = st.binary(max_size=40) | st.text("\x02\x030123456789ABCDEF\r\n", max_size=40).map(str.encode)
streams = st.lists(frames | junk, max_size=12).map(b"".join)


@given(streams, st.lists(st.integers(0, 300)))
def test_slicing_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    parser = Rdm6300Parser()
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    sliced = [event for one, two in pairwise(edges) for event in parser.receive_data(stream[one:two])]
    assert sliced == Rdm6300Parser().receive_data(stream)


@given(streams, st.lists(st.tuples(uids, st.booleans()), max_size=8))
def test_every_good_frame_is_found_after_any_junk(before: bytes, good: list[tuple[bytes, bool]]) -> None:
    parser = Rdm6300Parser()
    parser.receive_data(before)
    events = parser.receive_data(b"".join(frame(uid, id12) for uid, id12 in good))
    assert [event.uid for event in events if isinstance(event, Frame)] == [uid for uid, _ in good]


@given(uids, st.booleans(), st.integers(1, 12), st.integers(0, 7))
def test_no_single_flipped_bit_yields_another_badge(uid: bytes, id12: bool, at: int, bit: int) -> None:
    damaged = bytearray(frame(uid, id12))
    damaged[at] ^= 1 << bit
    for event in Rdm6300Parser().receive_data(bytes(damaged)):
        assert isinstance(event, ReaderNoise) or event.uid == uid  # a flipped case bit is the same digit


@given(streams)
def test_it_says_at_most_one_thing_for_every_two_bytes(stream: bytes) -> None:
    assert len(Rdm6300Parser().receive_data(stream)) <= len(stream) // 2 + 1

"""Whatever bytes come from a PN532, however cut: the same is said, nothing grows, no badge is invented."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from floor.words import BadgeKind
from hardware.events import BadgeTapped
from hardware.readers.pn532 import Pn532Talk
from hardware.readers.pn532_frames import Answer, Pn532Frames
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.presence import Presence
from tests.kit.pn532_peer import ACK, SYNTAX_ERROR, frame, listed

bodies = st.binary(max_size=250).map(lambda data: b"\xd5\x4b" + data)
frames = bodies.map(frame) | st.sampled_from([ACK, SYNTAX_ERROR, frame(b"\xd5\x15"), frame(b"\xd5\x33")])
junk = st.binary(max_size=40) | st.lists(st.sampled_from(b"\x00\xff\xd5\x01\x4b"), max_size=40).map(bytes)
streams = st.lists(frames | junk, max_size=12).map(b"".join)
uids = st.sampled_from([4, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(streams, st.lists(st.integers(0, 1000)))
def test_slicing_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    parser = Pn532Frames()
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    sliced = [event for one, two in pairwise(edges) for event in parser.receive_data(stream[one:two])]
    assert sliced == Pn532Frames().receive_data(stream)


@given(streams, bodies)
def test_a_good_frame_is_found_after_any_junk_once_that_is_over(before: bytes, body: bytes) -> None:
    parser = Pn532Frames()
    parser.receive_data(before + bytes(300))  # what looked like the head of a frame has all that it claimed
    assert Answer(0x4B, body[2:]) in parser.receive_data(frame(body))


@given(streams)
def test_it_says_at_most_one_thing_for_every_two_bytes(stream: bytes) -> None:
    assert len(Pn532Frames().receive_data(stream)) <= len(stream) // 2 + 1


@given(uids, st.data())
def test_no_flipped_bit_yields_another_badge(uid: bytes, data: st.DataObject) -> None:
    damaged = bytearray(frame(b"\xd5\x4b" + listed(uid)))
    at = data.draw(st.integers(0, len(damaged) - 2))  # the postamble says nothing
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    whole = Answer(0x4B, listed(uid))
    assert all(
        event == whole for event in Pn532Frames().receive_data(bytes(damaged)) if type(event) is Answer
    )


@given(st.lists(streams | uids.map(lambda uid: frame(b"\xd5\x4b" + listed(uid))), max_size=20))
def test_a_talk_survives_everything(pieces: list[bytes]) -> None:
    talk = Pn532Talk(Presence(BadgeKind.UID_13MHZ, 500), 100)
    talk.begin(0)
    for now_ms, piece in enumerate([frame(b"\xd5\x15"), frame(b"\xd5\x03\x32\x01\x06\x07"), *pieces]):
        try:
            events = talk.heard(piece, 150 * now_ms) + talk.waited(150 * now_ms)
        except ReaderSilent:
            talk.begin(150 * now_ms)
            continue
        assert len(talk.to_write()) <= 64
        for event in events:
            assert not isinstance(event, BadgeTapped) or len(event.uid) in (4, 7, 10)

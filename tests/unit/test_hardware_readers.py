import pytest

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped, ReaderNoise
from hardware.readers.presence import Presence
from hardware.readers.rdm6300 import Frame, Rdm6300Parser

GOOD = Frame(bytes.fromhex("62E3086CED"))
ONE = GOOD.uid


@pytest.mark.parametrize(
    "data", [b"\x0262E3086CED08\x03", b"\x0262E3086CED08\r\n\x03", b"\x0262e3086ced08\x03"]
)
def test_a_good_frame(data: bytes) -> None:
    assert Rdm6300Parser().receive_data(data) == [GOOD]


def test_a_frame_that_a_real_rdm6300_sent() -> None:
    """Captured by a user: forum.arduino.cc, thread 251993."""
    captured = bytes([2, 48, 49, 48, 48, 54, 51, 69, 57, 65, 69, 50, 53, 3])
    assert Rdm6300Parser().receive_data(captured) == [Frame(bytes.fromhex("010063E9AE"))]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"\x0262E3086CED09\x03", "a frame has a wrong checksum"),
        (b"\x0262E3086CEG08\x03", "a frame is not twelve hexadecimal digits"),
        (b"\x02 62E3086CED08\x03", "a frame is not twelve hexadecimal digits"),
        (b"\x0262E3086CED\x03", "a frame is not twelve hexadecimal digits"),
        (b"\x02\x03", "a frame is not twelve hexadecimal digits"),
        (b"\x0262E3\x02", "a frame was cut short"),
        (b"\x02" + b"0" * 5000, "a frame is too long"),
        (b"\xff" * 5000, "bytes outside a frame"),
    ],
)
def test_what_is_no_frame_is_noise_once_and_a_good_frame_follows(data: bytes, detail: str) -> None:
    assert Rdm6300Parser().receive_data(data + b"\x0262E3086CED08\x03")[0] == ReaderNoise(detail)
    parser = Rdm6300Parser()
    assert len(parser.receive_data(data)) == 1
    assert parser.receive_data(b"\x0262E3086CED08\x03")[-1] == GOOD


def test_a_badge_is_removed_after_silence_and_not_before() -> None:
    presence = Presence(BadgeKind.UID_125KHZ, 500)
    assert presence.due_ms is None
    assert presence.seen(ONE, 0) == [BadgeTapped(ONE, BadgeKind.UID_125KHZ)]
    assert presence.seen(ONE, 65) == []
    assert presence.due_ms == 565
    assert presence.silent(564) == []
    assert presence.silent(565) == [BadgeRemoved(ONE)]
    assert presence.silent(9999) == []


def test_an_absence_of_the_reader_is_no_silence() -> None:
    presence = Presence(BadgeKind.UID_125KHZ, 500)
    presence.seen(ONE, 0)
    presence.resume(60_000)
    assert presence.silent(60_100) == []
    assert presence.seen(ONE, 60_200) == []


def test_a_removal_time_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Presence(BadgeKind.UID_125KHZ, 0)

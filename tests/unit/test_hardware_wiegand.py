import pytest

from floor.words import BadgeKind
from hardware.events import ReaderFound, ReaderNoise
from hardware.readers.frame import Alive, Frame
from hardware.readers.listening import Listening
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.presence import Presence
from hardware.readers.wiegand import WiegandParser
from tests.kit.frames import wiegand, wiegand_line


def test_a_badge_whose_frame_is_published() -> None:
    """Proxmark3's documentation reads the HID card 2006EC0C86 as 26 bits, facility 118, card 1603."""
    line = wiegand_line(26, 0x2006EC0C86 & (1 << 26) - 1)
    assert line == b"W26:2EC0C86*20\r\n"
    assert WiegandParser().receive_data(line) == [Frame(bytes([118]) + (1603).to_bytes(2, "big"))]


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"W26:2EC0C87*21\n", "a frame of 26 bits has a wrong parity"),
        (b"W26:2EC0C86*0B\n", "a line has a wrong checksum"),
        (wiegand_line(26, 0x2EC0C86 ^ (1 << 26) - 1), "a frame of 26 bits has a wrong parity"),
        (wiegand_line(26, 0x2EC0C86 | 1 << 26), "a frame of 26 bits has more bits than that"),
        (b"W34:2EC0C86*23\n", "a frame of 34 bits has a wrong number of digits"),
        (b"W4:C*17\n", "a line is neither ALIVE nor a frame of 26, 34 or 37 bits"),
        (b"W25:2EC0C86*09\n", "a line is neither ALIVE nor a frame of 26, 34 or 37 bits"),
        (b"W26:" + b"0" * 5000 + b"\n", "a line is too long"),
    ],
)
def test_what_is_no_frame_is_noise_and_a_good_frame_follows(line: bytes, detail: str) -> None:
    parser = WiegandParser()
    good = wiegand(b"\x01\x02\x03", 26)
    assert parser.receive_data(line + good) == [ReaderNoise(detail), Frame(b"\x01\x02\x03")]


def test_life_is_a_sign_and_an_empty_line_is_nothing() -> None:
    assert WiegandParser().receive_data(b"\r\n\nALIVE\r\nALIVE\n") == [Alive(), Alive()]


def test_a_microcontroller_is_found_by_what_it_says_and_lost_by_its_silence() -> None:
    talk = Listening(WiegandParser, Presence(BadgeKind.WIEGAND, 500), 10_000)
    assert talk.begin(0) == []
    assert talk.heard(b"garbage\n", 5_000) != [ReaderFound()]
    assert talk.due_ms == 10_000
    assert talk.waited(9_999) == []
    with pytest.raises(ReaderSilent):
        talk.waited(10_000)
    assert talk.begin(20_000) == []
    assert talk.heard(b"ALIVE\n", 21_000) == [ReaderFound()]
    assert talk.heard(b"ALIVE\n", 30_000) == []
    assert talk.due_ms == 40_000

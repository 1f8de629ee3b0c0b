from collections.abc import Iterator

import pytest

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped, ReaderEvent, ReaderFound, ReaderNoise
from hardware.readers.pn532 import ANSWER_MS, Pn532Talk
from hardware.readers.pn532_frames import Ack, Answer, Pn532Frames, Refusal, command
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.presence import Presence
from tests.kit.pn532_peer import SYNTAX_ERROR, Pn532Peer, frame

FOUR, SEVEN, TEN = (bytes.fromhex(uid) for uid in ("FB0EE20B", "04DE5F1EACC040", "88A1B2C3D4E5F6A7B8C9"))
REMOVAL_MS, POLL_MS = 500, 100


class Line:
    """A talk and a peer with a clock between them that only goes on when nothing is left to say."""

    def __init__(self) -> None:
        self.said = b""
        self.peer = Pn532Peer(self._say)
        self.now_ms = 0
        self.talk = Pn532Talk(Presence(BadgeKind.UID_13MHZ, REMOVAL_MS), POLL_MS)

    def _say(self, data: bytes) -> None:
        self.said += data

    def begin(self) -> None:
        assert self.talk.begin(self.now_ms) == []

    def until(self, at_ms: int) -> Iterator[ReaderEvent]:
        while self.now_ms < at_ms:
            self.peer.receive(self.talk.to_write())
            if self.said:
                said, self.said = self.said, b""
                yield from self.talk.heard(said, self.now_ms)
            else:
                self.now_ms = max(self.now_ms, min(self.talk.due_ms or 0, at_ms))
                yield from self.talk.waited(self.now_ms)


@pytest.fixture
def line() -> Line:
    line = Line()
    line.begin()
    assert list(line.until(50)) == [ReaderFound()]
    return line


def test_frames_as_they_were_published() -> None:
    """What others sent and got: NXP community, thread 474941, and a transcript with a MIFARE Classic S50."""
    assert command(0x4A, b"\x01\x00") == bytes.fromhex("00 00 FF 04 FC D4 4A 01 00 E1 00")
    assert command(0x02) == bytes.fromhex("00 00 FF 02 FE D4 02 2A 00")
    got = bytes.fromhex("0000FF00FF00 0000FF0CF4D54B01010004 0804FB0EE20BD800")
    assert Pn532Frames().receive_data(got) == [Ack(), Answer(0x4B, bytes.fromhex("01010004 0804FB0EE20B"))]
    assert Pn532Frames().receive_data(bytes.fromhex("0000FF02FED5151600")) == [Answer(0x15, b"")]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (bytes.fromhex("0000FF02FED5151700"), [ReaderNoise("a frame has a wrong checksum")]),
        (bytes.fromhex("0000FF02FDD5151600"), [ReaderNoise("a frame has a wrong length")]),
        (bytes.fromhex("0000FF02FED4022A00"), [ReaderNoise("a frame is no answer of a PN532")]),
        (bytes.fromhex("0000FF0000"), [ReaderNoise("a frame has a wrong length")]),
        (bytes.fromhex("0000FFFFFF0102FD"), [ReaderNoise("a frame has a wrong length")]),
        (b"\xaa" * 5000, [ReaderNoise("bytes outside a frame")]),
        (bytes(5000), []),
        (SYNTAX_ERROR, [Refusal()]),
        (bytes.fromhex("0000FFFF0000"), [Refusal()]),
    ],
)
def test_what_is_no_answer_is_told_once_and_a_good_one_follows(data: bytes, events: list[object]) -> None:
    assert Pn532Frames().receive_data(data + frame(b"\xd5\x15")) == [*events, Answer(0x15, b"")]


@pytest.mark.parametrize("uid", [FOUR, SEVEN, TEN])
def test_a_badge_that_stays_is_one_tap_and_one_removal(line: Line, uid: bytes) -> None:
    line.peer.badges.append(uid)
    assert list(line.until(10_000)) == [BadgeTapped(uid, BadgeKind.UID_13MHZ)]
    line.peer.badges.append(None)
    assert list(line.until(10_000 + REMOVAL_MS)) == []
    assert list(line.until(10_000 + REMOVAL_MS + 4 * POLL_MS)) == [BadgeRemoved(uid)]


def test_a_badge_that_is_missed_now_and_then_stays(line: Line) -> None:
    line.peer.badges += [FOUR, None, FOUR, None, None, None, FOUR] * 20
    assert list(line.until(10_000)) == [BadgeTapped(FOUR, BadgeKind.UID_13MHZ)]


def test_one_empty_poll_after_a_long_pause_removes_nothing(line: Line) -> None:
    line.peer.badges.append(FOUR)
    list(line.until(1_000))
    line.now_ms += 5_000  # whoever listens was busy, and nobody polled
    line.peer.badges.extendleft([None])
    assert list(line.until(9_000)) == []


def test_two_badges_that_are_found_by_turns_are_one_tap(line: Line) -> None:
    line.peer.badges += [SEVEN, FOUR] * 20 + [FOUR]
    assert list(line.until(4_000)) == [BadgeTapped(SEVEN, BadgeKind.UID_13MHZ)]
    assert list(line.until(20_000)) == [BadgeRemoved(SEVEN), BadgeTapped(FOUR, BadgeKind.UID_13MHZ)]


def test_a_number_that_changes_is_told_once_and_taps_nothing(line: Line) -> None:
    line.peer.badges += [bytes([0x08, 1, 2, number]) for number in range(50)]
    (noise,) = line.until(20_000)
    assert isinstance(noise, ReaderNoise)
    line.peer.badges += [None, bytes([0x08, 0, 0, 1])]
    assert list(line.until(21_000)) == [noise]


def test_what_was_disturbed_is_asked_again_and_removes_nothing(line: Line) -> None:
    line.peer.badges.append(FOUR)
    list(line.until(1_000))
    nonsense = [frame(b"\xd5\x4b" + body) for body in (b"", b"\x02", b"\x01\x01\x00\x04\x08\x05" + bytes(5))]
    line.peer.spoil += [frame(b"\xd5\x4b\x00")[:-2] + b"\x99\x00", SYNTAX_ERROR, *nonsense]
    events = list(line.until(10_000))
    assert len(events) >= 5
    assert all(isinstance(event, ReaderNoise) for event in events)
    line.peer.badges.append(None)
    assert list(line.until(11_000)) == [BadgeRemoved(FOUR)]


def test_one_that_hangs_is_woken_twice_then_lost_and_its_badge_is_not_removed_by_that(line: Line) -> None:
    line.peer.badges.append(FOUR)
    list(line.until(1_000))
    line.peer.hung = True
    heard: list[ReaderEvent] = []
    with pytest.raises(ReaderSilent):
        heard.extend(line.until(9_000))
    assert [type(event) for event in heard] == [ReaderNoise, ReaderNoise]
    assert line.now_ms <= 1_000 + POLL_MS + 3 * ANSWER_MS
    line.peer.hung = False
    line.peer.sleep()
    line.begin()
    assert list(line.until(5_000)) == [ReaderFound()]
    line.peer.badges.append(None)
    assert list(line.until(6_000)) == [BadgeRemoved(FOUR)]


def test_one_that_lost_its_power_shortly_is_woken_and_told(line: Line) -> None:
    line.peer.sleep()
    assert [type(event) for event in line.until(5_000)] == [ReaderNoise]
    line.peer.badges.append(SEVEN)
    assert list(line.until(6_000)) == [BadgeTapped(SEVEN, BadgeKind.UID_13MHZ)]


def test_another_chip_is_not_talked_with() -> None:
    line = Line()
    line.peer.chip = 0x07
    line.begin()
    with pytest.raises(ReaderSilent, match="no PN532"):
        list(line.until(1_000))


def test_it_is_woken_configured_and_polled_and_the_field_rests_after_each_badge(line: Line) -> None:
    rest = [b"\x32\x01\x00", b"\x32\x01\x01"]
    assert line.peer.commands[:5] == [b"\x14\x01", b"\x02", b"\x32\x05\xff\x01\x01", *rest]
    line.peer.badges.append(FOUR)
    line.peer.commands.clear()
    list(line.until(1_000))
    turn = [b"\x4a\x01\x00", *rest]
    assert line.peer.commands[1:7] == turn * 2  # the first poll found the field still empty

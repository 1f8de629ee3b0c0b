"""Badges that prove themselves at a PN532, in time that only goes on when nothing is left to say."""

from collections.abc import Iterator

import pytest

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped, ReaderEvent, ReaderFound, ReaderNoise
from hardware.readers.keys import BadgeKey
from hardware.readers.pn532 import Pn532Talk
from hardware.readers.presence import Presence
from tests.kit.pn532_peer import Pn532Peer
from tests.kit.software_cards import Desfire, Ntag424, UidCard

UID, FOUR = bytes.fromhex("04DE5F1EACC040"), bytes.fromhex("FB0EE20B")
KEY, OTHER = bytes([7] * 16), bytes([8] * 16)
REMOVAL_MS, POLL_MS = 500, 100
WEAK = BadgeTapped(UID, BadgeKind.UID_13MHZ)


class Keys:
    """Knows two badges."""

    def __init__(self, kind: BadgeKind) -> None:
        self.known = {UID: BadgeKey(kind, KEY), FOUR: BadgeKey(kind, KEY)}

    def key_of(self, uid: bytes) -> BadgeKey | None:
        return self.known.get(uid)


class Line:
    """A reader that trusts keys, and what lies on it."""

    def __init__(self, kind: BadgeKind = BadgeKind.NTAG424, sun: bool = False) -> None:
        self.said = b""
        self.peer = Pn532Peer(self._say)
        self.now_ms = 0
        self.talk = Pn532Talk(Presence(BadgeKind.UID_13MHZ, REMOVAL_MS), POLL_MS, sun)
        self.talk.trust(Keys(kind))
        self.talk.begin(0)
        assert list(self.until(50)) == [ReaderFound()]

    def _say(self, data: bytes) -> None:
        self.said += data

    def lay(self, card: UidCard) -> None:
        self.peer.cards[card.uid] = card
        self.peer.badges.append(card.uid)

    def until(self, at_ms: int) -> Iterator[ReaderEvent]:
        while self.now_ms < at_ms:
            self.peer.receive(self.talk.to_write())
            if self.said:
                said, self.said = self.said, b""
                yield from self.talk.heard(said, self.now_ms)
            else:
                self.now_ms = max(self.now_ms, min(self.talk.due_ms or 0, at_ms))
                yield from self.talk.waited(self.now_ms)


def test_an_ntag_424_is_tapped_once_as_proven_and_removed_once() -> None:
    line, card = Line(), Ntag424(UID, {1: KEY})
    line.lay(card)
    assert list(line.until(5_000)) == [BadgeTapped(UID, BadgeKind.NTAG424)]
    assert len(card.sessions) == 1
    line.peer.badges.append(None)
    assert list(line.until(6_000)) == [BadgeRemoved(UID)]
    line.peer.badges.append(UID)
    assert list(line.until(7_000)) == [BadgeTapped(UID, BadgeKind.NTAG424)]
    assert len(card.sessions) == 2


def test_a_desfire_is_proven() -> None:
    line = Line(BadgeKind.DESFIRE)
    line.lay(Desfire(UID, {1: KEY}))
    assert list(line.until(1_000)) == [BadgeTapped(UID, BadgeKind.DESFIRE)]


def test_a_message_is_read_in_frames_that_a_pn532_carries() -> None:
    line, card = Line(sun=True), Ntag424(UID, {1: KEY})
    card.declines = True
    line.lay(card)
    assert list(line.until(1_000)) == [BadgeTapped(UID, BadgeKind.NTAG424, 1)]
    assert max(map(len, line.peer.commands)) <= 64


@pytest.mark.parametrize("card", [Ntag424(UID, {1: OTHER}), Desfire(UID, {1: KEY}), UidCard(UID)])
def test_one_that_does_not_prove_itself_is_tapped_once_as_what_it_is(card: UidCard) -> None:
    line = Line()
    line.lay(card)
    noise, tap = line.until(5_000)
    assert isinstance(noise, ReaderNoise)
    assert "did not prove itself" in noise.detail
    assert tap == WEAK


def test_a_memory_card_with_the_uid_of_a_known_badge_is_weak() -> None:
    line, card = Line(), UidCard(FOUR)
    line.lay(card)
    noise, tap = line.until(5_000)
    assert card.asked == []
    assert isinstance(noise, ReaderNoise)
    assert tap == BadgeTapped(FOUR, BadgeKind.UID_13MHZ)


def test_a_badge_of_which_no_key_is_known_is_not_talked_with() -> None:
    line, card = Line(), Ntag424(bytes.fromhex("04958CAA5C5E80"), {1: KEY})
    line.lay(card)
    assert list(line.until(1_000)) == [BadgeTapped(card.uid, BadgeKind.UID_13MHZ)]
    assert card.asked == []


@pytest.mark.parametrize("torn", [1, 2])
def test_one_that_is_not_held_still_is_asked_again_before_it_is_told(torn: int) -> None:
    line = Line()
    line.lay(Ntag424(UID, {1: KEY}))
    line.peer.torn = torn
    assert list(line.until(2_000)) == [BadgeTapped(UID, BadgeKind.NTAG424)]


def test_one_that_stays_silent_is_weak_after_three_attempts() -> None:
    line = Line()
    line.lay(Ntag424(UID, {1: KEY}))
    line.peer.torn = 3
    noise, tap = line.until(2_000)
    assert isinstance(noise, ReaderNoise)
    assert tap == WEAK


def test_one_that_leaves_within_its_proof_is_told_as_not_proven() -> None:
    line = Line()
    line.lay(Ntag424(UID, {1: KEY}))
    line.peer.torn = 1
    line.peer.badges.append(None)
    noise, *rest = line.until(4_000)
    assert isinstance(noise, ReaderNoise)
    assert rest == [WEAK, BadgeRemoved(UID)]


def test_another_badge_in_the_place_of_one_that_left_within_its_proof_counts() -> None:
    line = Line()
    line.lay(Ntag424(UID, {1: KEY}))
    line.peer.torn = 1
    line.lay(UidCard(bytes.fromhex("0BADC0DE")))
    assert list(line.until(4_000)) == [BadgeTapped(bytes.fromhex("0BADC0DE"), BadgeKind.UID_13MHZ)]


def test_a_chip_that_hangs_within_a_proof_is_woken_and_the_badge_asked_again() -> None:
    line, card = Line(), Ntag424(UID, {1: KEY})
    line.lay(card)
    line.peer.hangs_within = True
    noise, tap = line.until(5_000)
    assert noise == ReaderNoise("a command was not answered; the PN532 is woken again")
    assert tap == BadgeTapped(UID, BadgeKind.NTAG424)

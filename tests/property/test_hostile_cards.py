"""Whatever a card replies: nothing is raised, the talk ends soon, and nobody is proven who lacks the key."""

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.words import BadgeKind
from hardware.events import BadgeTapped
from hardware.readers.cards.message import read_message
from hardware.readers.cards.proof import (
    MOST_EXCHANGES,
    NotProven,
    Proof,
    Proven,
    Unproven,
    Verdict,
)
from hardware.readers.keys import BadgeKey
from hardware.readers.pn532 import Pn532Talk
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.presence import Presence
from hardware.readers.proving import begin_proof
from tests.kit.pn532_peer import frame, listed
from tests.kit.software_cards import Desfire, Ntag424

UID = bytes.fromhex("04DE5F1EACC040")
KEY = bytes(range(16))
LONGEST_COMMAND = 64
"""Every reader carries as many bytes."""

KINDS = st.sampled_from([BadgeKind.NTAG424, BadgeKind.DESFIRE])
KEYS = st.binary(min_size=16, max_size=16)
STATUS = st.sampled_from([b"\x90\x00", b"\x91\x00", b"\x91\xaf", b"\x91\xae", b"\x6a\x82"])
SIZES = st.sampled_from([0, 1, 2, 15, 16, 17, 31, 32, 33, 120])
DATA = SIZES.flatmap(lambda size: st.binary(min_size=size, max_size=size))
REPLIES = st.none() | st.binary(max_size=300) | st.builds(lambda data, status: data + status, DATA, STATUS)

Card = Callable[[bytes], bytes | None]


def talk(proof: Proof, card: Card) -> Verdict:
    step, exchanges = proof.step(), 0
    while isinstance(step, bytes):
        exchanges += 1
        assert exchanges <= MOST_EXCHANGES
        assert 4 <= len(step) <= LONGEST_COMMAND
        step = proof.step(card(step))
    return step


def begun(kind: BadgeKind, key: bytes, sun: bool = True) -> Proof:
    return begin_proof(UID, BadgeKey(kind, key, key), os.urandom, sun)


def card_of(kind: BadgeKind, key: bytes) -> Ntag424 | Desfire:
    return (Ntag424 if kind is BadgeKind.NTAG424 else Desfire)(UID, {1: key})


@given(KINDS, st.booleans(), st.lists(REPLIES, max_size=MOST_EXCHANGES))
def test_arbitrary_replies_prove_nothing(kind: BadgeKind, sun: bool, replies: list[bytes | None]) -> None:
    left = iter(replies)
    assert isinstance(talk(begun(kind, KEY, sun), lambda _: next(left, None)), NotProven)


@given(KINDS, st.lists(REPLIES, min_size=1, max_size=4), st.integers(0, 8))
def test_a_good_card_that_turns_hostile_proves_nothing_by_what_it_says_then(
    kind: BadgeKind, replies: list[bytes | None], after: int
) -> None:
    """It may have proven itself before: then it was the good card."""
    card, left, exchanges = card_of(kind, KEY), iter(replies), iter(range(100))
    verdict = talk(
        begun(kind, KEY), lambda apdu: card.apdu(apdu) if next(exchanges) < after else next(left, None)
    )
    assert isinstance(verdict, NotProven) or bool(card.sessions)


@pytest.mark.parametrize("declines", [False, True])
@given(kind=KINDS, right=KEYS, wrong=KEYS)
def test_a_wrong_key_never_proves(declines: bool, kind: BadgeKind, right: bytes, wrong: bytes) -> None:
    card = card_of(kind, right)
    card.declines = declines and kind is BadgeKind.NTAG424
    assert isinstance(talk(begun(kind, wrong), card.apdu), Proven) is (right == wrong)


@given(KINDS, KEYS)
def test_a_transcript_that_is_played_again_never_proves(kind: BadgeKind, key: bytes) -> None:
    card = card_of(kind, key)
    assert talk(begun(kind, key, sun=False), card.apdu) == Proven()
    played = iter(card.answered)
    assert isinstance(talk(begun(kind, key, sun=False), lambda _: next(played, None)), NotProven)


@given(KINDS, KEYS, st.integers(0, 400))
def test_one_flipped_bit_of_an_authentication_never_proves(kind: BadgeKind, key: bytes, bit: int) -> None:
    """The capabilities that close the last reply say nothing that is relied upon: the bits before them do."""
    card = card_of(kind, key)

    def flipping(apdu: bytes) -> bytes:
        reply = bytearray(card.apdu(apdu))
        if len(reply) > 16 and bit // 8 < 16:
            reply[bit // 8] ^= 1 << bit % 8
        return bytes(reply)

    flips = bit // 8 < 16
    assert isinstance(talk(begun(kind, key, sun=False), flipping), NotProven) is flips


class Keys:
    """Trusts every badge to be an NTAG 424."""

    def key_of(self, uid: bytes) -> BadgeKey:
        return BadgeKey(BadgeKind.NTAG424, KEY, KEY)


EXCHANGED = st.builds(lambda status, reply: b"\xd5\x41" + status + reply, st.binary(max_size=2), st.binary())
ANSWERS = st.sampled_from([b"\xd5\x4b" + listed(UID), b"\xd5\x4b\x00", b"\xd5\x33"])
FRAMES = (EXCHANGED | ANSWERS).map(frame)
AWAKE = [
    frame(one) for one in (b"\xd5\x15", b"\xd5\x03\x32\x01\x06\x07", b"\xd5\x33", b"\xd5\x33", b"\xd5\x33")
]


@given(st.lists(FRAMES | st.sampled_from([frame(b"\xd5\x4b" + listed(UID))]), max_size=30), st.booleans())
def test_a_pn532_that_says_anything_at_any_time_proves_nobody(pieces: list[bytes], sun: bool) -> None:
    talk = Pn532Talk(Presence(BadgeKind.UID_13MHZ, 500), 100, sun)
    talk.trust(Keys())
    talk.begin(0)
    for turn, piece in enumerate([*AWAKE, *pieces]):
        try:
            events = talk.heard(piece, 150 * turn) + talk.waited(150 * turn)
        except ReaderSilent:
            talk.begin(150 * turn)
            continue
        assert len(talk.to_write()) <= LONGEST_COMMAND + 11
        for event in events:
            assert not isinstance(event, BadgeTapped) or event.kind is BadgeKind.UID_13MHZ


VALUES = st.text("0123456789abcdefABCDEF&=?#xm", max_size=40)
NAMES = st.sampled_from(["u", "c", "m", "e", "enc", "cmac", "picc_data"])
PARTS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
QUERIES = PARTS.map(lambda parts: "&".join(f"{name}={value}" for name, value in parts).encode())
RECORDS = QUERIES.map(lambda query: bytes([0xD1, 1, (len(query) + 5) & 0xFF]) + b"U\x04a/b?" + query)


@given(st.binary(max_size=300) | RECORDS, st.none() | KEYS)
def test_any_bytes_are_a_message_or_unproven(ndef: bytes, meta_key: bytes | None) -> None:
    try:
        said = read_message(ndef, meta_key)
    except Unproven:
        return
    assert (len(said.picc.uid), len(said.mac)) == (7, 8)

"""Whatever a card replies to its writer: nothing is raised, it ends soon, and no lie counts as written."""

import os
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.readers.cards import write_desfire, write_ntag424
from hardware.readers.cards.proof import Proven
from hardware.readers.cards.template import template
from hardware.readers.cards.writing import MOST_EXCHANGES, KeySet, NotWritten, Writing, factory_keys
from tests.kit.writable_cards import WritableDesfire, WritableNtag424

UID = bytes.fromhex("04DE5F1EACC040")
ADDRESS = template("https://floor.example.org/b?u=00000000000000&c=000000&m=0000000000000000")
NEW = KeySet(1, tuple(bytes([number] * 16) for number in range(1, 6)))

IS_NTAG = st.booleans()
STATUS = st.sampled_from([b"\x90\x00", b"\x91\x00", b"\x91\xaf", b"\x91\xae", b"\x91\xa0", b"\x91\x1e"])
SIZES = st.sampled_from([0, 1, 2, 8, 15, 16, 17, 24, 32, 40, 120])
DATA = SIZES.flatmap(lambda size: st.binary(min_size=size, max_size=size))
REPLIES = st.none() | st.binary(max_size=300) | st.builds(lambda data, status: data + status, DATA, STATUS)


def begun(is_ntag: bool) -> Writing:
    if is_ntag:
        return Writing(write_ntag424.write(UID, ADDRESS, NEW, [factory_keys(5)], os.urandom))
    return Writing(write_desfire.write(UID, KeySet(1, NEW.keys[:2]), [factory_keys(2)], os.urandom))


def blank(is_ntag: bool) -> WritableNtag424 | WritableDesfire:
    return WritableNtag424(UID) if is_ntag else WritableDesfire(UID)


def talk(writing: Writing, card: Callable[[bytes], bytes | None]) -> Proven | NotWritten:
    step, exchanges = writing.step(), 0
    while isinstance(step, bytes):
        exchanges += 1
        assert exchanges <= MOST_EXCHANGES
        assert 4 <= len(step) <= 64
        step = writing.step(card(step))
    return step


@given(IS_NTAG, st.lists(REPLIES, max_size=20), REPLIES)
def test_arbitrary_replies_write_nothing(
    is_ntag: bool, replies: list[bytes | None], ever: bytes | None
) -> None:
    left = iter(replies)
    assert isinstance(talk(begun(is_ntag), lambda _: next(left, ever)), NotWritten)


@settings(max_examples=60)
@given(IS_NTAG, st.integers(0, 40), st.lists(REPLIES, min_size=1, max_size=4))
def test_a_card_that_turns_hostile_is_completed_afterwards_or_was_not_hurt(
    is_ntag: bool, after: int, lies: list[bytes | None]
) -> None:
    """Lies in place of some answers, while the card did what it was told: another run finds it as it is."""
    card, turn = blank(is_ntag), iter(range(MOST_EXCHANGES + 1))

    def lying(apdu: bytes) -> bytes | None:
        reply, at = card.apdu(apdu), next(turn)
        return lies[at - after] if after <= at < after + len(lies) else reply

    verdict = talk(begun(is_ntag), lying)
    if isinstance(verdict, Proven):
        assert tuple(card.keys.values()) == NEW.keys[: len(card.keys)]
    card.power_on()
    assert isinstance(talk(begun(is_ntag), card.apdu), Proven)


@settings(max_examples=60)
@given(IS_NTAG, st.integers(0, 60), st.integers(0, 400))
def test_one_flipped_bit_is_never_taken_for_a_key_that_was_written(is_ntag: bool, at: int, bit: int) -> None:
    card, turn = blank(is_ntag), iter(range(MOST_EXCHANGES + 1))

    def flipping(apdu: bytes) -> bytes:
        reply = bytearray(card.apdu(apdu))
        if next(turn) == at and bit // 8 < len(reply):
            reply[bit // 8] ^= 1 << bit % 8
        return bytes(reply)

    if isinstance(talk(begun(is_ntag), flipping), Proven):
        assert tuple(card.keys.values()) == NEW.keys[: len(card.keys)]
    card.power_on()
    assert isinstance(talk(begun(is_ntag), card.apdu), Proven)

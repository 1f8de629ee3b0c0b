"""Badges that prove themselves, by the figures that their maker published and by cards in software."""

from collections.abc import Callable, Iterator

import pytest
from desfire import DESFire, DESFireKey
from desfire.exceptions import DESFireAuthException, DESFireCommunicationError

from floor.sun import PiccData, sun_proves
from floor.words import BadgeKind
from hardware.readers.cards.ev2 import Session, authenticate_first
from hardware.readers.cards.message import Message, read_message
from hardware.readers.cards.proof import MOST_EXCHANGES, NotProven, Proof, Proven, Unproven, Verdict
from hardware.readers.keys import BadgeKey
from hardware.readers.proving import begin_proof
from tests.kit.software_cards import Desfire, Ntag424, UidCard

ZERO = bytes(16)
UID = bytes.fromhex("04DE5F1EACC040")
KEY, OTHER, META = (bytes([number] * 16) for number in (7, 8, 9))


def fixed(_: int) -> bytes:
    return bytes.fromhex("13C5DB8A5930439FC3DEF9A4C675360F")


def talk(proof: Proof, card: Callable[[bytes], bytes | None]) -> Verdict:
    step = proof.step()
    while isinstance(step, bytes):
        step = proof.step(card(step))
    return step


def ntag(sun: bool = False, key: bytes = KEY, meta_key: bytes | None = None) -> Proof:
    return begin_proof(UID, BadgeKey(BadgeKind.NTAG424, key, meta_key), fixed, sun)


def desfire(key: bytes = KEY) -> Proof:
    return begin_proof(UID, BadgeKey(BadgeKind.DESFIRE, key), fixed)


def record(url: str) -> bytes:
    return bytes([0xD1, 1, len(url) + 1]) + b"U\x04" + url.encode()


def test_the_authentication_that_its_maker_published() -> None:
    """AN12196, AuthenticateEV2First with key 0: APDUs, TI and the session's keys are those of its table."""
    steps = authenticate_first(ZERO, 0, fixed)
    assert steps.send(None) == bytes.fromhex("9071000005000300000000")
    sent = steps.send(bytes.fromhex("A04C124213C186F22399D33AC2A3021591AF"))
    assert sent == bytes.fromhex(
        "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00"
    )
    with pytest.raises(StopIteration) as done:
        steps.send(bytes.fromhex("3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100"))
    assert done.value.value == Session(
        bytes.fromhex("9D00C4DF"),
        bytes.fromhex("1309C877509E5A215007FF0ED19CA564"),
        bytes.fromhex("4C6626F5E72EA694202139295C7A7FC7"),
    )


def test_the_messages_that_its_maker_published() -> None:
    """AN12196: encrypted PICC data with a MAC over nothing, and one whose MAC covers the file data."""
    first = read_message(
        record("a.example/?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086"), ZERO
    )
    assert first == Message(PiccData(UID, 61), bytes.fromhex("94EED9EE65337086"))
    second = read_message(
        record(
            "a.example/?picc_data=FD91EC264309878BE6345CBE53BADF40"
            "&enc=CEE9A53E3E463EF1F459635736738962&cmac=ECC1E7F6C6C73BF6"
        ),
        ZERO,
    )
    assert second.picc == PiccData(bytes.fromhex("04958CAA5C5E80"), 8)
    assert second.covered == b"CEE9A53E3E463EF1F459635736738962&cmac="
    assert all(sun_proves(ZERO, one.picc, one.mac, one.covered) for one in (first, second))


def test_a_message_in_plain() -> None:
    url = "a.example/b?u=04DE5F1EACC040&c=00003D&m=94EED9EE65337086#end"
    assert read_message(record(url), None) == Message(PiccData(UID, 61), bytes.fromhex("94EED9EE65337086"))


@pytest.mark.parametrize(
    "ndef",
    [
        b"",
        record("a.example/b"),
        record("a.example/b?u=04DE5F1EACC040&c=00003D"),
        record("a.example/b?u=04DE5F1EACC040&c=3D&m=94EED9EE65337086"),
        record("a.example/b?u=04DE5F1EACC0&c=00003D&m=94EED9EE65337086"),
        record("a.example/b?u=xyDE5F1EACC040&c=00003D&m=94EED9EE65337086"),
        record("a.example/b?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086"),
        b"\xd1\x01\x05T\x02en..",
    ],
)
def test_what_is_no_message_is_refused(ndef: bytes) -> None:
    with pytest.raises(Unproven):
        read_message(ndef, None)


def test_an_ntag_424_authenticates_and_its_session_is_ours() -> None:
    card = Ntag424(UID, {0: OTHER, 1: KEY})
    assert talk(ntag(), card.apdu) == Proven()
    assert len(card.sessions) == 1
    assert not card.counter


def test_both_sides_of_an_authentication_have_the_same_session() -> None:
    card = Ntag424(UID, {1: KEY})
    card.apdu(bytes.fromhex("00A4040C07D276000085010100"))
    steps = authenticate_first(KEY, 1, fixed)
    last = card.apdu(steps.send(card.apdu(steps.send(None))))
    with pytest.raises(StopIteration) as done:
        steps.send(last)
    session = done.value.value
    assert [(session.transaction, session.encryption_key, session.mac_key)] == card.sessions


@pytest.mark.parametrize("meta", [None, 2])
def test_one_that_declines_authentication_proves_itself_by_its_message_where_that_is_allowed(
    meta: int | None,
) -> None:
    card = Ntag424(UID, {1: KEY, 2: META}, meta)
    card.declines = True
    assert isinstance(talk(ntag(), card.apdu), NotProven)
    assert card.counter == 0
    assert [talk(ntag(sun=True, meta_key=META), card.apdu) for _ in range(3)] == [
        Proven(1),
        Proven(2),
        Proven(3),
    ]


def test_an_encrypted_message_without_its_key_proves_nothing() -> None:
    card = Ntag424(UID, {1: KEY, 2: META}, meta=2)
    card.declines = True
    assert talk(ntag(sun=True), card.apdu) == NotProven(
        "the badge's message is encrypted, and the key for it is not known here"
    )


def test_a_message_of_another_badge_with_the_same_key_proves_nothing() -> None:
    card = Ntag424(bytes.fromhex("04958CAA5C5E80"), {1: KEY})
    card.declines = True
    assert talk(ntag(sun=True), card.apdu) == NotProven("the badge's message is of another badge")


def test_a_desfire_authenticates() -> None:
    assert talk(desfire(), Desfire(UID, {0: OTHER, 1: KEY}).apdu) == Proven()


@pytest.mark.parametrize("proof", [ntag, desfire])
def test_a_badge_without_the_key_proves_nothing(proof: Callable[..., Proof]) -> None:
    for card in (Ntag424(UID, {1: OTHER}), Desfire(UID, {1: OTHER}), UidCard(UID)):
        verdict = talk(proof(), card.apdu)
        assert isinstance(verdict, NotProven)
        assert verdict.reason
        assert not verdict.silent


def test_a_weak_kind_proves_nothing() -> None:
    proof = begin_proof(UID, BadgeKey(BadgeKind.PHONE, KEY), fixed)
    assert isinstance(proof.step(), NotProven)


def test_a_silent_card_is_said_to_be_silent_at_every_step() -> None:
    for steps in range(3):
        card = Ntag424(UID, {1: KEY})
        answers: Iterator[bool] = iter([True] * steps + [False])
        verdict = talk(ntag(sun=True), lambda apdu, a=answers, c=card: c.apdu(apdu) if next(a) else None)
        assert verdict == NotProven("the card fell silent", silent=True)


@pytest.mark.parametrize("after", range(1, 3))
@pytest.mark.parametrize("size", [0, 1, 15, 17, 31, 33, 48])
def test_a_reply_of_another_size_proves_nothing_at_any_step(after: int, size: int) -> None:
    card, replies = Ntag424(UID, {1: KEY}), iter(range(10))

    def spoiling(apdu: bytes) -> bytes:
        reply = card.apdu(apdu)
        return bytes(size) + reply[-2:] if next(replies) == after else reply

    assert talk(ntag(), spoiling) == NotProven(f"the card sent {size} bytes in place of {16 * after}")


def test_a_talk_ends_after_so_many_exchanges() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b""

    asked: list[bytes] = []
    verdict = talk(Proof(endless()), lambda apdu: (asked.append(apdu), b"\x90\x00")[1])
    assert verdict == NotProven("the card talks on and on")
    assert len(asked) == MOST_EXCHANGES


class Oracle:
    """Another's library at our card in software."""

    def __init__(self, card: Desfire) -> None:
        self.transceive = card.bare


@pytest.mark.parametrize(("key", "proves"), [(KEY, True), (OTHER, False)])
def test_anothers_library_and_ours_agree_on_the_card(key: bytes, proves: bool) -> None:
    """python-desfire 0.1.5 selects the same application and authenticates by AuthenticateAES of EV1."""
    card = Desfire(UID, {0: META, 1: KEY})
    theirs = DESFire(Oracle(card))
    theirs.select_application([0x46, 0x4B, 0x4D])
    settings = theirs.get_key_setting()
    if proves:
        theirs.authenticate(1, DESFireKey(settings, list(key)))
        assert theirs.is_authenticated
    else:
        with pytest.raises((DESFireAuthException, DESFireCommunicationError)):
            theirs.authenticate(1, DESFireKey(settings, list(key)))
    assert isinstance(talk(desfire(key), card.apdu), Proven) is proves

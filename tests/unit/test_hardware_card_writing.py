"""Badges that are written: the figures that their maker published; cards in software, cut off anywhere."""

import os
from collections.abc import Callable
from itertools import count

import pytest
from desfire import DESFire, DESFireKey

from floor.badge_keys import DESFIRE_AID
from hardware.readers.cards import write_desfire, write_ntag424
from hardware.readers.cards.ev2 import Session
from hardware.readers.cards.proof import Proven, Steps, Unproven
from hardware.readers.cards.secure import Channel
from hardware.readers.cards.template import template
from hardware.readers.cards.writing import MOST_EXCHANGES, KeySet, NotWritten, Writing, factory_keys
from tests.kit.writable_cards import WritableDesfire, WritableNtag424

UID, OTHER_UID = bytes.fromhex("04DE5F1EACC040"), bytes.fromhex("04958CAA5C5E80")
ADDRESS = "https://floor.example.org/b?u=00000000000000&c=000000&m=0000000000000000"
NEW = KeySet(2, tuple(bytes([number] * 16) for number in range(0x20, 0x25)))
OLD = KeySet(1, tuple(bytes([number] * 16) for number in range(0x10, 0x15)))
FOREIGN = KeySet(1, tuple(bytes([number] * 16) for number in range(0x30, 0x35)))
NTAG, DESFIRE = "ntag424", "desfire"

Card = WritableNtag424 | WritableDesfire
Air = Callable[[bytes], bytes | None]


def two(keys: KeySet) -> KeySet:
    return KeySet(keys.version, keys.keys[:2])


def writing(kind: str, new: KeySet = NEW, old: KeySet | None = None, uid: bytes = UID) -> Writing:
    if kind == NTAG:
        earlier = [*([old] if old else []), factory_keys(5)]
        return Writing(write_ntag424.write(uid, template(ADDRESS), new, earlier, os.urandom))
    earlier = [*([two(old)] if old else []), factory_keys(2)]
    return Writing(write_desfire.write(uid, two(new), earlier, os.urandom))


def blank(kind: str) -> Card:
    return WritableNtag424(UID) if kind == NTAG else WritableDesfire(UID)


def talk(begun: Writing, air: Air) -> Proven | NotWritten:
    step, exchanges = begun.step(), 0
    while isinstance(step, bytes):
        exchanges += 1
        assert exchanges <= MOST_EXCHANGES
        assert 4 <= len(step) <= 64
        step = begun.step(air(step))
    return step


def holds(card: Card, keys: KeySet) -> bool:
    wanted = keys.keys[: len(card.keys)]
    same = tuple(card.keys.values()) == wanted and set(card.versions.values()) == {keys.version}
    return same and bool(card.keys)


def run(steps: Steps[object], *replies: str) -> tuple[list[str], object]:
    """The commands that these steps send, and what they return."""
    sent, reply, left = [], None, iter(replies)
    while True:
        try:
            sent.append(steps.send(reply).hex().upper())
        except StopIteration as done:
            return sent, done.value
        reply = bytes.fromhex(next(left))


SETTLED = Session(
    bytes.fromhex("9D00C4DF"),
    bytes.fromhex("1309C877509E5A215007FF0ED19CA564"),
    bytes.fromhex("4C6626F5E72EA694202139295C7A7FC7"),
)
KEYED = Session(
    bytes.fromhex("7614281A"),
    bytes.fromhex("4CF3CB41A22583A61E89B158D252FC53"),
    bytes.fromhex("5529860B2FC5FB6154B7F28361D30BF9"),
)


def test_the_change_of_settings_that_its_maker_published() -> None:
    """AN12196, ChangeFileSettings: the command, and the answer's signature."""
    steps = Channel(SETTLED, 0, 1).full(0x5F, b"\x02", bytes.fromhex("4000E0C1F121200000430000430000"))
    assert run(steps, "57BFF87B1241E93D9100") == (
        ["905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400"],
        b"",
    )


def test_the_changes_of_keys_that_its_maker_published() -> None:
    """AN12196, ChangeKey, both cases in one session: of key 2, and of key 0 that the session is of."""
    channel = Channel(KEYED, 0, 2)
    new = bytes.fromhex("F3847D627727ED3BC9C4CC050489B966")
    sent, _ = run(channel.change_key(2, bytes(16), new, 1), "203BB55D1089D5879100")
    assert sent == [
        "90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600"
    ]
    new = bytes.fromhex("5004BF991F408672B1EF00F08F9E8647")
    sent, _ = run(channel.change_key(0, bytes(16), new, 1), "9100")
    assert sent == [
        "90C400002900C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED643200"
    ]


def test_the_uid_that_its_maker_published() -> None:
    """AN12196, GetCardUID: the answer is encrypted and signed."""
    session = Session(
        bytes.fromhex("DF055522"),
        bytes.fromhex("2B4D963C014DC36F24F69A50A394F875"),
        bytes.fromhex("379D32130CE61705DD5FD8C36B95D764"),
    )
    reply = "70756055688505B52A5E26E59E329CD6595F672298EA41B79100"
    assert run(Channel(session, 0).uid(), reply) == (["90510000088E2C155ADDA99BE300"], OTHER_UID)


@pytest.mark.parametrize("bit", [0, 63])
def test_an_answer_that_is_not_signed_is_none(bit: int) -> None:
    signed = bytearray.fromhex("57BFF87B1241E93D")
    signed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unproven, match="not signed"):
        run(Channel(SETTLED, 0, 1).full(0x5F, b"\x02", b"?"), signed.hex() + "9100")


@pytest.mark.parametrize("kind", [NTAG, DESFIRE])
def test_a_badge_from_the_factory_is_written_and_proves_it(kind: str) -> None:
    card = blank(kind)
    assert talk(writing(kind), card.apdu) == Proven(1 if kind == NTAG else None)
    assert holds(card, NEW)
    assert not card.wrong_keys


def test_what_is_written_is_what_the_documents_say() -> None:
    card = WritableNtag424(UID)
    talk(writing(NTAG), card.apdu)
    assert card.settings.hex() == "4000e0"
    assert card.sdm[:3].hex() == "c1f1e1"
    assert b"U\x04floor.example.org/b?u=04DE5F1EACC040&c=000001&m=" in card.read()
    desfire = WritableDesfire(UID)
    talk(writing(DESFIRE), desfire.apdu)
    assert (desfire.made, desfire.settings.hex()) == (DESFIRE_AID, "0b82")


@pytest.mark.parametrize("kind", [NTAG, DESFIRE])
def test_a_badge_that_is_written_already_is_written_again(kind: str) -> None:
    card = blank(kind)
    for _ in range(3):
        assert isinstance(talk(writing(kind), card.apdu), Proven)
    assert holds(card, NEW)


@pytest.mark.parametrize("kind", [NTAG, DESFIRE])
def test_one_with_earlier_keys_needs_them(kind: str) -> None:
    card = blank(kind)
    talk(writing(kind, OLD), card.apdu)
    card.written.clear()
    refused = talk(writing(kind), card.apdu)
    assert refused == NotWritten("the badge has another key 0: neither the old one nor the new one", False)
    assert not card.written
    assert holds(card, OLD)
    assert isinstance(talk(writing(kind, NEW, OLD), card.apdu), Proven)
    assert holds(card, NEW)


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("old", [None, OLD])
@pytest.mark.parametrize("kind", [NTAG, DESFIRE])
def test_a_badge_that_is_taken_away_at_any_step_is_completed_by_a_second_run(
    kind: str, old: KeySet | None, done: bool
) -> None:
    """`done`: the badge did what the last command said, and its answer was lost."""
    for steps in count():
        card, turns = blank(kind), count()
        if old:
            talk(writing(kind, old), card.apdu)

        def leaving(
            apdu: bytes, card: Card = card, turns: "count[int]" = turns, last: int = steps
        ) -> bytes | None:
            turn = next(turns)
            reply = card.apdu(apdu) if turn < last or (done and turn == last) else None
            return None if turn >= last else reply

        card.written.clear()
        verdict = talk(writing(kind, NEW, old), leaving)
        if isinstance(verdict, Proven):
            assert steps > 10
            return
        assert verdict.reason == "the card fell silent"
        assert verdict.begun or not card.written
        is_proven = bool(card.keys) and card.keys[1] == NEW.keys[1]
        assert holds(card, NEW) or not is_proven
        card.power_on()
        assert isinstance(talk(writing(kind, NEW, old), card.apdu), Proven), steps
        assert holds(card, NEW)


@pytest.mark.parametrize("kind", [NTAG, DESFIRE])
def test_nothing_is_written_on_a_badge_that_says_it_is_another(kind: str) -> None:
    card = blank(kind)
    if isinstance(card, WritableDesfire):
        card.create(DESFIRE_AID, b"\x0b\x82")
    card.real_uid = OTHER_UID
    refused = talk(writing(kind), card.apdu)
    assert refused == NotWritten("the badge says that its UID is another one", False)
    assert not card.written


def test_an_application_of_others_is_left_alone() -> None:
    for settings in (b"\x0f\x82", b"\x0b\x85", b"\x0b\x02"):
        card = WritableDesfire(UID)
        card.create(DESFIRE_AID, settings)
        refused = talk(writing(DESFIRE), card.apdu)
        assert isinstance(refused, NotWritten)
        assert not refused.begun
        assert "not of Makerfloor" in refused.reason
        assert not card.written


def test_a_card_that_wants_its_own_master_key_is_told_of() -> None:
    refused = talk(writing(DESFIRE), WritableDesfire(UID, closed=True).apdu)
    assert isinstance(refused, NotWritten)
    assert "wants its own master key" in refused.reason
    assert not refused.begun


def test_a_badge_of_the_other_kind_is_refused() -> None:
    for kind, other in ((NTAG, DESFIRE), (DESFIRE, NTAG)):
        card = blank(other)
        refused = talk(writing(kind), card.apdu)
        assert isinstance(refused, NotWritten)
        assert not refused.begun
        assert not card.written


def test_a_badge_that_makes_its_reader_wait_is_not_taken_for_another() -> None:
    """NT4H2421Gx, table 22: 91AD, authentication delay, after too many wrong keys."""
    card = WritableNtag424(UID)
    verdict = talk(writing(NTAG), lambda apdu: b"\x91\xad" if apdu[1] == 0x71 else card.apdu(apdu))
    assert verdict == NotWritten("the card refused with status 91AD", False)


def test_no_key_is_ever_shown() -> None:
    assert NEW.keys[0].hex() not in repr(NEW)
    assert repr(NEW.keys[0]) not in repr(NEW)


class Oracle:
    """Another's library at our card in software."""

    def __init__(self, card: WritableDesfire) -> None:
        self.transceive = card.bare


def test_anothers_library_finds_the_application_and_its_keys() -> None:
    """python-desfire 0.1.5: the settings, and AuthenticateAES with both keys."""
    card = WritableDesfire(UID)
    talk(writing(DESFIRE), card.apdu)
    theirs = DESFire(Oracle(card))
    theirs.select_application([0x46, 0x4B, 0x4D])
    settings = theirs.get_key_setting()
    for number in (0, 1):
        theirs.select_application([0x46, 0x4B, 0x4D])
        theirs.authenticate(number, DESFireKey(settings, list(NEW.keys[number])))
        assert theirs.is_authenticated


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "begins with"),
        ("ftp://floor.example.org/b?u=00000000000000", "begins with"),
        ("https://floor.example.org/ü", "ASCII"),
        ("https://floor.example.org/b", "names a server"),
        ("https:///?" + ADDRESS.partition("?")[2], "names a server"),
        (ADDRESS + "#end", "no #"),
        (ADDRESS.replace("u=0", "u=1"), "no u= with 14 zeros"),
        (ADDRESS.replace("&c=000000", ""), "no c= with 6 zeros"),
        (ADDRESS[:-1], "no m= with 16 zeros"),
        (ADDRESS.replace("/b?", "/" + "b" * 190 + "?"), "characters too long"),
    ],
)
def test_an_address_that_cannot_be_written_is_refused(address: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        template(address)


def test_offsets_are_those_of_the_file() -> None:
    for address in (
        ADDRESS,
        ADDRESS.replace("https", "http"),
        ADDRESS.replace("/b?", "/" + "b" * 175 + "?x=1&"),
    ):
        made = template(address)
        file = len(made.message).to_bytes(2, "big") + made.message
        assert file[made.uid_at - 2 : made.uid_at + 15] == b"u=00000000000000&"
        assert file[made.counter_at - 2 : made.counter_at + 7] == b"c=000000&"
        assert file[made.mac_at - 2 :] == b"m=0000000000000000"
        assert len(file) <= 256

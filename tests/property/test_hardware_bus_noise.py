"""Whatever comes from a bus: nothing is raised but a loss, and no badge whose checks fail is ever said."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import osdp_sys
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.events import ReaderNoise
from hardware.readers.frame import Alive, Frame
from hardware.readers.mfrc522 import Garbled, Mfrc522
from hardware.readers.osdp import Osdp, card
from hardware.readers.pn532_buses import Pn532Bridge
from hardware.readers.pn532_frames import Answer, Pn532Frames
from hardware.readers.records import Records, record
from tests.kit.frames import osdp_raw, wiegand_frame
from tests.kit.mfrc522_chip import Mfrc522Chip
from tests.kit.pn532_peer import ACK, frame, listed
from tests.kit.scripted_line import Ended, ScriptedLine

uids = st.sampled_from([4, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
# ISO/IEC 14443-3: the cascade tag 88 begins no UID of four bytes, and is no fourth byte of a longer one.
badges = uids.filter(lambda uid: 0x88 not in (uid[0], uid[3], uid[-4]))
said = st.one_of(st.just(Alive()), st.builds(Frame, uids), st.text("abc ", max_size=199).map(ReaderNoise))


class ScriptedBus(Mfrc522Chip):
    def close(self) -> None:
        """Nothing is open."""


@given(st.lists(said, max_size=8), st.lists(st.integers(0, 400)))
def test_records_come_out_as_they_went_in_however_they_are_cut(
    all_said: list[Frame | Alive | ReaderNoise], cuts: list[int]
) -> None:
    stream = b"".join(map(record, all_said))
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    parser = Records()
    assert [
        one for begin, end in pairwise(edges) for one in parser.receive_data(stream[begin:end])
    ] == all_said


@given(st.sampled_from([26, 34, 37]), st.data())
def test_no_wrong_bit_of_an_osdp_card_yields_another_badge(bits: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, (1 << (bits - 2)) - 1))
    uid = number.to_bytes(-(-(bits - 2) // 8), "big")
    raw = osdp_raw(wiegand_frame(uid, bits), bits)
    assert card(bits, raw) == Frame(uid)
    damaged = int.from_bytes(raw, "big") ^ 1 << data.draw(st.integers(0, 8 * len(raw) - 1))
    assert isinstance(card(bits, damaged.to_bytes(len(raw), "big")), ReaderNoise)


@given(st.integers(-5, 70), st.binary(max_size=10))
def test_any_card_of_osdp_is_a_badge_or_noise(bits: int, data: bytes) -> None:
    assert isinstance(card(bits, data), Frame | ReaderNoise)


class Junk:
    """A serial device from which junk comes."""

    def __init__(self, junk: list[bytes]) -> None:
        self._junk = junk
        self._null = os.open(os.devnull, os.O_WRONLY)

    def fileno(self) -> int:
        return self._null

    def read(self, _size: int) -> bytes:
        return self._junk.pop(0) if self._junk else b""

    def close(self) -> None:
        os.close(self._null)


osdp_like = st.binary(max_size=30).map(lambda body: b"\xff\x53\x80" + bytes([len(body) + 7, 0]) + body)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60) | osdp_like, max_size=20))
def test_junk_on_rs485_says_no_card_and_that_no_channel_stands(junk: list[bytes]) -> None:
    line = ScriptedLine(*[b""] * 25)
    with suppress(OSError):
        Osdp(osdp_sys, lambda: Junk(list(junk)), 0, bytes(range(16)))(line)
    assert line.said == b""


@given(badges, st.integers(0, 11), st.integers(0, 39))
def test_no_wrong_bit_from_an_mfrc522_yields_another_badge(uid: bytes, answer: int, place: int) -> None:
    chip = ScriptedBus()
    chip.polls.append(uid)
    count = 0

    def flip(bits: list[int]) -> list[int]:
        nonlocal count
        count += 1
        at = place % len(bits)
        return [*bits[:at], 1 - bits[at], *bits[at + 1 :]] if count == answer + 1 else bits

    chip.spoil = flip
    driver = Mfrc522(chip, lambda _: None)
    driver.start()
    with suppress(Garbled):
        assert driver.uid() in (uid, None)
    chip.spoil = lambda bits: bits
    assert driver.uid() == uid


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_bus_that_says_anything_is_no_mfrc522_or_no_badge(chance: object, starts: bool) -> None:
    randbytes: Callable[[int], bytes] = chance.randbytes

    class Wild(ScriptedBus):
        wild = not starts

        def transfer(self, data: bytes) -> bytes:
            return randbytes(len(data)) if self.wild else super().transfer(data)

    chip = Wild()
    driver = Mfrc522(chip, lambda _: None)
    with suppress(OSError, Garbled):
        driver.start()
        chip.wild = True
        for _ in range(3):
            driver.prove()
            uid = driver.uid()
            assert uid is None or len(uid) in (4, 7, 10)


class JunkBus:
    """A PN532's bus: an acknowledgement, then what is given."""

    def __init__(self, answer: bytes) -> None:
        self.given = [ACK, answer]

    def wake(self) -> None:
        """It is awake."""

    def ready(self) -> bool:
        return bool(self.given)

    def read(self, size: int) -> bytes:
        return (self.given.pop(0) if self.given else b"")[:size].ljust(size, b"\xaa")

    def write(self, frame: bytes) -> None:
        assert frame.startswith(b"\x00\x00\xff")

    def close(self) -> None:
        """Nothing is open."""


def carried(answer: bytes) -> bytes:
    line = ScriptedLine(frame(b"\xd4\x4a\x01\x00"), *[b""] * 4)
    with suppress(Ended):
        Pn532Bridge(lambda: JunkBus(answer))(line)
    return line.said


@given(st.binary(max_size=300))
def test_any_answer_on_a_pn532s_bus_is_carried_as_what_it_is(answer: bytes) -> None:
    heard = carried(answer)
    assert heard.startswith(ACK)
    assert len(heard) <= 400
    Pn532Frames().receive_data(heard)


@given(uids, st.data())
def test_no_wrong_bit_on_a_pn532s_bus_yields_another_badge(uid: bytes, data: st.DataObject) -> None:
    damaged = bytearray(frame(b"\xd5\x4b" + listed(uid)))
    at = data.draw(st.integers(0, len(damaged) - 2))
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    found = Pn532Frames().receive_data(carried(bytes(damaged)))
    assert all(one == Answer(0x4B, listed(uid)) for one in found if isinstance(one, Answer))

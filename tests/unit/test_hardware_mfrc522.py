"""The MFRC522's driver against a chip by its registers: UIDs of every length, two badges, what goes wrong."""

from __future__ import annotations

import pytest

from hardware.readers.mfrc522 import Garbled, Mfrc522, crc_a
from hardware.readers.port_reader import ReaderSilent
from tests.kit.mfrc522_chip import Mfrc522Chip

SHORT, SEVEN, TEN = bytes.fromhex("FB0EE20B"), bytes.fromhex("04DE5F1EACC040"), bytes(range(0x10, 0x1A))


class Bus(Mfrc522Chip):
    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def chip() -> Bus:
    return Bus()


@pytest.fixture
def driver(chip: Bus) -> Mfrc522:
    driver = Mfrc522(chip, lambda _: None)
    driver.start()
    return driver


def test_the_checksum_is_that_of_the_standard() -> None:
    """ISO/IEC 14443-3, annex B, has these two examples."""
    assert crc_a(bytes.fromhex("0000")) == bytes.fromhex("A01E")
    assert crc_a(bytes.fromhex("1234")) == bytes.fromhex("26CF")


@pytest.mark.parametrize("uid", [SHORT, SEVEN, TEN])
def test_a_badge_of_each_length_is_read_again_and_again(chip: Bus, driver: Mfrc522, uid: bytes) -> None:
    assert driver.uid() is None
    chip.polls.append(uid)
    assert [driver.uid() for _ in range(3)] == [uid] * 3
    chip.polls.append(None)
    assert driver.uid() is None


@pytest.mark.parametrize("other", [bytes.fromhex("FB0EE20A"), bytes.fromhex("04DE5F1EACC041"), TEN])
@pytest.mark.parametrize("uid", [SHORT, SEVEN])
def test_of_two_badges_the_one_that_was_there_is_read(
    chip: Bus, driver: Mfrc522, uid: bytes, other: bytes
) -> None:
    chip.polls.append((other, uid))
    for _ in range(4):
        assert driver.uid(uid) == uid
    chip.polls.append((uid, other))
    assert driver.uid(other) == other
    chip.polls.append((uid, other))
    assert driver.uid(bytes.fromhex("55667788")) in (uid, other)


def test_an_answer_without_end_or_with_errors_is_no_badge(chip: Bus, driver: Mfrc522) -> None:
    chip.polls.append(SHORT)
    answers = 0

    def cut(bits: list[int]) -> list[int]:
        nonlocal answers
        answers += 1
        return bits if answers == 1 else bits[:-8]

    chip.spoil = cut
    with pytest.raises(Garbled, match="wrong length"):
        driver.uid()
    chip.spoil = lambda bits: bits
    assert driver.uid() == SHORT


@pytest.mark.parametrize(("size", "said"), [(40, "wrong check byte"), (24, "wrong checksum")])
def test_a_wrong_check_is_no_badge(chip: Bus, driver: Mfrc522, size: int, said: str) -> None:
    """The number has 40 bits with its check byte, SAK 24 with its checksum."""
    chip.polls.append(SHORT)
    chip.spoil = lambda bits: [1 - bits[0], *bits[1:]] if len(bits) == size else bits
    with pytest.raises(Garbled, match=said):
        driver.uid()


@pytest.mark.parametrize("fault", [0x10, 0x02, 0x01])
def test_an_error_that_the_chip_saw_is_no_badge(chip: Bus, driver: Mfrc522, fault: int) -> None:
    """DS 9.3.1.7 ErrorReg: BufferOvfl, ParityErr, ProtocolErr."""
    chip.polls.append(SHORT)
    chip.fault = lambda bits: fault if len(bits) == 40 else 0
    with pytest.raises(Garbled, match="in pieces"):
        driver.uid()


def test_a_chip_that_is_not_there_or_lost_its_power_is_told(chip: Bus, driver: Mfrc522) -> None:
    driver.prove()
    chip.power_up()
    with pytest.raises(ReaderSilent, match="forgotten"):
        driver.prove()
    chip.gone = True
    with pytest.raises(ReaderSilent, match="no MFRC522"):
        driver.prove()
    with pytest.raises(ReaderSilent):
        Mfrc522(chip, lambda _: None).start()

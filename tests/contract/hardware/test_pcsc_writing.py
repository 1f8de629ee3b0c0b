"""`makerfloor-gateway badge write` through the real pcscd, with cards in software on a virtual reader."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from desfire import DESFire, DESFireKey

from booking_api.badges.writing import ADDRESS, BadgeKeys
from floor.badge_keys import DESFIRE_AID, DESFIRE_KEYS, NTAG424_KEYS, desfire_key, ntag424_key
from floor.words import BadgeKind
from gateway.cli import main
from hardware.readers import pcsc_lite
from hardware.readers.pcsc_lite import Card, Seen, Service
from tests.kit.pcsc_stand import PcscStand, stand

MASTER = bytes(range(16))
NTAG, DESFIRE, OTHER = (bytes.fromhex(f"04DE5F1EACC1{last:02X}") for last in range(3))
READER = "Virtual PCD 00 00"


@pytest.fixture
def pcscd() -> PcscStand:
    one = stand()
    one.renew()
    return one


def given(folder: Path, uid: bytes, kind: BadgeKind) -> tuple[Path, list[bytes]]:
    """The file that the server gives, and the keys in it."""
    is_ntag = kind is BadgeKind.NTAG424
    make, numbers = (ntag424_key, NTAG424_KEYS) if is_ntag else (desfire_key, DESFIRE_KEYS)
    keys = [make(MASTER, uid, number, 1) for number in numbers]
    told = BadgeKeys(
        badge="one",
        uid=uid.hex().upper(),
        kind=kind,
        key_version=1,
        keys={number: key.hex() for number, key in enumerate(keys)},
        address="https://floor.example.org" + ADDRESS if is_ntag else "",
        application="" if is_ntag else DESFIRE_AID.hex().upper(),
    )
    file = folder / f"{uid.hex()}.json"
    file.touch(0o600)
    file.write_text(told.model_dump_json())
    return file, keys


class Told:
    """Runs the command, and looks that no key is in what it says."""

    def __init__(self, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self.capfd, self.caplog = capfd, caplog

    def __call__(self, file: Path, *more: str) -> tuple[int, str]:
        status = main(["--log", "debug", "badge", "write", str(file), "--reader", "00 00", *more])
        said = "".join(self.capfd.readouterr())
        for key in json.loads(file.read_text())["keys"].values():
            assert key not in (said + self.caplog.text).lower()
        return status, said


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Told:
    return Told(capfd, caplog)


def on_the_reader(act: Callable[[Card], None]) -> None:
    service = Service(pcsc_lite.load())
    service.open()
    with closing(service):
        seen = Seen()
        while not seen.is_card:
            seen = service.wait(READER, seen, 1000)
        card = service.connect(READER)
        assert card
        with closing(card):
            act(card)


def test_an_ntag_424_is_written_and_one_that_was_taken_away_is_completed(
    pcscd: PcscStand, tmp_path: Path, told: Told
) -> None:
    file, _ = given(tmp_path, NTAG, BadgeKind.NTAG424)
    pcscd.say("lay", uid=OTHER.hex(), kind="blank_ntag424")
    status, said = told(file)
    assert status == 1
    assert f"the badge {OTHER.hex().upper()} lies on the reader" in said
    assert "Nothing was written" in said
    assert pcscd.say("asked") == ["ffca000000"]
    pcscd.renew()
    pcscd.say("lay", uid=NTAG.hex(), kind="blank_ntag424", leaves_after=30)
    status, said = told(file)
    assert (status, "may be half written: lay it down again" in said) == (1, True)
    for url in ([], ["--url", "https://other.example.org/b"]):
        status, said = told(file, *url)
        assert status == 0
        assert "is written, and has proved it.\nDelete the keys" in said
    address: list[bytes] = []

    def read(card: Card) -> None:
        for command in ("00A4040C07D276000085010100", "00A4000C02E104", "00B0000080"):
            address.append(card.transmit(bytes.fromhex(command)) or b"")

    on_the_reader(read)
    assert b"\x04other.example.org/b?u=" + NTAG.hex().upper().encode() + b"&c=" in address[-1]


class Oracle:
    """python-desfire's device: its native frames in APDUs, through pcscd."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def transceive(self, frame: list[int]) -> list[int]:
        code, *data = frame
        size = [len(data), *data] if data else []
        reply = self.card.transmit(bytes([0x90, code, 0, 0, *size, 0]))
        assert reply
        return [reply[-1], *reply[:-2]]


def test_a_desfire_is_written_and_anothers_library_finds_it_so(
    pcscd: PcscStand, tmp_path: Path, told: Told
) -> None:
    """python-desfire 0.1.5, by AuthenticateAES with both keys."""
    file, keys = given(tmp_path, DESFIRE, BadgeKind.DESFIRE)
    pcscd.say("lay", uid=DESFIRE.hex(), kind="blank_desfire", leaves_after=14)
    assert told(file)[0] == 1
    assert told(file)[0] == 0

    def find(card: Card) -> None:
        theirs = DESFire(Oracle(card))
        for number, key in enumerate(keys):
            theirs.select_application(list(DESFIRE_AID))
            theirs.authenticate(number, DESFireKey(theirs.get_key_setting(), list(key)))
            assert theirs.is_authenticated

    on_the_reader(find)


def test_a_reader_that_is_not_clear_is_asked_for(
    pcscd: PcscStand, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, _ = given(tmp_path, NTAG, BadgeKind.NTAG424)
    assert main(["badge", "write", str(file)]) == 1
    said = capfd.readouterr().err
    assert (
        "several are attached; there are: Virtual PCD 00 00, Virtual PCD 00 01. Nothing was written." in said
    )

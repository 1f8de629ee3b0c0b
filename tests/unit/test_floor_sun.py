"""floor.sun against the published messages of NXP AN12196; the keys of its badges are all zero."""

import pytest

from floor.errors import PeerError
from floor.sun import PiccData, read_picc, sun_mac, sun_proves

KEY = bytes(16)
FIRST = PiccData(bytes.fromhex("04DE5F1EACC040"), 61)
SECOND = PiccData(bytes.fromhex("04958CAA5C5E80"), 8)
COVERED = b"CEE9A53E3E463EF1F459635736738962&cmac="


@pytest.mark.parametrize(
    ("encrypted", "said"),
    [("EF963FF7828658A599F3041510671E88", FIRST), ("FD91EC264309878BE6345CBE53BADF40", SECOND)],
)
def test_picc_data_is_read(encrypted: str, said: PiccData) -> None:
    assert read_picc(KEY, bytes.fromhex(encrypted)) == said


@pytest.mark.parametrize(
    ("said", "covered", "mac"), [(FIRST, b"", "94EED9EE65337086"), (SECOND, COVERED, "ECC1E7F6C6C73BF6")]
)
def test_a_message_is_proven_by_its_mac(said: PiccData, covered: bytes, mac: str) -> None:
    assert sun_mac(KEY, said.uid, said.counter, covered) == bytes.fromhex(mac)
    assert sun_proves(KEY, said, bytes.fromhex(mac), covered)


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_picc_data_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(PeerError, match="has 16 bytes"):
        read_picc(KEY, bytes(length))


def test_picc_data_of_another_key_is_refused() -> None:
    with pytest.raises(PeerError, match="not by this key"):
        read_picc(b"another key here", bytes.fromhex("EF963FF7828658A599F3041510671E88"))


@pytest.mark.parametrize(
    ("uid", "counter"), [(bytes(4), 1), (bytes(10), 1), (bytes(7), 1 << 24), (bytes(7), -1)]
)
def test_what_is_no_uid_or_counter_is_refused(uid: bytes, counter: int) -> None:
    with pytest.raises(ValueError, match="a UID of 7 bytes and a counter of 3"):
        sun_mac(KEY, uid, counter)

"""Secure unique messages: what a badge signed is proven, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.badge_keys import DESFIRE_KEYS, NTAG424_KEYS, NTAG424_META_KEY, desfire_key, ntag424_key
from floor.errors import PeerError
from floor.sun import PiccData, read_picc, sun_mac, sun_proves
from tests.kit.sun import encrypted_picc

KEYS = st.binary(min_size=16, max_size=16)
UIDS = st.binary(min_size=7, max_size=7)
COUNTERS = st.integers(0, (1 << 24) - 1)


@given(KEYS, UIDS, COUNTERS, st.binary(max_size=64), st.integers(0, 63), st.binary(max_size=20))
def test_one_wrong_bit_anywhere_proves_nothing(
    key: bytes, uid: bytes, counter: int, covered: bytes, bit: int, noise: bytes
) -> None:
    said, mac = PiccData(uid, counter), sun_mac(key, uid, counter, covered)
    assert sun_proves(key, said, mac, covered)
    flipped = bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(mac))
    assert not sun_proves(key, said, flipped, covered)
    assert not sun_proves(key, PiccData(uid, (counter + 1) % (1 << 24)), mac, covered)
    assert sun_proves(key, said, noise, covered) is (noise == mac)


@given(KEYS, st.binary(max_size=40))
def test_whatever_is_read_is_picc_data_or_refused(key: bytes, encrypted: bytes) -> None:
    try:
        said = read_picc(key, encrypted)
    except PeerError:
        return
    assert (len(encrypted), len(said.uid)) == (16, 7)


@given(KEYS, UIDS, COUNTERS, st.binary(min_size=5, max_size=5))
def test_what_a_badge_encrypts_is_read(key: bytes, uid: bytes, counter: int, padding: bytes) -> None:
    assert read_picc(key, encrypted_picc(key, uid, counter, padding)) == PiccData(uid, counter)


@given(KEYS, UIDS, UIDS, st.integers(1, 254))
def test_no_two_keys_of_the_plan_are_alike(master: bytes, one: bytes, other: bytes, version: int) -> None:
    """Of two badges, every number, both kinds, two versions; the meta key is all badges'."""
    made = [
        make(master, uid, number, at)
        for uid in {one, other}
        for at in (version, version + 1)
        for make, numbers in ((ntag424_key, NTAG424_KEYS), (desfire_key, DESFIRE_KEYS))
        for number in numbers
        if make is desfire_key or number != NTAG424_META_KEY or uid == one
    ]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(("uid", "number", "version"), [(bytes(4), 1, 1), (bytes(7), 5, 1), (bytes(7), 1, 0)])
def test_what_the_plan_has_no_key_for_is_refused(uid: bytes, number: int, version: int) -> None:
    for make in (ntag424_key, desfire_key):
        with pytest.raises(ValueError, match="a UID of 7 bytes"):
            make(bytes(16), uid, number, version)

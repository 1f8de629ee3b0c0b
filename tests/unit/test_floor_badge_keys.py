"""floor.badge_keys against the published examples of NIST and NXP."""

import pytest

from floor.badge_keys import DESFIRE_KEYS, NTAG424_KEYS, cmac, desfire_key, diversified, ntag424_key

NIST_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")


@pytest.mark.parametrize(
    ("data", "tag"),
    [
        ("", "bb1d6929e95937287fa37d129b756746"),
        ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"),
    ],
)
def test_cmac_by_nist_sp_800_38b_appendix_d1(data: str, tag: str) -> None:
    assert cmac(NIST_KEY, bytes.fromhex(data)).hex() == tag


def test_diversified_by_the_example_of_an10922() -> None:
    master = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    uid, use = bytes.fromhex("04782E21801D80"), bytes.fromhex("3042F54E585020416275")
    assert diversified(master, uid, use).hex().upper() == "A8DD63A3B89D54B37CA802473FDA9175"


@pytest.mark.parametrize("use_bytes", [0, 8, 25])
def test_a_use_too_short_or_too_long_is_refused(use_bytes: int) -> None:
    with pytest.raises(ValueError, match="16 to 31 bytes"):
        diversified(bytes(16), bytes(7), bytes(use_bytes))


def test_the_key_plan_stays_as_badges_were_written_by_it() -> None:
    """Whoever changes a constant makes every badge that was written before worthless."""
    master, uid = bytes(range(16)), bytes.fromhex("04DE5F1EACC040")
    kept = [ntag424_key(master, uid, number, 1).hex() for number in NTAG424_KEYS]
    kept += [desfire_key(master, uid, number, 1).hex() for number in DESFIRE_KEYS]
    assert kept == [
        cmac(master, b"\x01" + use).hex()
        for use in (
            *(uid + b"makerfloor.ntag424" + bytes([number, 1]) for number in (0, 1)),
            b"makerfloor.ntag424.meta\x01",
            *(uid + b"makerfloor.ntag424" + bytes([number, 1]) for number in (3, 4)),
            *(uid + b"FKMmakerfloor.desfire" + bytes([number, 1]) for number in (0, 1)),
        )
    ]

"""The QR code of a transfer: the lines of EPC069-12, their limits, and what another program reads in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.documents import sepa

IBAN, BIC = "DE89 3704 0044 0532 0130 00", "COBADEFFXXX"
WHOLE = "BCD\n002\n1\nSCT\nCOBADEFFXXX\nKelp Street\nDE89370400440532013000\nEUR12.30\n\n\nINV-2026-0001"


def test_the_lines_stand_in_their_order() -> None:
    assert sepa.payload("Kelp Street", IBAN, BIC, 12_300_000, "INV-2026-0001") == WHOLE
    assert sepa.payload("Kelp Street", IBAN, "", 12_300_000, "INV-2026-0001").split("\n")[4] == ""


@pytest.mark.parametrize(
    ("name", "iban", "bic", "amount"),
    [
        ("Kelp", "DE89 3704 0044 0532 0130 01", BIC, 1_000_000),
        ("Kelp", IBAN, "NOBIC", 1_000_000),
        ("  ", IBAN, BIC, 1_000_000),
        ("Kelp", IBAN, BIC, 0),
        ("Kelp", IBAN, BIC, -10_000),
        ("Kelp", IBAN, BIC, 15_000),
        ("Kelp", IBAN, BIC, 1_000_000_000_000_000),
    ],
)
def test_what_no_bank_would_take_is_refused(name: str, iban: str, bic: str, amount: int) -> None:
    with pytest.raises(ValueError, match=r"account|names who|whole cents"):
        sepa.payload(name, iban, bic, amount, "")


@given(st.text(min_size=1).filter(str.strip), st.text(), st.integers(1, 99_999_999_999))
def test_any_names_and_texts_keep_the_limits(name: str, text: str, cents: int) -> None:
    said = sepa.payload(name, IBAN, BIC, cents * 10_000, text)
    lines = said.split("\n")
    assert len(lines) == 11
    assert lines[:5] == ["BCD", "002", "1", "SCT", BIC]
    assert 1 <= len(lines[5]) <= sepa.NAME_MAX
    assert lines[7] == f"EUR{cents // 100}.{cents % 100:02}"
    assert len(lines[10]) <= sepa.TEXT_MAX
    assert len(said.encode()) <= sepa.PAYLOAD_MAX
    made = sepa.code(said)
    assert made.error == "M"
    assert int(made.version) <= 13


@pytest.mark.parametrize("name", ["Kelp Street", "海带街创客空间", "Ærøskøbing Værksted"])
def test_another_program_reads_what_was_said(tmp_path: Path, name: str) -> None:
    zbarimg = shutil.which("zbarimg")
    assert zbarimg, "no zbarimg: install it with `apt-get install zbar-tools`"
    said = sepa.payload(name, IBAN, BIC, 123_450_000, "INV-2026-0001")
    picture = tmp_path / "code.png"
    sepa.code(said).save(str(picture), scale=6, border=4)
    read = subprocess.run([zbarimg, "--raw", "-q", str(picture)], capture_output=True, check=True, timeout=60)
    assert read.stdout.decode().rstrip("\n") == said

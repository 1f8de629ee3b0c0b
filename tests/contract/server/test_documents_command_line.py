"""`makerfloor invoice …` and `makerfloor statement … --pdf`, as an operator types them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from booking_api import cli
from booking_api.billing import service as billing
from booking_api.clock import Clock
from booking_api.members import service as members
from booking_api.periods.calendar import month_at
from booking_api.settings import read_settings
from booking_api.start import open_database
from booking_api.tariffs import service as tariffs
from floor.tariff import Occasion
from tests.kit.initialised import initialised

Run = Callable[..., tuple[int, str, str]]
CLASSES = """
id = "classes"
name = "Classes"
commodity = "EUR"
valid_from = 2020-01-01
[[components]]
id = "welding"
per = "flat"
on = "class"
price = 60
[tax]
rate = 0.2
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def type_in(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 1, written.out, written.err)

    return type_in


@pytest.fixture
def month(run: Run, tmp_path: Path) -> str:
    """A space in which Ada took a class this month; returns the month."""
    initialised(tmp_path, run, "--name", "Space", "--timezone", "Europe/Berlin")
    assert run("member", "add", "Ada", "Byron", "--number", "7")[0] == 0
    settings, now_ms = read_settings(tmp_path / "makerfloor.toml", {}), Clock().now_ms()
    database = open_database(settings)
    with database.write() as session:
        tariffs.add(session, CLASSES, "test", now_ms)
        ada = members.find(session, "7")
        details = billing.FeeDetails(
            occasion=Occasion.CLASS,
            member=ada.id,
            tariff="classes",
            from_ms=now_ms,
            to_ms=now_ms,
            words="MIG",
        )
        billing.charge_fee(session, details, "test", now_ms)
    zone = database.zone
    database.close()
    return month_at(now_ms, zone)


def test_a_month_is_looked_at_issued_shown_and_printed(run: Run, month: str, tmp_path: Path) -> None:
    code, out, _ = run("invoice", "run", month, "--dry-run")
    assert code == 0
    assert "1 documents would be issued: 60.00 EUR" in out
    assert run("invoice", "list")[1] == ""
    code, out, _ = run("invoice", "run", month)
    number = out.split()[0]
    assert (code, number.startswith("INV-")) == (0, True)
    assert "0 documents were issued" in run("invoice", "run", month)[1]
    assert f"{number}" in run("invoice", "list", "--month", month)[1]
    shown = run("invoice", "show", number)[1]
    for words in ("Class · MIG", "60.00 EUR", "VAT 20", "€10.00"):
        assert words in shown
    file = tmp_path / "invoice.pdf"
    assert run("invoice", "pdf", number, "--out", str(file))[0] == 0
    assert file.read_bytes().startswith(b"%PDF")
    assert run("doctor")[0] == 0


def test_a_statement_is_printed_and_written(run: Run, month: str, tmp_path: Path) -> None:
    said = run("statement", "7", month)[1]
    assert "Owed" in said
    assert "60.00 EUR" in said
    file = tmp_path / "statement.pdf"
    for language in ("en", "zh"):
        code, out, _ = run("statement", "7", month, "--pdf", str(file), "--language", language)
        assert (code, str(file) in out) == (0, True)
        assert file.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("invoice", "run", "May"), 1, "is not a month"),
        (("invoice", "run", "2099-01"), 1, "has not begun"),
        (("invoice", "show", "INV-2026-0099"), 1, "There is no such invoice."),
        (("statement", "7", "--pdf", "x.pdf"), 1, "Name the month"),
        (("statement", "7", "2026-05", "--pdf", "/nowhere/x.pdf"), 2, "cannot be written"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    run: Run, month: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = run(*arguments)
    assert (said[0], words in said[2]) == (code, True), said

"""The commands of payments as an operator types them, and what they leave in the books."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from booking_api import cli
from tests.kit.camt import Detail, Line, statement
from tests.kit.initialised import initialised

Run = Callable[..., "Said"]
SETTINGS = """
[invoice]
iban = "DE89370400440532013000"
[payments]
creditor_id = "DE98ZZZ09999999999"
block_after_days = 30
"""
ITEMS = '[[items]]\nid = "ply-4"\nname = "Plywood"\nunit = "sheet"\nprice = 5.95\nstock = 12\nminimum = 11\n'


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def type_in(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 1, written.out, written.err)

    return type_in


@pytest.fixture
def space(run: Run, tmp_path: Path) -> Path:
    """A space with Ada Byron as member 2, who owes 25.00 from long ago, and a price list."""
    initialised(tmp_path, run, "--name", "Space")
    with (tmp_path / "makerfloor.toml").open("a") as file:
        file.write(SETTINGS)
    assert run("member", "add", "Ada", "Byron").code == 0
    (tmp_path / "old.csv").write_text("number,commodity,amount,as_of\n2,EUR,25.00,2020-01-01\n")
    (tmp_path / "items.toml").write_text(ITEMS)
    assert run("balances", "import", str(tmp_path / "old.csv")).out == "1 balances imported, 0 known or 0.\n"
    assert run("item", "import", str(tmp_path / "items.toml")).code == 0
    return tmp_path


def sound(run: Run) -> bool:
    return run("doctor").code == 0


def test_a_day_at_the_desk(run: Run, space: Path) -> None:
    assert run("drawer", "open", "100").out == "The drawer is open with 100.00 EUR.\n"
    assert run("sale", "add", "ply-4", "2", "--to", "2").out.startswith("Plywood: 11.90 EUR  ")
    assert run("sale", "add", "ply-4").code == 0
    assert "105.95 EUR" in run("drawer", "show").out
    refused = run("drawer", "close", "100")
    assert (refused.code, refused.err) == (1, "What was counted differs from the books. Say why.\n")
    assert "difference -5.95 EUR" in run("drawer", "close", "100", "--reason", "gone").out
    assert run("top-up", "2", "40", "--by", "card").out == "Taken. The account now owes -3.10 EUR.\n"
    assert run("refund", "2", "4", "--by", "bank").err == "The account has not so much in credit.\n"
    assert run("refund", "2", "3.10", "--by", "bank").code == 0
    assert "LOW" in run("item", "list", "--low").out
    assert "stock = 9" in run("item", "export").out
    assert sound(run)


def test_a_dry_run_of_a_statement_leaves_nothing_anywhere(run: Run, space: Path) -> None:
    (space / "s.xml").write_bytes(statement(Line("10.00", details=(Detail(ustrd=("member 2",)),))))
    heads = {path: path.read_bytes() for path in (space / "data").iterdir() if path.suffix != ".db"}
    tried = run("bank", "import", str(space / "s.xml"), "--dry-run")
    assert tried.out.endswith("Nothing was changed. 1 new, 0 known, 1 posted, 0 to be assigned.\n")
    kept = {path: data for path, data in heads.items() if not path.name.startswith("makerfloor.db")}
    assert {path: path.read_bytes() for path in kept} == kept
    assert sound(run)
    for words in ("1 new, 0 known, 1 posted", "0 new, 1 known, 0 posted"):
        assert words in run("bank", "import", str(space / "s.xml")).out
    assert sound(run)


def test_a_line_is_assigned_by_hand(run: Run, space: Path) -> None:
    (space / "s.csv").write_text(
        "date,amount,name,iban,text,reference,currency\n2026-01-02,5.00,\x1b[31mX,,hi,,EUR\n"
    )
    assert "1 to be assigned" in run("bank", "import", str(space / "s.csv")).out
    listed = run("bank", "list").out
    assert "\x1b" not in listed
    assert "posted" in run("bank", "assign", listed.split()[0], "2").out
    assert run("bank", "list").out == ""


def test_a_debt_is_reminded_blocked_and_collected(run: Run, space: Path) -> None:
    assert "25.00 EUR since 2020-01-31  reminder 3, blocked" in run("remind", "--dry-run").out
    assert not (space / "data" / "outbox").exists()
    assert run("remind").code == 0
    assert len(list((space / "data" / "outbox").iterdir())) == 1
    assert "Ada Byron" in run("block", "list").out
    assert run("mandate", "add", "M-1", "2", "DE89370400440532013001", "2026-01-01").err.startswith(
        "This is not an IBAN"
    )
    assert run("mandate", "add", "M-1", "2", "DE89370400440532013000", "2026-01-01").code == 0
    assert "25.00 EUR" in run("debit", "preview", "2199-01-01").out
    out = space / "run.xml"
    assert run("debit", "run", "2199-01-01", "--out", str(out)).code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert run("debit", "run", "2199-01-01", "--out", str(out)).err.startswith("Nothing is due")
    run_id = run("debit", "list").out.split()[0]
    assert run("debit", "drop", run_id).code == 0
    taken = run("debit", "run", "2199-01-01", "--out", str(out))
    assert (taken.code, "File exists" in taken.err) == (2, True)
    assert "25.00 EUR" in run("debit", "preview", "2199-01-01").out
    assert run("top-up", "2", "25", "--by", "card").code == 0
    assert run("block", "list").out == ""
    assert sound(run)


def test_a_wrong_file_is_one_sentence(run: Run, space: Path) -> None:
    (space / "bad.csv").write_text("number,commodity,amount,as_of\n2,EUR,x,2026-01-01\n")
    said = run("balances", "import", str(space / "bad.csv"))
    assert (said.code, "bad.csv:2: 'x' is no amount. Write it like" in said.out) == (2, True)
    (space / "bad.xml").write_text("<a/>")
    assert run("bank", "import", str(space / "bad.xml")).err.startswith(
        "The file is a, not a statement camt.053"
    )
    assert run("bank", "import", str(space / "none.xml")).code == 2

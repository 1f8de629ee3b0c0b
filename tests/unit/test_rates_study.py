"""`makerfloor rates study`: a table for people, JSON for programs, and errors that point at a line."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from booking_api import cli
from booking_api.cli.rates import rates
from booking_api.costing.lines import line_of
from booking_api.costing.study import as_json, as_text, read, read_text
from floor.errors import ConfigError

CASES = Path(__file__).parent.parent / "cases" / "costs"
FABLAB = CASES / "fablab.toml"


def test_the_table_says_who_pays_what_and_adds_up() -> None:
    done = CliRunner().invoke(rates, ["study", str(FABLAB)])
    assert done.exit_code == 0
    head, _, total = done.stdout.partition("Who pays what\n")
    assert head.startswith("Fab Lab, 2027 (amounts in USD)\n")
    for shown in ("Laser cutter: 900 h expected of 1800 h", "paid by its users", "above the ceiling"):
        assert shown in head
    shown = [
        Decimal(re.findall(r" (-?[\d,]+\.\d\d)", row)[0].replace(",", "")) for row in total.splitlines()[1:]
    ]
    *payers, together, rounding, to_recover = shown
    assert sum(payers) == together
    assert together + rounding == to_recover


def test_columns_of_cost_add_up_as_they_are_shown() -> None:
    for path in sorted(CASES.glob("*.toml")):
        blocks = as_text(read(path)).split("costs of the year")
        for before, after in pairwise(blocks):
            table = before.rpartition("---\n")[2].splitlines()
            assert sum(_last(row) for row in table if row) == _last(after.splitlines()[0])


def _last(row: str) -> Decimal:
    return Decimal(row.split()[-1].replace(",", ""))


def test_what_no_budget_covers_is_paid_by_nobody_yet() -> None:
    text = FABLAB.read_text().replace("budget = 12000", "budget = 9000")
    assert re.search(r"NOBODY YET +175\.82  above the funds' budgets", as_text(read_text(text, "x")))


def test_a_rate_finer_than_a_cent_is_shown_whole() -> None:
    text = FABLAB.read_text().replace("unit = 0.25", "unit = 0.0125")
    assert re.search(r"published rate +6\.5625\n", as_text(read_text(text, "x")))


def test_json_carries_exact_amounts_and_rates() -> None:
    done = CliRunner().invoke(rates, ["study", str(FABLAB), "--json"])
    found = json.loads(done.stdout)
    assert found == json.loads(as_json(read(FABLAB)))
    laser = found["pools"][0]
    assert laser["year"]["rate"] == "59054500/9"
    assert laser["published_micro"] == 6_750_000
    assert laser["rounding_micro"] == laser["paid_micro"] - laser["year"]["to_recover_micro"] == 169_550_000
    assert found["users"] == {"pupil": 0, "maker": 4_224_880_000, "firm": 3_010_000_000}
    assert [fund["pays_micro"] for fund in found["funds"]] == [9_175_820_000, -487_500_000]


def test_a_wrong_file_is_one_sentence_with_file_line_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "costs.toml"
    text = FABLAB.read_text()
    path.write_text(text.replace("lasts = 15\n", "lasts = 0\n"))
    line = text.splitlines().index("lasts = 15") + 1
    monkeypatch.setattr("sys.argv", ["makerfloor", "rates", "study", str(path)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{path}:{line}: pools[3].consumables[1].lasts: is 0. ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name = \n", ":1: is not TOML"),
        (b"a = 1\nb = ?\n", ":2: is not TOML"),
        (b"\xff", "cannot be read"),
        (b"#" * 300_000, "is longer than"),
        (b"x = 1e" + b"9" * 30, "is not TOML (a number is too long"),
        (b"x = 1" + b"0" * 5_000, "is not TOML (a number is too long"),
        (b"x = " + b"[" * 50_000, "is not TOML"),
        (b"commodity = 'EUR'\ndecimals = 1" + b"0" * 4_000, "000…. Write a whole number"),
    ],
)
def test_what_is_no_cost_file_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "costs.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(problem)):
        read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.toml")


PLACES = """\
name = "x" # [[pools]]
[funds."city"]
budget = 1

[[pools]]
id = "a"
[pools.tiers]
guest = { expected = 1 }
[[ pools.capital ]] # the first
price = 1
[[pools.capital]]
price = 2
[[pools]]
energy = [{ kwh = 1 }]
rounding.unit = 3
[[pools.capital]]
price = 3
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("name", 1),
        ("funds.city.budget", 3),
        ("funds.city.name", 2),
        ("pools[1].id", 6),
        ("pools[1].tiers.guest.expected", 8),
        ("pools[1].capital[1].price", 10),
        ("pools[1].capital[2].price", 12),
        ("pools[1].capital[2].years", 11),
        ("pools[2]", 13),
        ("pools[2].energy[1].kwh", 14),
        ("pools[2].rounding.unit", 15),
        ("pools[2].capital[1].price", 17),
        ("commodity", None),
        ("", None),
    ],
)
def test_a_key_is_found_at_its_line_or_at_what_it_stands_in(key: str, line: int | None) -> None:
    assert line_of(PLACES, key) == line

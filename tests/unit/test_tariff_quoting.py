"""`makerfloor quote` and `makerfloor tariff check`, as somebody at a terminal meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from booking_api.cli import app
from booking_api.tariffs.check import check

CASES = Path(__file__).parent.parent / "cases"


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def write(folder: Path, body: str) -> Path:
    file = folder / "list.toml"
    head = 'id = "list"\nname = "List"\ncommodity = "EUR"\nvalid_from = 2026-01-01\n'
    file.write_text(head + body, encoding="utf-8")
    return file


def test_a_quote_explains_every_line() -> None:
    code, out, _ = run("quote", CASES / "P11" / "tariff", CASES / "P11" / "usage.toml")
    assert code == 0
    assert "machine_time: 7 h at 10.00 per h; window peak" in out
    assert "account  2022-01  445.00 USD" in out


def test_a_quote_says_what_packs_still_hold() -> None:
    code, out, _ = run("quote", CASES / "P15" / "tariff", CASES / "P15" / "usage.toml")
    assert code == 0
    assert "a  packs/machine_time: 480 left" in out
    assert "b  packs/machine_time: 480 left" in out


def test_a_quote_for_programs_is_json() -> None:
    code, out, _ = run("quote", CASES / "P13" / "tariff", CASES / "P13" / "usage.toml", "--json")
    assert code == 0
    said = json.loads(out)
    assert [use["total"] for use in said["uses"]] == ["60", "30", "25", "45"]
    assert said["uses"][2]["charges"][0]["lines"][1]["bound"] == "cap"
    assert said["owed"] == [{"account": "lab", "period": "2016-01", "commodity": "USD", "total": "160"}]


def test_what_a_use_does_not_cost_ends_with_1(tmp_path: Path) -> None:
    usage = tmp_path / "usage.toml"
    usage.write_text('[[use]]\nused = { machine_time = "11 min" }\nexpect = 9\n')
    code, out, _ = run("quote", CASES / "P01" / "tariff", usage)
    assert code == 1
    assert "EXPECTED 9.00, which is not what it costs" in out


def test_a_wrong_file_ends_with_2(tmp_path: Path) -> None:
    file = write(tmp_path, '[[components]]\nper = "machine_time"\nprice = 1\nunit = "kg"\n')
    usage = tmp_path / "usage.txt"
    usage.write_text('[[use]]\nused = { machine_time = "1 h" }\n')
    for words in (("quote", file, usage), ("tariff", "check", file)):
        code, _, err = run(*words)
        assert code == 2
        assert f"{file}:8: components[1].unit: is 'kg'." in err
    code, _, err = run("quote", tmp_path / "none.toml", file)
    assert (code, "cannot be read" in err) == (2, True)


PRICED = '[[components]]\nper = "machine_time"\nunit = "h"\n'
WARNINGS = [
    (
        '[[windows]]\nid = "a"\nfrom = "08:00"\nto = "12:00"\nmultiplier = 0.5\n'
        '[[windows]]\nid = "b"\ndays = ["mon"]\nmultiplier = 2\n' + PRICED + "price = 1\n",
        "windows[2]: b overlaps a Mon 08:00 to Mon 12:00; there a holds",
    ),
    (
        '[[windows]]\nid = "a"\nfrom = "08:00"\nto = "20:00"\n' + PRICED + "price = 0\nwindows = { a = 5 }\n",
        "components[1].windows: leaves a gap Mon 00:00 to Mon 08:00, Mon 20:00 to Tue 08:00",
    ),
    (
        PRICED + 'price = 10\nmaximum = 20\nbrackets = [{ above = "3 h", price = 5 }]\n',
        "components[1].brackets[1].above: is never reached: the maximum of 20 comes first.",
    ),
    (
        PRICED + 'price = 10\nbrackets = [{ above = "3 h", price = 10 }]\n',
        "components[1].brackets[1].above: changes nothing",
    ),
    (
        PRICED + 'price = 10\n[[caps]]\nper = "month"\nabove = 5\n[[caps]]\nper = "month"\nabove = 5\n',
        "caps[2].above: is that of another cap",
    ),
    ('[[windows]]\nid = "a"\n' + PRICED + "price = 1\n", "windows[1].id: no price depends on a."),
    ('counts = ["sheet"]\n' + PRICED + "price = 1\n", "counts: no component prices sheet."),
    (PRICED + 'price = 1\nfree_mode = "threshold"\n', 'free_mode: says "threshold", but nothing is free.'),
]


@pytest.mark.parametrize(("body", "warning"), WARNINGS)
def test_a_check_warns_and_says_where(tmp_path: Path, body: str, warning: str) -> None:
    file = write(tmp_path, body)
    code, out, err = run("tariff", "check", file)
    assert code == 0
    assert "in force from 2026-01-01" in out
    assert warning in err
    assert f"warning: {file}:" in err


@pytest.mark.parametrize("file", sorted(CASES.glob("P*/tariff/*.toml")), ids=lambda file: file.stem)
def test_the_published_lists_need_no_warning(file: Path) -> None:
    found = check(file)
    assert (found.errors, found.warnings) == ((), ())

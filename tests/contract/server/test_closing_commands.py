"""`makerfloor costs`, `close` and `rates study --actuals`, as an operator types them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api import cli
from booking_api.db import Database
from booking_api.machines.models import Machine
from booking_api.settings import read_settings
from tests.kit.initialised import initialised
from tests.kit.months import Space, Use, after, begin_of, cost_file

MONTH = "2026-01"
COSTS = cost_file(goes="rate", extra='ceiling = "1/12"').replace("2027", "2026")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


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
def folder(run: Run, tmp_path: Path) -> Path:
    """A space whose laser was used in January for 30 EUR, and its cost file beside it."""
    initialised(tmp_path, run, "--timezone", "Europe/Berlin")
    (tmp_path / "costs.toml").write_text(COSTS)
    settings = read_settings(tmp_path / "makerfloor.toml", {})
    database = Database(settings.database_url, settings.data, ZoneInfo(settings.timezone))
    with database.write() as session:
        session.add_all([Machine(id="laser-1", name="L1"), Machine(id="laser-2", name="L2")])
    Space(database).use(begin_of(MONTH) + 5, Use("ann", 30_000_000))
    database.close()
    return tmp_path


def test_a_month_from_cost_file_to_close_and_back(run: Run, folder: Path) -> None:
    assert (
        run("costs", "add", str(folder / "costs.toml")).out == "Version 1 is in force from 2026-01: laser.\n"
    )
    bill = ("costs", "enter", "Acme", "7", "2026-01-20", "laser:upkeep=4.00", "--tax", "0.76")
    assert run(*bill).out == run(*bill).out == "2026-01-20  Acme  7  4.76 EUR  owed\n"
    assert run("costs", "pay", "acme", "7").out.endswith("paid\n")
    dry = run("close", MONTH, "--dry-run")
    assert dry.err == "Nothing was posted: this was a dry run.\n"
    done = run("close", MONTH)
    assert (done.code, done.err, done.out) == (0, "2026-01 is closed.\n", dry.out)
    assert re.search(r"surplus carried out +14\.00", done.out)
    again = run("close", MONTH)
    assert (again.code, again.out) == (0, done.out)
    assert "Nothing was changed." in again.err
    told = json.loads(run("close", MONTH, "--json").out)
    assert told["pools"][0]["carried_out_micro"] == -14_000_000
    assert "Say why" in run("close", MONTH, "--reopen").err
    assert "is open again" in run("close", MONTH, "--reopen", "--reason", "late invoice").err
    assert run("close", MONTH).out == done.out
    assert "version   1  from 2026-01  Space" in run("costs", "list").out
    assert run("doctor").code == 0


def test_a_file_of_invoices_is_looked_at_and_then_entered(run: Run, folder: Path) -> None:
    run("costs", "add", str(folder / "costs.toml"))
    file = folder / "invoices.csv"
    file.write_text("date,supplier,number,pool,kind,amount\n2026-01-20,Acme,7,laser,upkeep,4\n")
    assert run("costs", "import", str(file), "--dry-run").out.endswith("1 would be entered.\n")
    assert run("costs", "import", str(file)).out.endswith("1 invoices were entered.\n")
    assert run("costs", "import", str(file)).out.endswith("(is in the books)\n0 invoices were entered.\n")
    file.write_text("date,supplier,number,pool,kind,amount\n2026-01-20,Acme,8,laser,upkeep,x\n")
    said = run("costs", "import", str(file))
    assert (said.code, "line 2: 'x' is not an amount" in said.err) == (2, True)
    assert run("costs", "reverse", "Acme", "7", "--reason", "ours it was not").out.endswith("reversed\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("close", "2026-99"), 1, "Write it like 2026-10"),
        (("close", "2099-01"), 1, "is not closed yet"),
        (("costs", "enter", "A", "1", "2026-01-20", "laser=1"), 1, "POOL:KIND=AMOUNT"),
        (("costs", "enter", "A", "1", "2026-01-20", "laser:fun=1"), 1, "kind"),
        (("costs", "enter", "A", "1", "2026-01-20", "laser:upkeep=1"), 1, "No cost file is in force"),
        (("costs", "pay", "A", "1"), 1, "There is no invoice 1 of A"),
        (("rates", "study", "{}/costs.toml", "--actuals", "2026"), 1, "No month of 2026 is closed"),
        (("rates", "study", "{}/costs.toml", "--actuals", "last"), 1, "is not a year"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    run: Run, folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = run(*(argument.format(folder) for argument in arguments))
    assert (said.code, words in said.err, said.out) == (code, True, ""), said


def test_next_year_s_study_takes_the_books_in(run: Run, folder: Path) -> None:
    run("costs", "add", str(folder / "costs.toml"))
    run("close", MONTH)
    run("close", after(MONTH))
    plain = run("rates", "study", str(folder / "costs.toml"))
    said = run("rates", "study", str(folder / "costs.toml"), "--actuals", "2026").out
    assert "last year's surplus" not in plain.out
    assert re.search(r"less last year's surplus +-6\.00", said)
    assert "Lasers in 2026: 2 months are closed" in said
    for line in (
        r"capital +144\.00 +24\.00 +-120\.00",
        r"upkeep +60\.00 +0\.00 +-60\.00",
        r"h used +120 +1 +-119",
        r"1 h cost +1\.7000 +24\.0000 +22\.3000",
        r"recovered +30\.00",
        r"surplus carried on +6\.00",
    ):
        assert re.search(line, said), line
    told = json.loads(run("rates", "study", str(folder / "costs.toml"), "--actuals", "2026", "--json").out)
    assert told["actuals"]["pools"]["laser"]["carried_micro"] == -6_000_000
    assert told["pools"][0]["year"]["carried_micro"] == -6_000_000


def test_a_surplus_above_the_ceiling_is_noted_by_close_and_study(run: Run, folder: Path) -> None:
    (folder / "costs.toml").write_text(COSTS.replace("1/12", "1/102"))
    run("costs", "add", str(folder / "costs.toml"))
    assert re.search(r"ABOVE THE CEILING of 2\.00: lower the rate +16\.00", run("close", MONTH).out)
    said = run("rates", "study", str(folder / "costs.toml"), "--actuals", "2026").out
    assert "Note: last year's surplus is 16.00 above the ceiling." in said


def test_the_space_s_currency_stands_where_no_cost_file_does(run: Run, folder: Path) -> None:
    said = run("close", MONTH).out
    assert said.startswith("2026-01 (amounts in EUR)\n")
    assert "No cost file is in force: no pool was closed." in said

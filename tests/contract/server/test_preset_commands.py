"""`makerfloor init --preset`, `apply` and `memberships`, as an operator types them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from booking_api import cli
from booking_api.presets import library

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def type_in(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else int(bool(code)), said.out, said.err

    return type_in


def test_presets_are_listed_and_named(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("init", "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(library.ORDER)
    code, _, err = run("init", str(tmp_path), "--preset", "castle")
    assert (code, "--preset: is 'castle'" in err, "techshop" in err) == (2, True, True)
    assert run("init")[0] == 2
    code, _, err = run("init", str(tmp_path), "--preset", "desk", "--currency", "EUR")
    assert (code, "files of desk are in USD" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", library.ORDER)
def test_files_of_a_preset_are_right_and_apply_once(run: Run, tmp_path: Path, name: str) -> None:
    code, out, _ = run("init", str(tmp_path), "--preset", name)
    assert (code, "README.md" in out, "Apply:" in out) == (0, True, True)
    tariffs = [str(path) for path in sorted((tmp_path / "tariffs").glob("*.toml"))]
    code, _, err = run("tariff", "check", *tariffs)
    assert (code, err) == (0, "")
    for costs in (tmp_path / "costs").glob("*.toml"):
        assert run("rates", "study", str(costs))[0] == 0
    code, out, _ = run("apply", str(tmp_path), "--dry-run")
    assert (code, "rehearsal" in out) == (0, True)
    first = out.splitlines()[:-1]
    code, out, err = run("apply", str(tmp_path))
    assert (code, out.splitlines(), err) == (0, first, "")
    assert {line.split()[0] for line in first} == {"added"}
    code, out, _ = run("apply", str(tmp_path))
    assert (code, [line for line in out.splitlines() if not line.startswith("as it was")]) == (0, [])
    readme = (tmp_path / "README.md").read_text()
    assert all(path in readme for path in re.findall(r"`([\w/]+\.toml)`", readme))
    assert {path.name for path in tmp_path.glob("*.toml")} <= set(re.findall(r"[\w-]+\.toml", readme)) | {
        "makerfloor.toml"
    }


def test_a_change_is_shown_then_kept_and_a_wrong_file_changes_nothing(run: Run, tmp_path: Path) -> None:
    run("init", str(tmp_path), "--preset", "techshop")
    run("apply", str(tmp_path))
    machines, plans = tmp_path / "machines.toml", tmp_path / "plans.toml"
    machines.write_text(machines.read_text().replace("Design studio", "Studio"))
    plans.write_text(plans.read_text().replace("price = 150", "price = 160"))
    code, _, err = run("apply", str(tmp_path))
    assert (code, "plans.toml" in err, "later valid_from" in err) == (2, True, True)
    dated = plans.read_text().replace('id = "full"', 'id = "full"\nvalid_from = 2027-01-01')
    plans.write_text(dated)
    code, out, _ = run("apply", str(tmp_path))
    assert code == 0
    news = [line.split() for line in out.splitlines() if not line.startswith("as it was")]
    assert news == [["changed", "machine", "printer-1"], ["added", "plan", "full"]]
    machines.write_text(machines.read_text() + '[[machines]]\nid = "x"\nname = "X"\ntariff = "gold"\n')
    code, _, err = run("apply", str(tmp_path))
    assert (code, "machines.toml: There is no tariff gold" in err) == (2, True)
    machines.write_text(machines.read_text() + "colour = 1\n")
    code, _, err = run("apply", str(tmp_path))
    assert (code, "machines.toml:" in err, "colour" in err) == (2, True, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "none of the files" in run("apply", str(empty))[2]


def test_a_preset_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plans.toml").write_text("mine")
    code, _, err = run("init", str(tmp_path), "--preset", "desk")
    assert (code, "plans.toml: is there already" in err) == (2, True)
    assert (tmp_path / "plans.toml").read_text() == "mine"
    assert not (tmp_path / "makerfloor.toml").exists()


def test_memberships_from_the_command_line(run: Run, tmp_path: Path) -> None:
    run("init", str(tmp_path), "--preset", "techshop", "--timezone", "UTC")
    run("apply", str(tmp_path))
    run("member", "add", "Ada", "Byron", "--number", "7")
    assert "150.00 USD a month" in run("memberships", "plans")[1]
    join = ("memberships", "join", "7", "full", "--from", "2026-01-01", "--group", "student")
    code, out, err = run(*join, "--proof-until", "2099-01-01")
    assert (code, err) == (0, "")
    id = out.split()[0]
    assert f"{id}  7" in run("memberships", "list")[1]
    assert run("memberships", "bill", "2026-01")[1] == "0 charges.\n"
    code, out, _ = run("memberships", "bill", "--dry-run")
    assert (code, "rehearsal" in out) == (0, True)
    assert "has not begun" in run("memberships", "bill", "2099-01")[2]
    assert "2026-13" in run("memberships", "bill", "2026-13")[2]
    assert run("memberships", "end", id, "--day", "2026-02-01")[1] == "It ends before 2026-02-01.\n"
    assert re.search(r"Owed +95.00 USD$", run("statement", "7")[1].strip())
    assert "no deposit" in run("memberships", "deposit-back", id)[2]
    code, out, _ = run("class", "plan", "laser-basics", "1", "2099-12-05T18:00")
    assert code == 0
    assert "has a place" in run("class", "sign-up", out.strip(), "7")[1]
    assert "1 of 6" in run("class", "list")[1]
    assert run("class", "cancel", out.strip())[1] == "Cancelled.\n"
    assert "doctor" not in run("doctor")[2]

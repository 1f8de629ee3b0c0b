"""Published reservation policies, and others of the same class, do what their requests expect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from booking_api.cli.reservations_try import as_json, tried
from booking_api.cli.root import app

CASES = Path(__file__).resolve().parents[1] / "cases"
FOLDERS = [*sorted(CASES.glob("V[0-9][0-9]")), *sorted((CASES / "reservations").iterdir())]
RUNNER = CliRunner()


def test_there_is_a_folder_for_every_policy() -> None:
    others = ["hackerspace", "library", "makerspace", "school", "university"]
    names = [f"V{n:02}" for n in range(1, 5)] + others
    assert [folder.name for folder in FOLDERS] == names


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_policy_does_what_its_requests_expect(folder: Path) -> None:
    asked, outcomes = tried(folder / "policy.toml", folder / "requests.toml")
    assert [f"{one.step.number}: {one.missed}" for one in outcomes if one.step and one.missed] == []
    said = [step for step in asked.steps if step.expect]
    assert len(said) >= len(asked.steps) - 1
    assert {one.granted for one in outcomes if one.step} == {True, False}
    for one in as_json(outcomes, asked.zone)["steps"]:
        assert one["granted"] or (one["rule"] and one["sentence"].endswith("."))


def run(*words: str) -> tuple[int, str, str]:
    done = RUNNER.invoke(app, ["reservations", "try", *words])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_shows_the_rule_that_decided() -> None:
    folder = CASES / "V04"
    code, out, _ = run(str(folder / "policy.toml"), str(folder / "requests.toml"))
    assert code == 0
    assert "refused by gap (policy.laser.gap)" in out
    assert "1 h must lie between two reservations of yours: 59 min lie between" in out
    assert "4 granted, 4 refused" in out


def test_the_command_ends_with_1_where_the_file_expects_otherwise(tmp_path: Path) -> None:
    text = (CASES / "V04" / "requests.toml").read_text().replace('expect = "lead"', 'expect = "granted"')
    requests = tmp_path / "requests.toml"
    requests.write_text(text)
    code, out, _ = run(str(CASES / "V04" / "policy.toml"), str(requests))
    assert code == 1
    assert "EXPECTED granted" in out
    code, out, _ = run(str(CASES / "V04" / "policy.toml"), str(requests), "--json")
    assert code == 1
    found = json.loads(out)
    assert found["unexpected"] == [1]
    assert found["steps"][0]["rule"] == "lead"
    assert found["steps"][0]["begins"] == "2026-03-02T09:59:00-06:00"


def test_the_command_names_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    policy = tmp_path / "reservations.toml"
    text = '[policy.laser]\nmachines = ["laser-1"]\n\n[[policy.laser.limits]]\nper = "weak"\nmost = 2\n'
    policy.write_text(text)
    code, _, err = run(str(policy), str(CASES / "V04" / "requests.toml"))
    assert code == 2
    assert f"{policy}:5: policy.laser.limits[1].per: is 'weak'. Did you mean \"week\"?" in err

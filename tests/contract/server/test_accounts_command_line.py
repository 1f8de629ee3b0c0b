"""`makerfloor account`, `team`, `guest` and `fund` as an operator types them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from booking_api import cli
from tests.kit.initialised import initialised

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Type a command; what it says, and that it ended with `code`."""
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def type_in(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        assert (ended.value.code or 0) == code, written
        return written.out if code == 0 else written.err

    initialised(tmp_path, type_in, "--name", "Space", "--timezone", "Europe/Berlin")
    type_in("member", "add", "Ada", "Byron", "--number", "17", "--credit-limit", "20")
    type_in("member", "add", "Ben", "Hall", "--number", "18")
    return type_in


def test_a_team_is_made_shown_and_closed(run: Run) -> None:
    assert run("team", "add", "bots", "Robots", "--owner", "17", "--monthly", "300") == (
        "Robots: 300.00 EUR a month\n"
    )
    run("team", "add", "arm", "Arm", "--parent", "bots", "--monthly", "120")
    assert run("team", "put", "bots", "18", "--monthly", "25") == "Ben Hall is in Robots.\n"
    run("team", "put", "bots", "18", "--role", "owner")
    run("account", "limit", "bots", "--credit", "500")
    shown = run("team", "show", "bots")
    for line in (
        "bots  Robots: may owe 500.00 EUR, 300.00 EUR a month; owes 0.00 EUR",
        r"  arm +0.00 EUR  120.00 EUR a month",
        r"  Ben Hall \(owner\) +0.00 EUR  of 25.00 EUR",
    ):
        assert re.search(line, shown), shown
    assert run("account", "choose", "18", "arm") == "Ben Hall charges to Arm.\n"
    run("team", "remove", "bots", "18")
    assert "at least one owner" in run("team", "remove", "bots", "17", code=1)
    assert run("team", "archive", "arm") == "Arm is closed.\n"
    assert re.search(r"  arm +Arm +120.00 EUR a month  closed", run("team", "list"))


def test_a_limit_is_set_and_taken_away(run: Run) -> None:
    assert "may owe 20.00 EUR" in run("account", "show", "17")
    assert run("account", "limit", "17", "--credit", "none", "--monthly", "80") == (
        "Ada Byron: 80.00 EUR a month\n"
    )
    assert "with --credit or --monthly" in run("account", "limit", "17", code=1)
    assert "is not an amount" in run("account", "limit", "17", "--credit", "much", code=1)
    assert "no member" in run("account", "show", "nobody", code=1)
    assert run("account", "exposure") == f"{'Out, together':40} 0.00 EUR\n"


def test_a_guest_has_until_the_end_of_a_day(run: Run) -> None:
    words = run("guest", "add", "Gus", "Day", "--last-day", "2026-12-31", "--credit", "20")
    assert words == "Guest 19: Gus Day, until the end of 2026-12-31\n"
    assert "may owe 20.00 EUR" in run("account", "show", "19")


def test_a_fund_is_added_changed_and_listed(run: Run) -> None:
    run("machine", "add", "laser-1", "Laser")
    term = ("--first-day", "2026-01-01", "--end", "2027-01-01")
    made = run("fund", "add", "city", "City", "--budget", "5000", *term, "--machine", "laser-1")
    words = "paid 0.00 EUR of 5000.00 EUR, from 2026-01-01 until 2027-01-01, for laser-1, then the space"
    assert re.sub(" +", " ", made) == f"city City {words}\n"
    run("fund", "change", "city", "--budget", "none", "--end", "none", "--after-budget", "account")
    listed = run("fund", "list")
    assert "of no limit, from 2026-01-01, for laser-1, then the account" in listed
    assert "There is no machine" in run("fund", "change", "city", "--machine", "saw", code=1)
    assert "There is no fund" in run("fund", "change", "x", "--budget", "1", code=1)

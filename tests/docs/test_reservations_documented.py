"""Every key of a policy and of a requests file is in docs/reservations.md, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api.tariffs.source import at_line
from floor.errors import ConfigError
from floor.reservation.load import FILE_KEYS, MACHINE_KEYS, POLICY_KEYS, read_policies
from floor.reservation.load_limits import LIMIT_KEYS
from floor.reservation.load_rules import READERS
from floor.reservation.load_space import BLOCK_KEYS, HOLIDAY_KEYS, TERM_KEYS, WINDOW_KEYS
from floor.reservation.model import Ahead, Counted, Extend, Order, Per, Then, Within
from floor.reservation.trial.file import (
    DOINGS,
    MEMBER_KEYS,
    REPEAT_KEYS,
    STEP_KEYS,
    read_requests,
)
from floor.reservation.trial.file import (
    FILE_KEYS as REQUEST_KEYS,
)
from floor.reservation.trial.run import run
from floor.wire.roster import OnReserved

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reservations.md").read_text(encoding="utf-8")
PAIR = re.compile(r"```toml\n([^`]+?)```\n\n```toml\n(timezone = [^`]+?)```")
ROW = re.compile(r"^\| (`[^|]+) \| [^|]+ \| `([^|]+)` \|$", re.MULTILINE)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
ZONE = ZoneInfo("Europe/Berlin")
NAMES = """
groups.lasers = ["laser-1"]
windows.peak = { days = "mon" }
terms = [{ name = "Spring", from = 2026-01-12, to = 2026-05-15 }]
"""
WITH = {
    "late_cancel_fee": 'cancel_free = "1 h"',
    "no_show_fee": 'no_show = "15 min"',
    "safe_before": 'priority = ["staff"]',
}
LIMIT_WITH = {
    "bars": 'per = "month"\nmost = 1\ncounts = "no_shows"',
    "window": 'per = "rolling"\nmost = 1',
    "then": 'per = "week"\nmost = "6 h"\ncounts = ["use"]',
    "most_time": 'per = "week"\nmost = 1',
    "per": "most = 1",
    "most": 'per = "day"',
}


def section(name: str) -> str:
    parts = SECTION.split(TEXT)
    return parts[parts.index(name) + 1]


def rows(name: str) -> list[tuple[str, str]]:
    return [(keys, example) for keys, example in ROW.findall(section(name))]


def keys_of(name: str) -> set[str]:
    return {key for keys, _ in rows(name) for key in re.findall(r"`(\w+)`", keys)}


def test_every_key_stands_in_its_table() -> None:
    assert keys_of("The file") == FILE_KEYS | MACHINE_KEYS
    assert keys_of("The rules") == POLICY_KEYS - MACHINE_KEYS
    assert set(READERS) <= keys_of("The rules")
    assert keys_of("Limits") == LIMIT_KEYS
    space = (WINDOW_KEYS | HOLIDAY_KEYS | TERM_KEYS | BLOCK_KEYS) - MACHINE_KEYS - {"name", "hours"}
    assert keys_of("Windows, holidays, terms, blocks") == space
    assert keys_of("Requests") == STEP_KEYS | {"timezone", "members", "machines"}


def test_every_word_is_on_the_page() -> None:
    words = {*Per, *Counted, *Then, *Within, *Ahead, *Extend, *Order, *OnReserved}
    words |= {one.replace("_", "-") for one in DOINGS} | MEMBER_KEYS | REPEAT_KEYS | REQUEST_KEYS
    assert [word for word in sorted(words) if not re.search(rf'[`"]{word}\b', TEXT)] == []


@pytest.mark.parametrize(("keys", "example"), rows("The file"))
def test_an_example_of_the_file_is_read(keys: str, example: str) -> None:
    is_policy = re.match(r"(machines|kinds|groups) = ", example)
    read_policies(f"{NAMES}[policy.x]\n{example}" if is_policy else example, "x.toml", ZONE)


@pytest.mark.parametrize(("keys", "example"), rows("The rules"))
def test_an_example_of_a_rule_is_read(keys: str, example: str) -> None:
    beside = WITH.get(re.findall(r"\w+", keys)[0], "")
    read_policies(f"{NAMES}[policy.x]\n{beside}\n{example}", "x.toml", ZONE)


@pytest.mark.parametrize(("keys", "example"), rows("Limits"))
def test_an_example_of_a_limit_is_read(keys: str, example: str) -> None:
    beside = LIMIT_WITH.get(re.findall(r"\w+", keys)[0], 'per = "day"\nmost = 2')
    read_policies(f"{NAMES}[policy.x]\n[[policy.x.limits]]\n{beside}\n{example}", "x.toml", ZONE)


@pytest.mark.parametrize(("policy", "requests"), PAIR.findall(TEXT))
def test_requests_are_answered_as_the_page_says(policy: str, requests: str) -> None:
    asked = read_requests(requests, "requests.toml", ZoneInfo)
    outcomes = run(read_policies(policy, "reservations.toml", asked.zone), asked)
    assert [one.missed for one in outcomes if one.missed] == []
    assert any(step.expect for step in asked.steps)


def test_every_block_of_toml_is_run() -> None:
    assert 2 * len(PAIR.findall(TEXT)) == TEXT.count("```toml")


def test_the_error_that_the_page_quotes_is_the_one_that_is_raised() -> None:
    text = '[policy.laser]\nmachines = ["laser-1"]\n\n[[policy.laser.limits]]\nper = "weak"\nmost = 2\n'
    with pytest.raises(ConfigError) as caught:
        read_policies(text, "reservations.toml", ZONE)
    assert f"`{at_line(caught.value, text)}`" in TEXT.replace("\n", " ")

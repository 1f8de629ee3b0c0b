"""Each safety rule is held by a test: the list of mutants is current, and some of them die in every run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.mutants.run import Mutant, lives, mutants

RULES = {
    "relays-open", "leases", "hung-dependencies", "roster-age", "clock", "taps", "emergency-stop", "journal",
    "late-events",
}  # fmt: skip
SLICE, SEED = 3, 5


def test_every_mutant_changes_one_place_that_is_there(root: Path) -> None:
    wrong = [
        f"{one.rule}: {one.what}" for one in mutants() if (root / one.file).read_text().count(one.old) != 1
    ]
    assert wrong == [], "their `old` does not stand exactly once in their file"


def test_every_rule_has_mutants_and_their_tests_are_there(root: Path) -> None:
    rules = Counter(one.rule for one in mutants())
    assert rules.keys() >= RULES
    missing = {test for one in mutants() for test in one.tests if not (root / test).exists()}
    assert missing == set()


@pytest.mark.parametrize(
    "one", Random(SEED).sample(mutants(), SLICE), ids=lambda one: f"{one.rule}: {one.what}"
)
def test_a_slice_of_them_is_noticed(one: Mutant) -> None:
    assert lives(one) == ""


def test_a_change_that_breaks_nothing_is_told() -> None:
    tests = ("tests/unit/test_gateway_watchdog.py",)
    assert "pass without it" in lives(
        Mutant("none", "words", "gateway/watchdog.py", "Send one", "Tell one", tests)
    )


def test_a_change_of_what_is_not_there_is_no_mutant() -> None:
    tests = ("tests/unit/test_gateway_watchdog.py",)
    assert "did not run" in lives(Mutant("none", "gone", "gateway/watchdog.py", "no such text", "", tests))

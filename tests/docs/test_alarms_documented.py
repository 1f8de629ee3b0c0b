"""Every alarm that the code can raise and every reason to refuse a tap stands in the runbook."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from booking_api.web.alarms import ALARMS
from floor.words import DenialReason

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "operations" / "runbook.md").read_text(encoding="utf-8")
ROOMS = ("booking_api", "firmware_bridge", "gateway", "hardware")
RAISES = {"alarm", "_alarm", "AlarmRaised"}
CODE = re.compile(r"[a-z]+(_[a-z]+)+")
PASSED_ON = "code"
"""What a function that hands an alarm on calls its code: it was raised, and is documented, elsewhere."""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            named = node.func
            if (getattr(named, "attr", None) or getattr(named, "id", None)) in RAISES:
                yield node


def raised(source: str) -> tuple[set[str], list[int]]:
    """The codes of a file, and the lines of alarms whose code is not to be seen there."""
    codes: set[str] = set()
    hidden: list[int] = []
    for call in calls(ast.parse(source)):
        given = [*call.args, *(word.value for word in call.keywords if word.arg == "code")]
        texts = [value.value for value in given if isinstance(value, ast.Constant)]
        found = {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)}
        codes |= found
        if not found and not any(isinstance(value, ast.Name) and value.id == PASSED_ON for value in given):
            hidden.append(call.lineno)
    return codes, hidden


def section(title: str) -> str:
    return RUNBOOK.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_every_alarm_stands_in_the_runbook_and_no_other() -> None:
    codes: set[str] = set()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            found, hidden = raised(path.read_text())
            assert hidden == [], f"{path}: an alarm's code is not a literal"
            codes |= found
    assert first_cells(section("Alarms")) == codes
    assert set(ALARMS) == codes, "each has a name on the pages"


def test_the_alarms_that_presets_wait_for_are_raised() -> None:
    files = sorted((ROOT / "booking_api").rglob("maintenance.toml"))
    plans = [(file, plan) for file in files for plan in tomllib.loads(file.read_text())["plans"]]
    waited = {(file.parent.name, code) for file, plan in plans for code in plan.get("alarms", ())}
    assert waited, "some plan shows how"
    assert {(name, code) for name, code in waited if code not in ALARMS} == set()


def test_an_alarm_is_seen_wherever_its_code_stands() -> None:
    source = (
        'a.alarm("on_fire", words)\nb._alarm(entry, None, "too_wet", "")\nAlarmRaised(code="odd_smell")\n'
    )
    assert raised(source) == ({"on_fire", "too_wet", "odd_smell"}, [])
    assert raised("a._alarm(entry, machine, code, words)") == (set(), [])
    assert raised("a.alarm(make_code())") == (set(), [1])


def test_every_reason_to_refuse_a_tap_stands_in_the_runbook_and_no_other() -> None:
    assert first_cells(section("A member cannot unlock a machine")) == set(DenialReason)

"""Every key of a machine's policy stands on its page, with the default that holds."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from floor.policy import MachinePolicy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "machines.md").read_text(encoding="utf-8")


def test_every_key_of_a_policy_stands_on_the_page_with_its_default() -> None:
    said = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    defaults = {one.name: str(one.default) for one in fields(MachinePolicy)}
    assert said == {key: value.lower() for key, value in defaults.items()}

"""Examples of docs/memberships.md are read as they stand; every key and every preset's file is on a page."""

from __future__ import annotations

import re
from pathlib import Path

from booking_api.memberships import plan_file
from booking_api.presets import library
from booking_api.presets.apply import READERS
from floor.membership import Cycle, Proration
from floor.money import Commodity

DOCS = Path(__file__).resolve().parents[2] / "docs"
MEMBERSHIPS = (DOCS / "memberships.md").read_text(encoding="utf-8")
PRESETS = (DOCS / "presets.md").read_text(encoding="utf-8")
EUR = Commodity("EUR")


def test_the_examples_are_plans() -> None:
    (plans,) = re.findall(r"```toml\n(.*?)```", MEMBERSHIPS, re.DOTALL)
    found = plan_file.read_file(plans, "plans.toml", EUR)
    assert [plan.id for plan, _ in found] == ["full", "solidarity", "team", "day"]
    assert all(plan_file.read_kept(kept) == plan for plan, kept in found)


def test_every_key_and_word_is_on_the_page() -> None:
    keys = plan_file.PLAN_KEYS | plan_file.CHOOSE_KEYS | plan_file.REDUCED_KEYS | plan_file.ALLOWANCE_KEYS
    keys |= set(Cycle) | set(Proration)
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", MEMBERSHIPS)] == []


def test_every_preset_and_file_is_on_the_page() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PRESETS, re.MULTILINE) == list(library.ORDER)
    assert [pattern for pattern, _ in READERS if f"`{pattern}`" not in PRESETS] == []

"""axe-core in the pages of browser tests: what keeps people from reading or using them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = frozenset({"serious", "critical"})
RUN = "axe.run(document, {resultTypes: ['violations']})"


def grave(page: Page) -> list[str]:
    """Return each serious or critical violation, with the first element that has it."""
    page.evaluate(script())
    return graves(page.evaluate(RUN))


def graves(found: Any) -> list[str]:
    """Return the serious and critical ones of what axe found."""
    said = [one for one in found["violations"] if one["impact"] in GRAVE]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in said]


@cache
def script() -> str:
    """Return axe itself, as package.json pins it."""
    assert SOURCE.is_file(), "axe-core is missing: `make setup`, or `npm ci`, brings it"
    return SOURCE.read_text()

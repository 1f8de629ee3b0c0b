"""What docs/drivers/accuracy.md promises, for the tests that measure it: a figure is written in one place."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "drivers" / "accuracy.md"
ROW = re.compile(
    r"^\| (?P<what>[^|]+) \| [^|]+ \| (?P<goal>[^|]+) \| (?P<within>[^|]+) \| `(?P<test>[^`|]+)` \|$",
    re.MULTILINE,
)
FIGURE = re.compile(r"([\d.]+) (%|s|mWh)")


def rows() -> dict[str, re.Match[str]]:
    """Return the rows of the page's table by their first cell."""
    return {found["what"]: found for found in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


def figure(cell: str) -> float:
    """Read a cell: seconds and mWh as they stand, percent as a part of one; `exact` is nothing at all."""
    if cell == "exact":
        return 0.0
    found = FIGURE.fullmatch(cell)
    assert found, f"no figure: {cell!r}"
    return float(found[1]) / (100 if found[2] == "%" else 1)


def within(what: str) -> float:
    """Return how far the page says that a figure is off at most."""
    return figure(rows()[what]["within"])

"""Each figure of a report, and each part of the space index, stands in docs/reports.md as it is."""

from __future__ import annotations

from pathlib import Path

from booking_api.reports.index import ANCHORS, WEIGHTS, Part
from booking_api.reports.year_words import INDEX, MEANINGS, NAMES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reports.md").read_text()


def test_each_figure_has_its_sentence() -> None:
    assert NAMES.keys() == MEANINGS.keys()
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for id, meaning in MEANINGS.items():
        assert [line for line in lines if line.startswith(f"| `{id}` | {NAMES[id]} |") and meaning in line], (
            id
        )


def test_each_part_of_the_index_has_its_anchors_and_weight() -> None:
    assert sum(WEIGHTS.values()) == 100
    for part in Part:
        row = next(line for line in PAGE.splitlines() if f"`reports.weight_{part}`" in line)
        cells = [cell.strip() for cell in row.split("|")]
        assert (cells[1], cells[3], cells[5]) == (
            INDEX[part][0],
            str(ANCHORS[part].low),
            str(WEIGHTS[part]),
        )
        assert cells[4].split()[0] == str(ANCHORS[part].high)

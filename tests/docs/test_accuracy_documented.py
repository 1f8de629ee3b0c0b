"""docs/drivers/accuracy.md promises what the issue of accuracy asks for, and only what a test measures."""

from __future__ import annotations

from tests.kit.accuracy import PAGE, ROOT, figure, rows


def test_every_figure_is_measured_by_the_test_that_it_names() -> None:
    found = rows()
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(found) == len(table) - 2, "a row is not read"
    for what, row in found.items():
        assert f'"{what}"' in (ROOT / row["test"]).read_text(encoding="utf-8"), f"{row['test']} lacks {what}"


def test_no_figure_is_worse_than_its_goal() -> None:
    assert [what for what, row in rows().items() if figure(row["within"]) > figure(row["goal"])] == []

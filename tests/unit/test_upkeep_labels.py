"""Sheets of labels: what is printed lies where the sheet has its labels, and every sheet is symmetric."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from booking_api.machines.models import Machine
from booking_api.maintenance import labels
from booking_api.maintenance.labels import SHEETS, Sheet
from floor.errors import Refused

PAPERS_UM = {"a4": (210_000, 297_000), "us-letter": (215_900, 279_400)}
POINT_UM = 25_400 / 72
NEAR_UM = 20
WORD = re.compile(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">m-(\d+)</word>')


def words(made: bytes, tmp_path: Path) -> dict[int, tuple[int, tuple[float, ...]]]:
    """Return where the codes of machines stand: page, and left, top, right, bottom in micrometres."""
    program = shutil.which("pdftotext")
    assert program, "no pdftotext: install it with `apt-get install poppler-utils`"
    file = tmp_path / "made.pdf"
    file.write_bytes(made)
    done = subprocess.run([program, "-bbox", str(file), "-"], capture_output=True, check=True, timeout=60)
    pages = done.stdout.decode().split("<page ")[1:]
    return {
        int(n): (page, tuple(float(edge) * POINT_UM for edge in edges))
        for page, text in enumerate(pages)
        for *edges, n in WORD.findall(text)
    }


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_each_code_stands_in_its_own_label(sheet: Sheet, tmp_path: Path) -> None:
    wide, high = PAPERS_UM[sheet.paper]
    across = sheet.columns * sheet.width_um + (sheet.columns - 1) * sheet.gap_um
    assert wide - across == pytest.approx(2 * sheet.left_um, abs=NEAR_UM)
    assert high - sheet.rows * sheet.height_um == pytest.approx(2 * sheet.top_um, abs=NEAR_UM)
    machines = [
        Machine(id=f"m-{n}", name="Laser cutter with a long name 100 W", location="Laser room")
        for n in range(sheet.labels)
    ]
    found = words(labels.print_labels(machines, sheet, "https://floor.example", "Scan it.", 1), tmp_path)
    assert sorted(found) == list(range(sheet.labels))
    for n, (page, (left, top, right, bottom)) in found.items():
        assert page == (n + 1) // sheet.labels
        row, column = divmod((n + 1) % sheet.labels, sheet.columns)
        begin = sheet.left_um + column * (sheet.width_um + sheet.gap_um)
        assert begin < left < right < begin + sheet.width_um
        begin = sheet.top_um + row * sheet.height_um
        assert begin < top < bottom < begin + sheet.height_um


def test_what_cannot_be_printed_is_refused() -> None:
    sheet = labels.sheet_of("a4-2x4")
    machine = Machine(id="m-1", name="M")
    for machines, skip in (([machine], 8), ([machine], -1), ([], 0), ([machine] * 1_001, 0)):
        with pytest.raises(Refused):
            labels.print_labels(machines, sheet, "https://floor.example", "", skip)

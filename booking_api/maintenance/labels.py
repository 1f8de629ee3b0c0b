"""Labels of machines to print on common sheets: name, code, and a QR code of the machine's page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import segno

from booking_api.documents import pdf
from booking_api.machines.models import Machine
from floor.errors import Refused

LABELS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of labels; lengths are micrometres. `gap_um` is between columns; rows have none."""

    name: str
    paper: str
    columns: int
    rows: int
    width_um: int
    height_um: int
    left_um: int
    top_um: int
    gap_um: int = 0

    @property
    def labels(self) -> int:
        """How many labels a sheet has."""
        return self.columns * self.rows


SHEETS: dict[str, Sheet] = {
    "a4-3x8": Sheet("A4, 3 × 8 (70 × 37 mm)", "a4", 3, 8, 70_000, 37_000, 0, 500),
    "a4-3x7": Sheet("A4, 3 × 7 (63.5 × 38.1 mm)", "a4", 3, 7, 63_500, 38_100, 7_250, 15_150, 2_500),
    "a4-2x7": Sheet("A4, 2 × 7 (99.1 × 38.1 mm)", "a4", 2, 7, 99_100, 38_100, 4_650, 15_150, 2_500),
    "a4-2x4": Sheet("A4, 2 × 4 (99.1 × 67.7 mm)", "a4", 2, 4, 99_100, 67_700, 4_650, 13_100, 2_500),
    "letter-3x10": Sheet(
        "Letter, 3 × 10 (66.7 × 25.4 mm)", "us-letter", 3, 10, 66_675, 25_400, 4_760, 12_700, 3_175
    ),
    "letter-2x5": Sheet(
        "Letter, 2 × 5 (101.6 × 50.8 mm)", "us-letter", 2, 5, 101_600, 50_800, 3_970, 12_700, 4_760
    ),
}
"""Common sizes, centred on the paper. No maker's drawing was at hand: print one sheet on paper first."""


def sheet_of(id: str) -> Sheet:
    """Return a sheet; raises Refused for an unknown one."""
    if id not in SHEETS:
        raise Refused("sheet_malformed", f"Choose a sheet: {', '.join(SHEETS)}.")
    return SHEETS[id]


def print_labels(machines: Sequence[Machine], sheet: Sheet, address: str, words: str, skip: int = 0) -> bytes:
    """Return the labels as PDF; the first `skip` places of the sheet stay empty. Raises Refused.

    `address` is the server's; `words` say what the code is for.
    """
    if not 0 <= skip < sheet.labels:
        raise Refused("sheet_malformed", f"Leave 0 to {sheet.labels - 1} labels empty.")
    if not 0 < len(machines) <= LABELS_MAX:
        raise Refused("labels_missing", "There is no machine to print a label of.")
    labels = [
        {"name": one.name, "code": one.id, "place": one.location, "qr": _qr(f"{address}/machines/{one.id}")}
        for one in machines
    ]
    lengths = ("width", "height", "left", "top", "gap")
    data = {name: f"{getattr(sheet, f'{name}_um')}" for name in lengths}
    shape = {"paper": sheet.paper, "columns": sheet.columns, "rows": sheet.rows, "skip": skip}
    return pdf.pdf("labels", {"labels": labels, "words": words} | shape | data)


def _qr(address: str) -> str:
    out = io.BytesIO()
    segno.make_qr(address, error="m").save(out, kind="svg", border=2, xmldecl=False)
    return out.getvalue().decode()

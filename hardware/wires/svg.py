"""A sheet as an SVG: the header as it is seen from above, the wires, the devices, and what to mind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import count
from textwrap import wrap

from hardware.wires.header import HEADER, Rail, label
from hardware.wires.plan import Laid, Sheet

ROW = 26
TOP = 64
DOTS = 172
"""Where the left column of the header is."""
LABELLED = 276
"""Where the labels of the right column's pins end that are used here."""
EDGE = 320
"""Where the wires' lanes begin."""
LANE = 11
BOX = 470
LETTER = 7.0
"""The width that is allowed for a letter of 12 px."""
RAILS = {Rail.V3: "#e07b00", Rail.V5: "#d00000", Rail.GND: "#222222"}
SIGNALS = ("#0064c8", "#008040", "#8a2be2", "#b8860b", "#c71585", "#008b8b", "#6b4226", "#4b6f00")
LAMPS = {"red": "#b3003c", "amber": "#e8a000", "green": "#008040", "blue": "#0064c8"}
STYLE = (
    "text{font:12px sans-serif;fill:#222}.b{font-weight:bold}.g{fill:#767676}.s{font-size:11px}"
    ".n{font-size:9px}.w{fill:#fff}.h{font-size:16px;font-weight:bold}.wire{fill:none;stroke-width:2.5}"
)


def drawing(sheet: Sheet) -> str:
    """Return the SVG of a sheet."""
    lanes = sum(laid.physical is not None for _, wires in sheet.parts for laid in wires)
    left = EDGE + 24 + LANE * lanes
    parts = list(_parts(sheet, left))
    bottom = max(TOP + 20 * ROW, max((y for y, _ in parts), default=0)) + 28
    width = left + BOX + 16
    notes = list(_notes(sheet, bottom, width))
    height = (notes[-1][0] if notes else bottom) + 16
    body = [*_header(sheet), *(text for _, text in parts), *(text for _, text in notes)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>Wiring of {escape(sheet.machine)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            _text(16, 26, f"Wiring of {sheet.machine}", "h"),
            _text(16, 44, "Header of the Pi, seen from above; pin 1 is at the corner of the board", "g s"),
            *body,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    style = f' class="{css}"' if css else ""
    return f'<text x="{x:g}" y="{y:g}"{style} text-anchor="{anchor}">{escape(words)}</text>'


def _at(physical: int) -> tuple[int, int]:
    """Where a pin is."""
    return DOTS + (physical + 1) % 2 * 22, TOP + (physical - 1) // 2 * ROW + 13


def _header(sheet: Sheet) -> Iterator[str]:
    used = sheet.used
    yield f'<rect x="{DOTS - 14}" y="{TOP}" width="50" height="{20 * ROW}" rx="4" fill="#3a3f44"/>'
    for physical in range(1, len(HEADER) + 1):
        x, y = _at(physical)
        what = HEADER[physical - 1]
        rail = RAILS[what] if isinstance(what, Rail) else "#dddddd"
        yield f'<circle cx="{x}" cy="{y}" r="9" fill="{rail}" stroke="#ffffff"/>'
        yield _text(x, y + 3, str(physical), "n w" if isinstance(what, Rail) else "n", "middle")
        words, css = label(physical), "b" if physical in used else "g"
        if physical not in used and physical in sheet.others and not isinstance(what, Rail):
            words, css = f"{words} ({sheet.others[physical][:7]})", "g"
        if physical % 2:
            yield _text(DOTS - 20, y + 4, words, css, "end")
        else:
            yield _text(DOTS + 44, y + 4, words, css)


def _parts(sheet: Sheet, left: int) -> Iterator[tuple[int, str]]:
    """Each part as a box, and its wires; with each the lowest y that it reaches."""
    y, lane, signals = TOP, count(EDGE + 12, LANE), count()
    for part, wires in sheet.parts:
        height = 28 + ROW * len(wires)
        size = f'x="{left}" y="{y}" width="{BOX}" height="{height}"'
        yield y + height, f'<rect {size} rx="6" fill="#f4f6f8" stroke="#8a949e"/>'
        yield y, _text(left + 14, y + 17, part.title, "b")
        for n, laid in enumerate(wires):
            row = y + 32 + ROW * n  # between the heights at which wires leave the header
            yield row, _text(left + 14, row + 4, laid.wire.end, "b")
            yield row, _text(left + 90, row + 4, _cut(laid.wire.note, BOX - 100), "s")
            if laid.physical is not None:
                yield row, _wire(laid, next(lane), left, row, next(signals))
        y += height + 11


def _cut(words: str, width: float) -> str:
    most = int(width / LETTER)
    return words if len(words) <= most else words[: most - 1] + "…"


def _wire(laid: Laid, lane: int, left: int, row: int, signal: int) -> str:
    assert laid.physical is not None
    x, y = _at(laid.physical)
    rail = laid.wire.pin
    plain = SIGNALS[signal % len(SIGNALS)]
    colour = RAILS[rail] if isinstance(rail, Rail) else LAMPS.get(laid.wire.end, plain)
    # a wire of the left column runs below the pin beside it and its label
    path = f"M{x} {y + 9} V{y + 13} H{lane}" if laid.physical % 2 else f"M{LABELLED} {y} H{lane}"
    what = f'class="wire" data-pin="{laid.physical}" stroke="{colour}"'
    return f'<path {what} d="{path} V{row} H{left}"/><circle cx="{left}" cy="{row}" r="4" fill="{colour}"/>'


def _notes(sheet: Sheet, y: int, width: int) -> Iterator[tuple[int, str]]:
    lines: list[tuple[str, str]] = []
    if sheet.config:
        lines.append(("b", "In /boot/firmware/config.txt: " + ", ".join(sheet.config)))
    for words in sheet.warnings:
        lines += (("", line) for line in _wrapped(f"! {words}", width))
    lines += (("g", line) for line in _wrapped(LAST, width))
    for n, (css, line) in enumerate(lines):
        yield y + 18 * n, _text(16, y + 18 * n, line, css)


LAST = (
    "All signals are 3.3 V. Switch the Pi off before you wire it. A software relay is not a safety function; "
    "mains wiring is work for an electrician."
)


def _wrapped(words: str, width: int) -> Iterable[str]:
    return wrap(words, int((width - 32) / LETTER), subsequent_indent="  ")

"""Charts that the server draws: numbers in, geometry out; macros_charts.html writes the geometry as SVG.

How a page gets one::

    from booking_api.web import charts                               # in the page's module
    values["cost"] = charts.bars("cost", gettext("Costs"), months, [Series(gettext("fixed"), sums)],
                                 say=lambda micro: f.money(micro, code), csv="/pools.csv")

    {% from "macros_charts.html" import chart with context %}        {# in its template, #}
    <link rel="stylesheet" href="/static/charts.css">                {# in its head #}
    {{ chart(cost) }}

`bars` (beside each other, stacked, below nought), `lines` (None is a gap), `heat` (rows by columns), `strips`
(what stood when, one row a machine; also bars that lie) and `share` (one bar, divided). Each has a title, an
accessible name, a legend where there is more than one series, the same numbers as a table, and a link to a
CSV file when `csv` names one (exports/sheet.py, of `head` and `raw`). `say` writes a number for people.

Across, geometry is in per cents of the box, so a chart fits 360 pixels with letters of full size; of the
words below it, those marked `narrow` stay there. Colours come with patterns (charts.css): a tone is "1" to
"6", or one of the states in STATES.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from booking_api.web.chart_shapes import Box, Line, Mark, Number, Say, Tick
from booking_api.web.chart_shapes import Chart as Chart
from booking_api.web.chart_shapes import Series as Series
from booking_api.web.formats import Formats

STATES = ("good", "bad", "busy", "powered_idle", "reserved_unused", "locked_out", "offline", "unused")
TONES = ("1", "2", "3", "4", "5", "6", *STATES)
WIDE, NARROW = 13, 5
"""So many words stand below a chart on a desk, and on a phone."""
ROOM, ROOM_NARROW, LETTER, BETWEEN = 480, 230, 7, 10
"""The pixels that words below a chart have on a desk and on a phone; of a letter, and between two words."""
WIDEST = 12
"""The most per cents of the box that a bar is wide, so that one alone is still a bar."""
LEVELS = 10
GAP = 0.18
"""The part of a band that stays empty between groups of bars."""


def nice_ticks(low: Number, high: Number, most: int = 5) -> list[Number]:
    """Return round numbers, 1, 2 or 5 times a power of ten apart, that reach round both ends and hold 0.

    Of whole numbers they are whole. At least two are returned, and about `most`.
    """
    low, high = min(low, 0), max(high, 0)
    if low == high:
        high = 1
    rough = Fraction(high - low) / max(1, most - 1)
    power = Fraction(10) ** (len(str(int(rough))) - 1 if rough >= 1 else math.floor(math.log10(rough)))
    step = next(power * by for by in (1, 2, 5, 10) if power * by >= rough)
    if isinstance(low, int) and isinstance(high, int) and step < 1:
        step = Fraction(1)
    first, last = math.floor(low / step), math.ceil(high / step)
    found = [step * n for n in range(first, last + 1)]
    return [int(one) if one.denominator == 1 else one for one in found]


def bars(
    id: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    say: Say,
    *,
    stacked: bool = False,
    unit: str = "",
    first: str = "",
    csv: str = "",
    height: int = 220,
) -> Chart:
    """Draw a group of bars for each label, or one stack; `first` heads the table's column of labels.

    What is below nought is drawn below it, in stacks too.
    """
    series = _toned(series)
    ticks = nice_ticks(*_reach(labels, series, stacked))
    scale = _Scale(ticks[0], ticks[-1])
    found: list[Box] = []
    band = 100 / max(1, len(labels))
    count = 1 if stacked else max(1, len(series))
    width = min(band * (1 - GAP) / count, WIDEST)
    for at, label in enumerate(labels):
        up: Number = 0
        down: Number = 0
        for n, one in enumerate(series):
            value = one.values[at]
            if not value:
                continue
            begin: Number = 0
            if stacked:
                begin, up, down = (up, up + value, down) if value > 0 else (down, up, down + value)
            x = band * (at + 0.5) + width * ((0 if stacked else n) - count / 2)
            top, bottom = sorted((scale.y(begin), scale.y(begin + value)))
            words = f"{label}: {one.name} {say(value)}" if one.name else f"{label}: {say(value)}"
            found.append(Box(_cut(x), _cut(top), _cut(width), _cut(bottom - top), one.tone, words))
    drawn = _framed(id, "bars", title, labels, series, say, ticks, unit, first, csv, height)
    return replace(drawn, boxes=tuple(found))


def lines(
    id: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    say: Say,
    *,
    unit: str = "",
    first: str = "",
    csv: str = "",
    height: int = 220,
) -> Chart:
    """Draw a line for each series, with a mark at each number; a gap where there is none."""
    series = _toned(series)
    ticks = nice_ticks(*_reach(labels, series, stacked=False))
    scale = _Scale(ticks[0], ticks[-1])
    band = 100 / max(1, len(labels))
    paths: list[Line] = []
    marks: list[Mark] = []
    for one in series:
        d: list[str] = []
        before = False
        for at, value in enumerate(one.values):
            if value is not None:
                x, y = _cut(band * (at + 0.5)), _cut(scale.y(value))
                d.append(f"{'L' if before else 'M'}{x:g} {y:g}")
                words = (
                    f"{labels[at]}: {one.name} {say(value)}" if one.name else f"{labels[at]}: {say(value)}"
                )
                marks.append(Mark(x, y, one.tone, words))
            before = value is not None
        paths.append(Line("".join(d), one.tone))
    drawn = _framed(id, "lines", title, labels, series, say, ticks, unit, first, csv, height)
    return replace(drawn, paths=tuple(paths), marks=tuple(marks))


def heat(
    id: str,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[Number | None]],
    say: Say,
    *,
    first: str = "",
    csv: str = "",
    row_height: int = 26,
) -> Chart:
    """Draw a cell for each row and column, the darker the larger its number (0 and more); None is no cell."""
    most = max((one for row in values for one in row if one is not None), default=0)
    wide, high = 100 / max(1, len(columns)), 100 / max(1, len(rows))
    found: list[Box] = []
    for r, row in enumerate(values):
        for c, value in enumerate(row):
            if value is None:
                continue
            level = round(LEVELS * (value / most)) if most > 0 else 0
            words = f"{rows[r]}, {columns[c]}: {say(value)}"
            box = Box(_cut(wide * c), _cut(high * r), _cut(wide), _cut(high), "", words, max(0, level))
            found.append(replace(box, text=say(value)))
    table = [Series(column, [row[n] for row in values]) for n, column in enumerate(columns)]
    drawn = Chart(
        id=id,
        kind="heat",
        title=title,
        label=title,
        height=row_height * max(1, len(rows)),
        gutter=_gutter(rows),
        boxes=tuple(found),
        y_ticks=tuple(Tick(_cut(high * (n + 0.5)), name) for n, name in enumerate(rows)),
        x_ticks=_below(columns, WIDE * 2),
        csv=csv,
    )
    return _tabled(drawn, rows, table, say, first)


def strips(
    id: str,
    title: str,
    rows: Sequence[tuple[str, Sequence[tuple[Number, Number, str]]]],
    span: tuple[Number, Number],
    ticks: Sequence[tuple[Number, str]],
    names: Mapping[str, str],
    say: Say,
    *,
    first: str = "",
    csv: str = "",
    row_height: int = 28,
) -> Chart:
    """Draw a row of stretches (from, to, tone) between the ends of `span`; what lies outside is cut off.

    `names` says what each tone means; the table has the sum of each tone by row, written by `say`.
    """
    begin, end = span
    if end <= begin:
        end = begin + 1
    scale = _Scale(begin, end)
    high = 100 / max(1, len(rows))
    found: list[Box] = []
    sums: dict[str, list[Number]] = {tone: [0] * len(rows) for tone in names}
    for n, (row, stretches) in enumerate(rows):
        for one, other, tone in stretches:
            low, top = max(one, begin), min(other, end)
            if low >= top:
                continue
            sums[tone][n] += top - low
            x, until = scale.x(low), scale.x(top)
            words = f"{row}: {names[tone]} {say(top - low)}"
            size = _cut(until - x), _cut(high * 0.72)
            found.append(Box(_cut(x), _cut(high * (n + 0.14)), *size, tone, words))
    labels = [name for name, _ in rows]
    table = [Series(names[tone], sums[tone], tone) for tone in names]
    used = tuple((names[tone], tone) for tone in names)
    drawn = Chart(
        id=id,
        kind="strips",
        title=title,
        label=title,
        height=row_height * max(1, len(rows)),
        gutter=_gutter(labels),
        boxes=tuple(found),
        x_ticks=_along(ticks, scale),
        legend=used,
        y_ticks=tuple(Tick(_cut(high * (n + 0.5)), name) for n, name in enumerate(labels)),
        tones=tuple(names),
        csv=csv,
    )
    return _tabled(drawn, labels, table, say, first)


def share(id: str, title: str, parts: Sequence[Series], say: Say, *, first: str = "", csv: str = "") -> Chart:
    """Draw one bar, divided by the first number of each part; what is 0 or less takes no place."""
    parts = _toned(parts)
    sizes = [max(0, one.values[0] or 0) for one in parts]
    whole = sum(sizes)
    found: list[Box] = []
    so_far: Number = 0
    for one, size in zip(parts, sizes, strict=True):
        if size:
            x, until = _part(so_far, whole), _part(so_far + size, whole)
            words = f"{one.name}: {say(size)}"
            found.append(Box(_cut(x), 0, _cut(until - x), 100, one.tone, words))
            so_far += size
    names = [one.name for one in parts]
    table = [Series("", [one.values[0] for one in parts])]
    drawn = Chart(
        id=id,
        kind="share",
        title=title,
        label=title,
        height=34,
        gutter=0,
        boxes=tuple(found),
        legend=tuple((f"{one.name} {say(one.values[0] or 0)}", one.tone) for one in parts),
        tones=tuple(dict.fromkeys(one.tone for one in parts)),
        csv=csv,
    )
    return _tabled(drawn, names, table, say, first)


def money_say(f: Formats, commodity: str) -> Say:
    """Return what writes micro-units of a commodity."""

    def write(micro: Number) -> str:
        return f.money(Fraction(micro), commodity)

    return write


@dataclass(frozen=True, slots=True)
class _Scale:
    """From numbers to per cents."""

    low: Number
    high: Number

    def x(self, value: Number) -> float:
        return _part(value - self.low, self.high - self.low)

    def y(self, value: Number) -> float:
        return 100 - self.x(value)


def _part(value: Number, whole: Number) -> float:
    """Return per cents from 0 to 100, exact for any size of whole numbers."""
    if not whole:
        return 0.0
    part = 100 * Fraction(value) / Fraction(whole)
    return min(100.0, max(0.0, float(part)))


def _cut(value: float) -> float:
    return round(value, 3)


def _toned(series: Sequence[Series]) -> list[Series]:
    return [one if one.tone else replace(one, tone=TONES[n % 6]) for n, one in enumerate(series)]


def _reach(labels: Sequence[str], series: Sequence[Series], stacked: bool) -> tuple[Number, Number]:
    """Return the least and the largest that is drawn."""
    columns = [[one.values[at] or 0 for one in series] for at in range(len(labels))]
    if stacked:
        ups = [sum(max(0, one) for one in column) for column in columns]
        downs = [sum(min(0, one) for one in column) for column in columns]
        return min(downs, default=0), max(ups, default=0)
    flat = [one for column in columns for one in column]
    return min(flat, default=0), max(flat, default=0)


def _framed(
    id: str,
    kind: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    say: Say,
    ticks: Sequence[Number],
    unit: str,
    first: str,
    csv: str,
    height: int,
) -> Chart:
    """Return what bars and lines have in common: axes, legend, table."""
    scale = _Scale(ticks[0], ticks[-1])
    y_ticks = tuple(Tick(_cut(scale.y(one)), say(one)) for one in ticks)
    zero = _cut(scale.y(0))
    drawn = Chart(
        id=id,
        kind=kind,
        title=title,
        label=f"{title} ({unit})" if unit else title,
        height=height,
        gutter=_gutter([one.text for one in y_ticks]),
        y_ticks=y_ticks,
        x_ticks=_below(labels, WIDE),
        legend=tuple((one.name, one.tone) for one in series) if len(series) > 1 else (),
        zero=zero if zero < 100 else None,
        unit=unit,
        csv=csv,
        tones=tuple(dict.fromkeys(one.tone for one in series)),
    )
    return _tabled(drawn, labels, series, say, first)


def _below(labels: Sequence[str], wide: int) -> tuple[Tick, ...]:
    """Return the words below bands: as many as have room on a desk, and fewer on a phone."""
    band = 100 / max(1, len(labels))
    words = len(labels) * (LETTER * max((_width(one) for one in labels), default=0) + BETWEEN)
    every = max(1, -(-len(labels) // wide), -(-words // ROOM))
    rare = every * max(1, -(-words // (every * ROOM_NARROW)))
    return tuple(
        Tick(_cut(band * (n + 0.5)), label, n % rare == 0) for n, label in enumerate(labels) if n % every == 0
    )


def _along(ticks: Sequence[tuple[Number, str]], scale: _Scale) -> tuple[Tick, ...]:
    """Return the words below moments; those at the ends stay within the box."""
    rare = -(-len(ticks) // NARROW)
    found = []
    for n, (at, text) in enumerate(ticks):
        x = scale.x(at)
        anchor = "start" if x < 4 else "end" if x > 96 else "middle"
        found.append(Tick(_cut(x), text, n % max(1, rare) == 0, anchor))
    return tuple(found)


def _gutter(words: Sequence[str]) -> int:
    """Return the pixels that the longest word takes; 180 at most."""
    return min(180, 10 + LETTER * max((_width(one) for one in words), default=0))


def _width(word: str) -> int:
    """Return how many letters wide a word is; Chinese letters are twice as wide."""
    return sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in word)


def _tabled(chart: Chart, labels: Sequence[str], series: Sequence[Series], say: Say, first: str) -> Chart:
    def rows(write: Say) -> tuple[tuple[str, ...], ...]:
        columns = [["" if one is None else write(one) for one in each.values] for each in series]
        return tuple(zip(labels, *columns, strict=True))

    head = (first, *(one.name for one in series))
    return replace(chart, head=head, rows=rows(say), raw=rows(_plain))


def _plain(value: Number) -> str:
    return str(value if not isinstance(value, Fraction) else float(value))

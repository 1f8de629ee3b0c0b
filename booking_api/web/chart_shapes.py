"""What a drawn chart is made of: rectangles, lines, marks and words, in per cents of its box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

Number = int | float | Fraction
Say = Callable[[Number], str]
"""Writes a number of the data for people."""


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers with a name, one for each label; None is no number. Without a tone it is by its place."""

    name: str
    values: Sequence[Number | None]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in per cents of the box; `title` is what a pointer reads, `level` a heat's tone."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str
    level: int = -1
    text: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points in per cents, as an SVG path of a box of 100 by 100."""

    d: str
    tone: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a line, in per cents."""

    x: float
    y: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A word beside an axis, at a per cent of it; `narrow` ones stay on a phone."""

    at: float
    text: str
    narrow: bool = True
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart: pixels for `height` and `gutter` (the words at its left), per cents for all else.

    `zero` is where nought lies, None where that is an edge. `raw` are the table's numbers for a CSV file.
    """

    id: str
    kind: str
    title: str
    label: str
    height: int
    gutter: int
    boxes: tuple[Box, ...] = ()
    paths: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    x_ticks: tuple[Tick, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    raw: tuple[tuple[str, ...], ...] = ()
    zero: float | None = None
    unit: str = ""
    csv: str = ""
    tones: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.boxes and not self.marks

"""The way that a laser was told to go, and how much of it was lit between two reports. Pure.

Reports are samples some 0.1 s apart: of a picture whose light goes on and off in between they show too
little. But a proxy sees every line, and reports say how far the machine has come: the lit part of the way
between two of them is known. Where position or light do not fit the lines (arcs, an offset that changed, a
line that was refused), nothing is said, and the samples count. Only X and Y: a laser cuts in a plane.
Sources: gnea/grbl v1.1 doc/markdown/laser_mode.md (G0 is dark, S modal), interface.md (WPos = MPos - WCO).
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass

MAX_STRETCHES = 4096
NEAR_MM = 0.03
"""How far a report may lie beside the way: more than half of a step, less than half between two rows."""

LEAST_WINDOW_S = 0.2
RAPID_MM_MIN = 6000.0
MM_PER_INCH = 25.4

Point = tuple[float, float]

_COMMENT = re.compile(r"\([^)]*\)|;.*|\s")
_WORD = re.compile(r"([A-Z])([+-]?(?:\d{1,9}\.?\d{0,9}|\.\d{1,9}))")
_STRANGE = frozenset({10.0, 28.0, 30.0, 38.2, 38.3, 38.4, 38.5, 43.1, 49.0, 53.0, 92.0, 92.1, 93.0})


@dataclass(frozen=True, slots=True)
class Went:
    """A stretch of the way: seconds at the programmed feed, those of them with light, and mm with light."""

    whole_s: float
    lit_s: float
    lit_mm: float


@dataclass(frozen=True, slots=True)
class _Line:
    start: Point
    end: Point
    length_mm: float
    mm_s: float
    lit: bool

    def along(self, at: Point) -> float | None:
        """How many mm along the line a point is; None for one that is not on it."""
        x, y = at[0] - self.start[0], at[1] - self.start[1]
        to_x, to_y = self.end[0] - self.start[0], self.end[1] - self.start[1]
        mm = (x * to_x + y * to_y) / self.length_mm
        beside = abs(x * to_y - y * to_x) / self.length_mm
        if beside > NEAR_MM or not -NEAR_MM <= mm <= self.length_mm + NEAR_MM:
            return None
        return min(max(mm, 0.0), self.length_mm)

    def went(self, mm: float) -> Went:
        took_s = mm / self.mm_s
        return Went(took_s, took_s, mm) if self.lit else Went(took_s, 0.0, 0.0)


def _add(one: Went, two: Went) -> Went:
    return Went(one.whole_s + two.whole_s, one.lit_s + two.lit_s, one.lit_mm + two.lit_mm)


class Path:
    """Lines of G-code go in as they pass, and positions as they are reported (mm, work coordinates)."""

    def __init__(self) -> None:
        self.rapid_mm_min = RAPID_MM_MIN
        self.reset()

    def reset(self) -> None:
        """The machine was reset: no way is left, and its modes are those of its start."""
        self._unit_mm, self._relative, self._motion = 1.0, False, 0.0
        self._feed, self._power, self._spindle = 0.0, 0.0, False
        self.lose()

    def lose(self) -> None:
        """Nothing is known of where it goes, until it stands still."""
        self._lines: deque[_Line] = deque(maxlen=MAX_STRETCHES)
        self._done_mm = 0.0
        self._end: Point | None = None
        self._known = False

    def stands(self, at: Point) -> None:
        """It is idle, with nothing left to do: what follows begins here."""
        self._lines.clear()
        self._done_mm, self._end, self._known = 0.0, at, True

    def told(self, text: str) -> None:
        """Take a line that passes to the machine."""
        bare = _COMMENT.sub("", text).upper()
        words = [(letter, float(number)) for letter, number in _WORD.findall(bare)]
        codes = {number for letter, number in words if letter == "G"}
        if bare.startswith(("$", "[")) or codes & _STRANGE or any(54 <= code < 60 for code in codes):
            self.lose()
        for letter, number in words:
            self._mode(letter, number)
        axes = {letter: number * self._unit_mm for letter, number in words if letter in "XY"}
        if axes and not codes & _STRANGE and 4.0 not in codes:
            self._move(axes)

    def _mode(self, letter: str, number: float) -> None:
        match letter, number:
            case "G", 20.0 | 21.0:
                self._unit_mm = MM_PER_INCH if number == 20.0 else 1.0
            case "G", 90.0 | 91.0:
                self._relative = number == 91.0
            case "G", 0.0 | 1.0 | 2.0 | 3.0 | 80.0:
                self._motion = number
            case "M", 3.0 | 4.0 | 5.0:
                self._spindle = number != 5.0
            case "M", 2.0 | 30.0:
                self._spindle, self._relative, self._motion = False, False, 1.0
            case "F", _:
                self._feed = number * self._unit_mm
            case "S", _:
                self._power = number

    def _move(self, axes: dict[str, float]) -> None:
        start = self._end
        if start is None and (self._relative or len(axes) < 2):
            return
        base = start or (0.0, 0.0)
        if self._relative:
            end = (base[0] + axes.get("X", 0.0), base[1] + axes.get("Y", 0.0))
        else:
            end = (axes.get("X", base[0]), axes.get("Y", base[1]))
        self._end = end
        cuts = self._motion == 1.0
        feed = self._feed if cuts else self.rapid_mm_min
        if start is None or self._motion not in (0.0, 1.0) or feed <= 0:
            return
        length_mm = math.dist(start, end)
        if length_mm > 0:
            if len(self._lines) == MAX_STRETCHES:
                self._done_mm, self._known = 0.0, False
            lit = cuts and self._spindle and self._power > 0
            self._lines.append(_Line(start, end, length_mm, feed / 60, lit))

    def went(self, at: Point, span_s: float, on: bool | None) -> Went | None:
        """Return what was done since the last report, `span_s` ago; None where that cannot be told.

        `on` is what the report says of the light, None where it says nothing.
        """
        known, self._known = self._known, False
        window_s = 3 * span_s + LEAST_WINDOW_S if known else math.inf
        so_far, best = Went(0.0, 0.0, 0.0), None
        for index, line in enumerate(self._lines):
            done_mm = 0.0 if index else self._done_mm
            mm = line.along(at)
            if mm is not None and mm >= done_mm - NEAR_MM:
                mm = max(mm, done_mm)
                went = _add(so_far, line.went(mm - done_mm))
                # of several places that fit, the one that is as far away as the time allows
                off_s = abs(went.whole_s - span_s)
                if best is None or off_s < best[0]:
                    best = off_s, index, mm, went
                if not known:
                    break
            so_far = _add(so_far, line.went(line.length_mm - done_mm))
            if so_far.whole_s > window_s:
                break
        if best is None:
            return None
        _, index, self._done_mm, went = best
        for _ in range(index):
            self._lines.popleft()
        self._known = True
        return went if known and self._fits(on) else None

    def _fits(self, on: bool | None) -> bool:
        line = self._lines[0]
        at_edge = min(self._done_mm, line.length_mm - self._done_mm) <= NEAR_MM
        return on is None or at_edge or line.lit == on

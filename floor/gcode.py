"""How much filament a G-code file asks for, and how much of it up to any byte: pure, streaming, bounded.

Counted is the high-water mark of net extrusion, for each tool: a retraction and its return cost nothing.
Understood: G0-G3 with E, G20/G21, G92 E, M82/M83, M200 D (E in mm³), T. As OctoPrint does by default, and
Klipper always, G90/G91 leave E alone, unless `g90_sets_e` says that the machine is a Marlin 2, where they
hold for E, too. Firmware retraction (G10/G11) nets out by itself; flow (M221) and an extruder that is axis A
(Slic3r for Mach3 and Machinekit) are not counted. Where a slicer says `; use_volumetric_e = 1` and no M200
stands in the file, the printer has its own, and E is in mm³.
Slicers' words: PrusaSlicer 2.x `; filament used [mm] = 1.0, 2.0`, `[cm3]`, `[g]`, `; total filament used
[g] = 3.0`; Slic3r 1.3 `; filament used = 434.0mm (1.0cm3)`; Cura `;Filament used: 1.2m, 0.5m`.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

MAX_LINE_BYTES = 4096
MAX_STEPS = 16384
MAX_TOOLS = 64
MAX_MM = 1e7
MAX_DISPLAY = 64

_COMMAND = re.compile(rb"\s*(?:[Nn]\d+\s*)?([GMTgmt])\s*0*(\d{1,4})(?![\d.])([^;]*)")
_COMMENT = re.compile(rb"\([^)]*\)")
_E = re.compile(rb"[Ee]\s*([-+]?(?:\d{1,12}(?:\.\d{0,20})?|\.\d{1,20}))")
_D = re.compile(rb"[Dd]\s*(\d{1,4}(?:\.\d{0,20})?)")
_CODE = re.compile(r"([GMTNgmtn])(?=\d)")
_AXIS = re.compile(rb"[XYZxyz]")
_SAID = re.compile(rb"\s*;\s*(?:total )?filament used\s*(?:\[(mm|cm3|g)\])?\s*[=:]\s*(.*)", re.IGNORECASE)
_SET = re.compile(rb"\s*;\s*(use_volumetric_e|filament_diameter)\s*=\s*(\d{1,4}(?:\.\d{0,20})?)")
_AMOUNT = re.compile(rb"(\d{1,9}(?:\.\d{0,20})?)\s*(mm|cm3|m|g)?(?![\w.])", re.IGNORECASE)


def display_command(text: str) -> str:
    """Return the M117 that shows `text` in one line of at most MAX_DISPLAY characters, and orders nothing.

    A line break or a comment sign would let a member's name become a command; and emergency parsers look
    for M112 anywhere in a line, so that no letter of a code stays before a digit ("M112" becomes "M 112").
    """
    line = "".join(letter if letter.isprintable() and letter not in ";*" else " " for letter in text)
    harmless = _CODE.sub(r"\1 ", line)
    return f"M117 {harmless[:MAX_DISPLAY].strip()}"


@dataclass(frozen=True, slots=True)
class Filament:
    """What is on the spool, for files that say no weight: diameter in mm, density in g/cm³, both > 0."""

    diameter_mm: float = 1.75
    density_g_cm3: float = 1.24

    @property
    def area_mm2(self) -> float:
        """The cross-section in mm²."""
        return math.pi * self.diameter_mm**2 / 4


@dataclass(frozen=True, slots=True)
class FilamentUse:
    """What one file asks for: micrometres by count, and weight by the slicer's word or by the spool's.

    `weighed` says that the slicer said the weight.
    """

    total_um: int
    mg_per_um: float
    weighed: bool
    _offsets: array[int] = field(repr=False)
    _amounts: array[int] = field(repr=False)

    def upto_um(self, offset: int) -> int:
        """Return what was extruded when the file was read up to `offset` bytes.

        Exact with up to MAX_STEPS extruding lines; beyond, short by at most 2/MAX_STEPS of the lines.
        """
        index = bisect_right(self._offsets, offset)
        return self._amounts[index - 1] if index else 0

    def mg(self, length_um: int) -> int:
        """Return the weight in mg of a length in µm of this job's filament."""
        return round(length_um * self.mg_per_um)


@dataclass(slots=True)
class _Tool:
    net_mm: float = 0.0
    high_mm: float = 0.0


class FilamentCounter:
    """Reads a G-code file piece by piece: `receive_data` any number of times, then `close`.

    It also counts lines of no file, as they are done: without `e_known` the first absolute E only says where
    the extruder stood, since nobody knows what was before; `extruded_um` is the count so far.
    """

    def __init__(self, filament: Filament, *, g90_sets_e: bool = False, e_known: bool = True) -> None:
        self._filament = filament
        self._rest = b""
        self._overlong = False
        self._offset = 0
        self._relative = False
        self._unit_mm = 1.0
        self._volumetric_mm2 = 0.0
        self._volumetric_known = False
        self._set: dict[bytes, float] = {}
        self._g90_sets_e = g90_sets_e
        self._e: float | None = 0.0 if e_known else None
        self._tools = {0: _Tool()}
        self._tool = self._tools[0]
        self._done_mm = 0.0
        self._said: dict[bytes, float] = {}
        self._offsets: array[int] = array("q")
        self._amounts: array[int] = array("q")
        self._stride = 1
        self._skipped = 0

    @property
    def extruded_um(self) -> int:
        """What the lines so far asked for, in micrometres; it never falls."""
        return round(self._done_mm * 1000)

    def receive_data(self, data: bytes) -> None:
        """Count one more piece of the file, cut anywhere; a line over MAX_LINE_BYTES is passed over."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._offset += len(line) + 1
            if self._overlong or len(line) > MAX_LINE_BYTES:
                self._overlong = False
            else:
                self._line(line)
        if self._overlong or len(rest) > MAX_LINE_BYTES:
            self._overlong = True
            self._offset += len(rest)
            rest = b""
        self._rest = rest

    def close(self) -> FilamentUse:
        """End the file and return what it asks for."""
        size = self._offset + len(self._rest)
        self.receive_data(b"\n")
        if self._set.get(b"use_volumetric_e") and not self._volumetric_known:
            self._from_volume(self._set.get(b"filament_diameter") or self._filament.diameter_mm)
        total_um = self.extruded_um
        while self._offsets and self._offsets[-1] >= size:
            self._offsets.pop()
            self._amounts.pop()
        self._offsets.append(size)
        self._amounts.append(total_um)
        weighed = bool(self._said.get(b"g"))
        return FilamentUse(total_um, self._mg_per_um(), weighed, self._offsets, self._amounts)

    def _from_volume(self, diameter_mm: float) -> None:
        area_mm2 = math.pi * diameter_mm**2 / 4
        self._done_mm /= area_mm2
        self._amounts = array("q", (round(amount / area_mm2) for amount in self._amounts))

    def _line(self, line: bytes) -> None:
        match = _COMMAND.match(line)
        if match is None:
            self._comment(line)
            return
        letter, number, words = match[1].upper(), int(match[2]), match[3]
        if b"(" in words:
            words = _COMMENT.sub(b"", words)
        if letter == b"G":
            self._g(number, words)
        elif letter == b"M":
            self._m(number, words)
        elif number < MAX_TOOLS:
            self._tool = self._tools.setdefault(number, _Tool())

    def _g(self, number: int, words: bytes) -> None:
        if number <= 3:
            found = _E.search(words)
            if found:
                self._move(float(found[1]) * self._unit_mm)
        elif number == 92:
            found = _E.search(words)
            if found:
                self._e = float(found[1]) * self._unit_mm
            elif not _AXIS.search(words):
                self._e = 0.0
        elif number in (20, 21):
            self._unit_mm = 25.4 if number == 20 else 1.0
        elif number in (90, 91) and self._g90_sets_e:
            self._relative = number == 91

    def _m(self, number: int, words: bytes) -> None:
        if number in (82, 83):
            self._relative = number == 83
        elif number == 200:
            self._volumetric_known = True
            found = _D.search(words)
            if found:
                self._volumetric_mm2 = math.pi * float(found[1]) ** 2 / 4

    def _move(self, e: float) -> None:
        before, self._e = self._e, e
        if self._relative:
            self._e = None if before is None else before + e
            by = e
        elif before is None:
            return
        else:
            by = e - before
        if self._volumetric_mm2:
            by /= self._volumetric_mm2
        if abs(by) > MAX_MM:
            return
        tool = self._tool
        tool.net_mm += by
        if tool.net_mm > tool.high_mm:
            self._done_mm += tool.net_mm - tool.high_mm
            tool.high_mm = tool.net_mm
            self._step()

    def _step(self) -> None:
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._offsets.append(self._offset)
        self._amounts.append(round(self._done_mm * 1000))
        if len(self._offsets) >= MAX_STEPS:
            self._offsets, self._amounts = self._offsets[1::2], self._amounts[1::2]
            self._stride *= 2

    def _comment(self, line: bytes) -> None:
        said = _SAID.match(line)
        if said is None:
            if found := _SET.match(line):
                self._set[found[1]] = float(found[2])
            return
        amounts: dict[bytes, float] = {}
        for amount in _AMOUNT.finditer(said[2]):
            unit = (amount[2] or said[1] or b"").lower()
            value = float(amount[1]) * (1000 if unit == b"m" else 1)
            name = b"mm" if unit == b"m" else unit
            amounts[name] = amounts.get(name, 0.0) + value
        for name, value in amounts.items():
            # the sum over tools and the total stand on two lines and are equal but for rounding
            self._said[name] = max(value, self._said.get(name, 0.0))

    def _mg_per_um(self) -> float:
        length_mm = self._said.get(b"mm") or self._done_mm
        density = self._filament.density_g_cm3
        if length_mm and self._said.get(b"g"):
            return self._said[b"g"] / length_mm
        if length_mm and self._said.get(b"cm3"):
            return self._said[b"cm3"] * density / length_mm
        return self._filament.area_mm2 * density / 1000

"""How much filament a print has used when its printer shows a progress: pure, streaming, bounded.

PrusaLink tells no place in the file. A slicer for Prusa's printers writes `M73 P42` where 42 % of the time
are over, and the printer shows what it last met: with the G-code at hand, the count is that of the file up to
there, short by one percent of the time at most. A file without M73 is counted by lines, as PrusaLink's own
progress then is. Without the G-code (binary files, files on a card) the slicer's figure is shared out by the
progress.
"""

from __future__ import annotations

import re
import struct
import zlib
from array import array
from dataclasses import dataclass
from typing import Protocol

from floor.gcode import MAX_LINE_BYTES, Filament, FilamentCounter, FilamentUse

MAX_MARKS = 16384
MAX_HEAD_BYTES = 1 << 20
MAX_TABLE_BYTES = 1 << 18

_MARK = re.compile(rb"\s*M73\s[^;]*?P\s*(\d{1,3})(?!\d)", re.IGNORECASE)
_HEADER, _BLOCK = struct.Struct("<4sIH"), struct.Struct("<HHI")
_METADATA, _THUMBNAIL = (0, 2, 3, 4), 5
_SAID = re.compile(rb"^filament used \[(mm|g)\]\s*=\s*([\d., ]{1,400})$", re.MULTILINE)


class Used(Protocol):
    """What one print asks for."""

    @property
    def how(self) -> str:
        """What the count is taken from, in words."""
        ...

    def upto_um(self, fraction: float) -> int:
        """Return what was extruded at a progress from 0 to 1; never falls."""
        ...

    def mg(self, length_um: int) -> int:
        """Return the weight of a length."""
        ...


@dataclass(frozen=True, slots=True)
class ByFile:
    """Counted from the G-code, at the marks of its slicer or else by its lines."""

    use: FilamentUse
    places: tuple[int, ...]
    how: str

    def upto_um(self, fraction: float) -> int:
        """Return what the file extrudes before the mark that the printer shows."""
        if fraction >= 1:
            return self.use.total_um
        last = len(self.places) - 1
        # a printer shows whole percents, as decimals: 0.29 is 28.999… of a hundred
        return self.use.upto_um(self.places[int(fraction * last + 1e-6)])

    def mg(self, length_um: int) -> int:
        """Return the weight of a length."""
        return self.use.mg(length_um)


@dataclass(frozen=True, slots=True)
class BySlicer:
    """Shared out from the slicer's figures for the whole file."""

    total_um: int
    total_mg: int
    how: str = "its slicer's figure, by progress"

    def upto_um(self, fraction: float) -> int:
        """Return the share of the progress."""
        return round(self.total_um * min(1.0, fraction))

    def mg(self, length_um: int) -> int:
        """Return the weight of a length."""
        return round(length_um * self.total_mg / self.total_um) if self.total_um else 0


def by_slicer(said_um: int | None, said_mg: int | None, filament: Filament) -> BySlicer | None:
    """Make what a slicer said countable; None when it said no length."""
    if not said_um:
        return None
    weight = said_um * filament.area_mm2 * filament.density_g_cm3 / 1000
    return BySlicer(said_um, said_mg or round(weight))


class GcodeReader:
    """Reads a G-code file piece by piece: `receive_data` any number of times, then `close`."""

    def __init__(self, filament: Filament) -> None:
        self._counter = FilamentCounter(filament)
        self._marks: dict[int, int] = {}
        self._lines: array[int] = array("q", [0])
        self._stride = 1
        self._skipped = 0
        self._offset = 0
        self._rest = b""
        self._overlong = False

    def receive_data(self, data: bytes) -> None:
        """Count one more piece of the file, cut anywhere; a line over MAX_LINE_BYTES is passed over."""
        self._counter.receive_data(data)
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._overlong and len(line) <= MAX_LINE_BYTES:
                self._line(line)
            self._overlong = False
            self._offset += len(line) + 1
        if self._overlong or len(rest) > MAX_LINE_BYTES:
            self._overlong = True
            self._offset += len(rest)
            rest = b""
        self._rest = rest

    def _line(self, line: bytes) -> None:
        mark = _MARK.match(line)
        if mark:
            self._marks.setdefault(min(100, int(mark[1])), self._offset)
        if not line.strip() or line.lstrip().startswith(b";"):
            return
        self._skipped += 1
        if self._skipped >= self._stride:
            self._skipped = 0
            self._lines.append(self._offset + len(line) + 1)
            if len(self._lines) > MAX_MARKS:
                self._lines, self._stride = self._lines[::2], self._stride * 2

    def close(self) -> ByFile:
        """End the file and return what it asks for."""
        if self._rest:
            self._line(self._rest)
        use = self._counter.close()
        if not any(0 < percent < 100 for percent in self._marks):
            return ByFile(use, tuple(self._lines), "the G-code, by lines")
        places, place = [], 0
        for percent in range(101):
            place = max(place, self._marks.get(percent, 0))
            places.append(place)
        return ByFile(use, tuple(places), "the G-code, by its M73 marks")


def said_in_binary(head: bytes) -> tuple[int, int] | None:
    """Read µm and mg from the first bytes of a binary G-code file; None until they are found.

    Source: libbgcode, doc/specifications.md, version 1: the tables that are plain or deflated are read.
    """
    if len(head) < _HEADER.size:
        return None
    magic, _, checksum = _HEADER.unpack_from(head)
    at, said = _HEADER.size, {b"mm": 0, b"g": 0}
    while magic == b"GCDE" and at + _BLOCK.size + 4 <= len(head):
        kind, compression, size = _BLOCK.unpack_from(head, at)
        at += _BLOCK.size
        if compression:
            (size,) = struct.unpack_from("<I", head, at)
            at += 4
        begin = at + (6 if kind == _THUMBNAIL else 2)
        at = begin + size + (4 if checksum else 0)
        if kind in _METADATA and at <= len(head):
            for unit, amounts in _SAID.findall(_table(head[begin : begin + size], compression)):
                said[unit] = said[unit] or _thousandths(amounts)
        if said[b"mm"]:
            return said[b"mm"], said[b"g"]
    return None


def _table(data: bytes, compression: int) -> bytes:
    if compression == 0:
        return data[:MAX_TABLE_BYTES]
    if compression == 1:
        try:
            return zlib.decompressobj().decompress(data, MAX_TABLE_BYTES)
        except zlib.error:
            return b""
    return b""


def _thousandths(amounts: bytes) -> int:
    total = 0.0
    for one in re.findall(rb"\d{1,9}(?:\.\d{0,9})?", amounts):
        total += float(one)
    return round(total * 1000)

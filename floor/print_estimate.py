"""What a print will use, by its G-code alone: time by the slicer's word, filament by count. Pure, bounded.

A file whose slicer says no time has none here: no time is ever guessed. Slicers' words:

PrusaSlicer, SuperSlicer, Orca    `; estimated printing time (normal mode) = 1d 2h 3m 4s`
Bambu Studio                      `; model printing time: 17m 5s; total estimated time: 23m 45s`
Cura                              `;TIME:1234`, and `;TIME_ELAPSED:1233.6` after each layer
Simplify3D                        `;   Build time: 1 hour 2 minutes`
ideaMaker                         `;Print Time: 1234`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from floor.errors import FloorError
from floor.gcode import Filament, FilamentCounter
from floor.meter import Quantity

MAX_TIME_MS = 366 * 86_400_000
CURA_UNKNOWN = b"6666"
"""What CuraEngine writes as TIME before it knows; Cura itself puts the time in its place."""
_HEAD_BYTES = 512
_LINE_BYTES = 1024

# The first that is found is believed before those that follow.
_SAID = re.compile(
    rb"^[ \t]{0,40};[ \t]{0,40}(?:"
    rb"(?P<prusa>(?i:estimated printing time(?: \(normal mode\))?))[ \t]{0,40}="
    rb"|[^\n]{0,200}?(?P<bambu>(?i:total estimated time))[ \t]{0,40}[:=]"
    rb"|(?P<cura>TIME):"
    rb"|(?P<build>(?i:(?:print|build) time))[ \t]{0,40}:"
    rb"|(?P<layer>TIME_ELAPSED):"
    rb")[ \t]{0,40}(?P<text>[^\n;]{1,80}?)[ \t\r]{0,40}(?:;[^\n]{0,400})?$",
    re.MULTILINE,
)
_RANKS = ("prusa", "bambu", "cura", "build", "layer")
_NUMBER = rb"\d{1,9}(?:\.\d{0,9})?"
_SECONDS = re.compile(_NUMBER)
_PART = re.compile(rb"(" + _NUMBER + rb")[ \t]*([a-z]+),?[ \t]*", re.IGNORECASE)
_UNITS: dict[bytes, int] = {b"d": 86_400, b"h": 3600, b"m": 60, b"s": 1}
_NAMES = frozenset(
    {b"d", b"h", b"m", b"s", b"day", b"hour", b"hr", b"minute", b"min", b"second", b"sec"}
    | {b"days", b"hours", b"hrs", b"minutes", b"mins", b"seconds", b"secs"}
)
_MOVE = re.compile(
    rb"^[ \t]{0,40}(?:N\d{1,9}[ \t]{0,40})?G0{0,9}[0-3](?![\d.])", re.MULTILINE | re.IGNORECASE
)


class Mistake(StrEnum):
    """What a file is that is no G-code."""

    BINARY_GCODE = "binary_gcode"
    ARCHIVE = "archive"
    MODEL = "model"
    BINARY = "binary"
    NO_MOVES = "no_moves"


class NotGcode(FloorError):
    """The file is not what a printer prints; `mistake` says what it is."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(f"this is no G-code: {mistake}")
        self.mistake = mistake


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a print will use, in base units; `weighed` is False where the weight is a usual spool's.

    Without a time of the slicer the quantities hold none. The machine is taken to be in use for as long as it
    prints: heating, and whoever stays longer, come on top.
    """

    quantities: Mapping[Quantity, int]
    weighed: bool

    @property
    def time_ms(self) -> int | None:
        """How long it prints, by the slicer; None where it says nothing."""
        return self.quantities.get(Quantity.JOB_TIME_MS)


class PrintReader:
    """Reads a file piece by piece: `receive_data` any number of times, then `close`."""

    def __init__(self, filament: Filament | None = None) -> None:
        self._filament = FilamentCounter(filament or Filament())
        self._head = b""
        self._rest = b""
        self._overlong = False
        self._said: dict[str, int] = {}
        self._moves = False

    def receive_data(self, data: bytes) -> None:
        """Read one more piece, cut anywhere; raises NotGcode as soon as that is certain."""
        if b"\0" in data or len(self._head) < _HEAD_BYTES:
            self._head = (self._head + data)[:_HEAD_BYTES]
            _check_head(self._head)
            if b"\0" in data:
                raise NotGcode(Mistake.BINARY)
        self._filament.receive_data(data)
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        if newline and self._overlong:
            whole = whole.partition(b"\n")[2]
            self._overlong = False
        if newline:
            self._look(whole)
        if not self._overlong and len(rest) > _LINE_BYTES:
            self._overlong = True
            self._look(rest)  # no comment of that length says a time, but it may be a move
        self._rest = b"" if self._overlong else rest

    def close(self) -> Estimate:
        """End the file and return what it will use; raises NotGcode where nothing in it moves."""
        _check_head(self._head + b"\n" * (_HEAD_BYTES - len(self._head)))
        if not self._overlong:
            self._look(self._rest)
        if not self._moves:
            raise NotGcode(Mistake.NO_MOVES)
        use = self._filament.close()
        found = {
            Quantity.FILAMENT_UM: use.total_um,
            Quantity.FILAMENT_MG: use.mg(use.total_um),
            Quantity.JOBS: 1,
        }
        time_ms = next((self._said[rank] for rank in _RANKS if rank in self._said), None)
        if time_ms is not None:
            times = (Quantity.MACHINE_TIME_MS, Quantity.BUSY_TIME_MS, Quantity.JOB_TIME_MS)
            found |= dict.fromkeys(times, time_ms)
        return Estimate(found, use.weighed)

    def _look(self, lines: bytes) -> None:
        self._moves = self._moves or _MOVE.search(lines) is not None
        for said in _SAID.finditer(lines):
            rank = next(name for name in _RANKS if said[name] is not None)
            unknown = rank == "cura" and said["text"] == CURA_UNKNOWN
            time_ms = None if unknown else _time_ms(said["text"])
            if time_ms is not None and (rank == "layer" or rank not in self._said):
                self._said[rank] = time_ms


def _check_head(head: bytes) -> None:
    """Raise NotGcode for what a file's first bytes say that it is."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"GCDE"):
        raise NotGcode(Mistake.BINARY_GCODE)
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        raise NotGcode(Mistake.ARCHIVE)
    if start.startswith((b"solid ", b"solid\n", b"ply\n", b"ISO-10303-21", b"<?xml")):
        raise NotGcode(Mistake.MODEL)


def _time_ms(text: bytes) -> int | None:
    """Read a time as slicers write it; None for anything else."""
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        parts = list(_PART.finditer(text))
        if not parts or b"".join(part[0] for part in parts) != text:
            return None
        if any(part[2].lower() not in _NAMES for part in parts):
            return None
        seconds = sum(float(part[1]) * _UNITS[part[2][:1].lower()] for part in parts)
    time_ms = round(seconds * 1000)
    return time_ms if 0 < time_ms <= MAX_TIME_MS else None

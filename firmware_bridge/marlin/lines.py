"""What a host sends to a Marlin, line by line: its number, its command, and whether it is work. Pure.

Source: MarlinFirmware/Marlin src/gcode/queue.cpp (numbers, checksums, comments, backspace),
src/gcode/gcode.cpp (one command a line), src/feature/e_parser.h (what is heard at once).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 512

AT_ONCE = frozenset({"M108", "M112", "M410", "M524", "M876"})
"""Stops, and answers to a printer that waits: they pass whatever else is held back."""

_ASKS = "M20 M21 M27 M31 M33 M73 M78 M105 M110 M113 M114 M115 M117 M118 M119 M154 M155 M503"
_MODES = "G20 G21 G90 G91 G92 M82 M83"
_STOPS = "M18 M25 M77 M84 M107 M400 M999"
HARMLESS = frozenset(f"{_ASKS} {_MODES} {_STOPS}".split()) | AT_ONCE
"""What moves and heats nothing: it needs nobody, and neither begins nor prolongs a job."""

WAITS_FOR_HEAT = frozenset({"M109", "M190", "M191"})
HEATS = frozenset({"M104", "M140", "M141", "M106"}) | WAITS_FOR_HEAT
"""Heaters and fans, which 0 turns off."""
BEGINS = frozenset({"G0", "G1", "G2", "G3", "G5", "G28", "G29", "M75"}) | WAITS_FOR_HEAT
"""What begins a job of a host: moves, and waiting for a heater."""

_SHAPE = re.compile(r"(?:N\s*(-?\d{1,9})(?!\d))?\s*(.*)", re.DOTALL)
_CODE = re.compile(r"([GMT])\s*(\d{1,5})(?![\d.])")
_TARGET = re.compile(r"[SR]\s*(-?\d*\.?\d+)")
_TEXT = re.compile(r"M(?:117|118|23|28|30|32|33|928)\b")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a host: as it came without its end, its number if it has one, and its bare text."""

    raw: bytes
    number: int | None
    text: str
    code: str

    @property
    def cools(self) -> bool:
        """Whether it turns a heater or a fan off."""
        found = _TARGET.search(self.text[len(self.code) :]) if self.code in HEATS else None
        return found is not None and float(found[1]) == 0

    @property
    def harmless(self) -> bool:
        """Whether it moves nothing and heats nothing."""
        return self.code in HARMLESS or self.cools

    @property
    def begins(self) -> bool:
        """Whether a job begins with it, where none is."""
        return self.code in BEGINS and not self.cools


def read_line(raw: bytes) -> Line | None:
    """Read a line; None when nothing is in it but blanks and a comment, to which Marlin answers nothing.

    A line with control characters has no code that anybody knows: a backspace makes Marlin read another one.
    """
    text = raw.decode("latin-1").strip()
    shape = _SHAPE.fullmatch(text.upper())
    if shape is None:  # pragma: no cover - the pattern takes any text
        return None
    number, bare = shape[1], text[shape.start(2) :]
    if number is not None:
        bare = bare.rpartition("*")[0] if "*" in bare else bare
    if not _TEXT.match(bare.upper()):
        bare = bare.partition(";")[0]
    bare = bare.strip()
    if not bare and number is None:
        return None
    code = _CODE.match(bare.upper()) if bare.isascii() and bare.isprintable() else None
    name = f"{code[1]}{int(code[2])}" if code else ""
    return Line(raw, None if number is None else int(number), bare, name)


def numbered(number: int, text: str) -> bytes:
    """Return a line with its number and checksum."""
    body = f"N{number} {text}".encode()
    checksum = 0
    for byte in body:
        checksum ^= byte
    return body + f"*{checksum}".encode()

"""What a sliced 3MF asks for: filament by the slicer's word, and how much of it by any point of the print.

Sources: Bambu Studio 2.4 and OrcaSlicer write `Metadata/slice_info.config` (`plate/metadata` key index,
`plate/filament` id, type, used_m, used_g) and `Metadata/plate_N.gcode`; its header says `total layer number`,
its lines `M73 P<percent> R<minutes>` and `M73 L<layer>` are what the printer reports while it obeys them.
The file comes from anybody: sizes, compression and XML are bounded, and a document type is refused.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import RawIOBase
from typing import IO
from xml.parsers import expat

from floor.errors import PeerError
from floor.gcode import Filament, FilamentCounter, FilamentUse

MAX_FILE_BYTES = 256 << 20
MAX_INFO_BYTES = 1 << 20
MAX_GCODE_BYTES = 1 << 30
MAX_READ_BYTES = 1 << 20
MAX_MARKS = 100_000
MAX_PLATES = 256
MAX_FILAMENTS = 64

_INFO = "Metadata/slice_info.config"
_PIECE_BYTES = 1 << 16
_MARK = re.compile(rb"^M73 ([PL])(\d{1,5})\b|^; total layer number: (\d{1,6})\s*$", re.MULTILINE)
_AMOUNT = re.compile(r"\d{1,7}(\.\d{1,9})?")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError, RuntimeError,
    EOFError, ValueError, OverflowError, OSError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SlicedFilament:
    """One filament of a plate: its number in the slicer (from 1), material, length in µm, weight in mg."""

    number: int
    material: str
    um: int
    mg: int


@dataclass(frozen=True, slots=True)
class Course:
    """Where in the G-code each percent and each layer begins, and what was extruded by there."""

    use: FilamentUse
    percents: tuple[tuple[int, ...], tuple[int, ...]]
    layers: tuple[tuple[int, ...], tuple[int, ...]]
    layer_count: int | None

    def share(self, percent: int, layer: int) -> float:
        """Return the least share (0 to 1) that is extruded when the printer reports this."""
        if not self.use.total_um:
            return percent / 100
        offset = max(_begins(self.percents, percent), _begins(self.layers, layer))
        return self.use.upto_um(offset) / self.use.total_um


@dataclass(frozen=True, slots=True)
class Sliced:
    """One plate. Without a course (no G-code in the file) shares are those of the print's time."""

    filaments: tuple[SlicedFilament, ...]
    course: Course | None

    def share(self, percent: int, layer: int) -> float:
        """Return the share, 0 to 1, that is used by this percent (0 to 100) and layer (from 1)."""
        return self.course.share(percent, layer) if self.course else percent / 100


def read_sliced(
    file: IO[bytes], plate: int | None, layers: int | None, stopped: Callable[[], bool] = lambda: False
) -> Sliced:
    """Read one plate of a 3MF: `plate` by number, or the only one. `layers`, where known, must be its own.

    Blocks for as long as the G-code takes. Raises PeerError for a file that is not what it should be, or when
    it was `stopped`.
    """
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            number, filaments = _plate(_entry(archive, _INFO, MAX_INFO_BYTES), plate)
            name = f"Metadata/plate_{number}.gcode"
            course = _course(archive, name, stopped) if name in archive.namelist() else None
    except _BROKEN as error:
        raise PeerError(f"its 3MF cannot be read: {error}") from error
    if course and layers and course.layer_count not in (None, layers):
        raise PeerError(f"its 3MF has {course.layer_count} layers, and the print {layers}")
    return Sliced(filaments, course)


class _Bounded(RawIOBase):
    """A file of which nothing long is read at once: zipfile would read any directory whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if size > MAX_READ_BYTES:
            raise ValueError(f"{size} bytes in one piece")
        data = self._file.read(size if size >= 0 else MAX_READ_BYTES + 1)
        if len(data) > MAX_READ_BYTES:
            raise ValueError("too much in one piece")
        return data


def _open(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in an unknown way")  # others unpack without a bound
    return archive.open(info)


def _entry(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    if name not in archive.namelist():
        raise ValueError(f"it has no {name}: it is not sliced")
    with _open(archive, name) as entry:
        data = entry.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"{name} has more than {most_bytes} bytes")
    return data


def _plate(info: bytes, wanted: int | None) -> tuple[int, tuple[SlicedFilament, ...]]:
    plates = _Plates()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = plates.refuse
    parser.StartElementHandler = plates.start
    parser.Parse(info, True)
    found = plates.found
    if wanted is None and len(found) == 1:
        wanted = next(iter(found))
    if wanted not in found:
        which = "the printer does not say which" if wanted is None else f"none of them is {wanted}"
        raise ValueError(f"it has {len(found)} plates, and {which}")
    return wanted, tuple(found[wanted])


class _Plates:
    def __init__(self) -> None:
        self.found: dict[int, list[SlicedFilament]] = {}
        self._filaments: list[SlicedFilament] = []

    def refuse(self, *_: object) -> None:
        raise ValueError("its XML declares a document type")

    def start(self, tag: str, says: Mapping[str, str]) -> None:
        if tag == "plate":
            self._filaments = []
        elif tag == "metadata" and says.get("key") == "index" and len(self.found) < MAX_PLATES:
            self.found[int(_number(says.get("value")))] = self._filaments
        elif tag == "filament" and len(self._filaments) < MAX_FILAMENTS:
            um, mg = round(_number(says.get("used_m")) * 1e6), round(_number(says.get("used_g")) * 1000)
            material = "".join(letter for letter in says.get("type", "")[:20] if letter.isprintable())
            self._filaments.append(SlicedFilament(int(_number(says.get("id"))), material, um, mg))


def _number(text: str | None) -> float:
    if text is None or not _AMOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is no amount")
    return float(text)


def _course(archive: zipfile.ZipFile, name: str, stopped: Callable[[], bool]) -> Course:
    counter, marks, layer_count = FilamentCounter(Filament()), _Marks(), None
    offset, rest = 0, b""
    with _open(archive, name) as gcode:
        while piece := gcode.read(_PIECE_BYTES):
            if stopped() or offset > MAX_GCODE_BYTES:
                raise ValueError("its G-code is too long, or was not wanted any more")
            lines, newline, end = (rest + piece).rpartition(b"\n")
            lines += newline
            for mark in _MARK.finditer(lines):
                if mark[3]:
                    layer_count = layer_count or int(mark[3])
                else:
                    marks.add(mark[1], int(mark[2]), offset + mark.start())
            counter.receive_data(lines)
            offset += len(lines)
            rest = end
            if len(rest) > MAX_READ_BYTES:
                raise ValueError("its G-code has an endless line")
        counter.receive_data(rest)
    return Course(counter.close(), marks.table(b"P"), marks.table(b"L"), layer_count)


class _Marks:
    """The offset of the first line that says a number, for numbers that rise."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[list[int], list[int]]] = {b"P": ([], []), b"L": ([], [])}

    def add(self, letter: bytes, number: int, offset: int) -> None:
        numbers, offsets = self._seen[letter]
        if len(numbers) < MAX_MARKS and (not numbers or number > numbers[-1]):
            numbers.append(number)
            offsets.append(offset)

    def table(self, letter: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
        numbers, offsets = self._seen[letter]
        return tuple(numbers), tuple(offsets)


def _begins(table: tuple[tuple[int, ...], tuple[int, ...]], number: int) -> int:
    at = bisect_right(table[0], number)
    return table[1][at - 1] if at else 0

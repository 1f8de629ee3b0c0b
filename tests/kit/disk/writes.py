"""Every write of a program to one folder, and what a disk may hold when the power goes between any two.

A disk keeps what was synced. Of what was written since, it may hold any part, in sectors of 512 bytes and in
any order: that is what ext4 with data=ordered, and a card that honours a flush, leave open.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

SOURCE = Path(__file__).with_name("record_writes.c")
HEAD = struct.Struct("<cBIQ")
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Write:
    """One operation: W (write), S (sync), T (truncate to `offset`) or U (unlink).

    A sync without a name is that of the folder.
    """

    kind: str
    name: str
    offset: int
    data: bytes


def recorder(folder: Path) -> Path:
    """Build the recorder in a folder and return its library."""
    library = folder / "record_writes.so"
    if not library.exists():
        build = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
        subprocess.run(build, check=True, timeout=60)
    return library


def recorded(program: Sequence[str], folder: Path, library: Path) -> list[Write]:
    """Run a Python program with its arguments; return what it did to the files in `folder`, in its order."""
    log = library.with_name(f"{folder.name}.writes")
    known = {"LD_PRELOAD": str(library), "RECORD_FOLDER": str(folder.resolve()), "RECORD_LOG": str(log)}
    subprocess.run([sys.executable, *program], check=True, timeout=100, env={**os.environ, **known})
    return list(_read(log.read_bytes()))


def _read(log: bytes) -> Iterator[Write]:
    at = 0
    while at < len(log):
        kind, name_len, data_len, offset = HEAD.unpack_from(log, at)
        at += HEAD.size
        name, data = log[at : at + name_len], log[at + name_len : at + name_len + data_len]
        at += name_len + data_len
        yield Write(kind.decode(), name.decode(), offset, data)


class Disk:
    """The files of one folder as a disk has them; `synced` are those bytes that a flush has proven."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = {}
        self._cached: list[Write] = []

    def take(self, one: Write) -> None:
        """Do what the program did."""
        if one.kind == "S":
            self._flush(one.name)
        else:
            self._cached.append(one)

    def _flush(self, name: str) -> None:
        proven = [one for one in self._cached if (one.name == name if name else one.kind == "U")]
        for one in proven:
            _apply(self._safe, one)
        self._cached = [one for one in self._cached if one not in proven]

    def lay_out(self, folder: Path, kept: Iterator[Write]) -> None:
        """Write into an empty folder what was synced and, on top, what of the rest was `kept`."""
        files = {name: bytearray(data) for name, data in self._safe.items()}
        for one in kept:
            _apply(files, one)
        for name, data in files.items():
            (folder / name).write_bytes(data)

    def all(self) -> Iterator[Write]:
        """All that was written: the program died, and the disk went on."""
        yield from self._cached

    def none(self) -> Iterator[Write]:
        """Only what was synced."""
        yield from ()

    def some(self, random: Random) -> Iterator[Write]:
        """Some sectors of what was not synced yet, in any order of those that do not overlap."""
        for one in self._cached:
            if one.kind != "W":
                if random.random() < 0.5:
                    yield one
                continue
            for start in range(0, len(one.data), SECTOR):
                if random.random() < 0.5:
                    yield Write("W", one.name, one.offset + start, one.data[start : start + SECTOR])


def _apply(files: dict[str, bytearray], one: Write) -> None:
    if one.kind == "U":
        files.pop(one.name, None)
        return
    held = files.setdefault(one.name, bytearray())
    end = one.offset + len(one.data)
    if len(held) < end:
        held.extend(bytes(end - len(held)))
    if one.kind == "T":
        del held[one.offset :]
    else:
        held[one.offset : end] = one.data

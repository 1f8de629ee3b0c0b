"""The line of a TOML file at which a key stands, so that an error can point at it."""

from __future__ import annotations

import re

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?")
KEY = re.compile(r"""\s*([\w."'-]+)\s*=""")
LAST = re.compile(r"(\[\d+\]|\.?[^.\[\]]+)$")


def line_of(text: str, key: str) -> int | None:
    """Return the line (from 1) of a key such as `pools[1].capital[2].price`, or of what it stands in.

    None where nothing of it is in the text. Lists count from 1, as errors do.
    """
    lines = _lines(text)
    while key and key not in lines:
        key = LAST.sub("", key)
    return lines.get(key)


def _lines(text: str) -> dict[str, int]:
    """Return the first line of every table and key that stands on a line of its own."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.fullmatch(line):
            table = _table(header[2], counts, opens=header[1] == "[[")
            lines.setdefault(table, number)
        elif found := KEY.match(line):
            name = _bare(found[1])
            lines.setdefault(f"{table}.{name}" if table else name, number)
    return lines


def _table(header: str, counts: dict[str, int], *, opens: bool) -> str:
    """Return a header's place: a list's name inside it means the last table of that list."""
    place = ""
    parts = _bare(header).split(".")
    for depth, part in enumerate(parts, 1):
        place = f"{place}.{part}" if place else part
        if opens and depth == len(parts):
            counts[place] = counts.get(place, 0) + 1
        if place in counts:
            place = f"{place}[{counts[place]}]"
    return place


def _bare(name: str) -> str:
    return re.sub(r"""["'\s]""", "", name)

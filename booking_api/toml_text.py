"""Changes values of a TOML text and leaves the rest as it was written: comments, order, blank lines.

Every change is read again: what comes out says what was asked for and nothing else, or nothing is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

from floor import toml
from floor.errors import Refused

Path = tuple[str | int, ...]
"""Where a value stands: names, and in a list of tables the place from 0: ("components", 1, "price")."""
HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
BARE = re.compile(r"[A-Za-z0-9_-]+")
LONG = 400
"""So many lines a value may have."""


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a text that belong to one table, its header at `start`; the first part has none."""

    path: Path
    start: int
    end: int


def parse(text: str) -> dict[str, Any]:
    """Return a text's table, numbers with decimals exact; raises ValueError."""
    return toml.loads(text, parse_float=Decimal)


def changed(text: str, changes: Sequence[tuple[Path, Any]]) -> str:
    """Return the text with values set; None takes a key or a table away, a place at the end adds a table.

    Raises Refused where the file writes something in a way that cannot be changed line by line.
    """
    for path, value in changes:
        try:
            wanted = _set(parse(text), path, value)
            after = _removed(text, path, wanted) if value is None else _written(text, path, value, wanted)
            same = parse(after) == wanted
        except (ValueError, LookupError, TypeError):
            same = False
        if not same:
            name = ".".join(str(step + 1 if isinstance(step, int) else step) for step in path)
            words = f"The file writes {name} in its own way. Change it in the file."
            raise Refused("file_written_otherwise", words)
        text = after
    return text


def literal(value: Any) -> str:
    """Write a value as TOML does, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Mapping():
            inner = ", ".join(f"{_key(name)} = {literal(one)}" for name, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case _:
            return f"[{', '.join(literal(one) for one in value)}]"


def parts(lines: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of a text in order; a place in a list of tables counts from 0."""
    path: Path = ()
    start, counts = 0, dict[Path, int]()
    for n, line in enumerate(lines):
        if header := HEADER.match(line):
            yield Part(path, start, n)
            start, path = n, _header_path(header, counts)
    yield Part(path, start, len(lines))


def line_of(text: str, path: Path) -> int | None:
    """Return the line, from 1, of a key, or of the table that it would stand in; None for neither."""
    lines = text.splitlines()
    for part in parts(lines):
        if path and part.path[: len(path)] == path:
            return part.start + 1
    for depth in range(len(path), -1, -1):
        of = _part(lines, path[:depth])
        if of and depth < len(path) and (span := _span(lines, of, str(path[depth]))):
            return span[0] + 1
        if of and depth:
            return of.start + 1
    return None


def _header_path(header: re.Match[str], counts: dict[Path, int]) -> Path:
    names = [name.strip().strip("\"'") for name in header[2].split(".")]
    path: Path = ()
    for n, name in enumerate(names):
        path = (*path, name)
        if n == len(names) - 1 and header[1] == "[[":
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _part(lines: Sequence[str], path: Path) -> Part | None:
    return next((part for part in parts(lines) if part.path == path), None)


def _span(lines: Sequence[str], part: Part, key: str) -> tuple[int, int] | None:
    """Return first and end line of a key's value in its table's lines."""
    pattern = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*=""")
    for n in range(part.start, part.end):
        if not pattern.match(lines[n]):
            continue
        for end in range(n + 1, min(part.end, n + LONG) + 1):
            try:
                toml.loads("\n".join(lines[n:end]), parse_float=Decimal)
            except ValueError:
                continue
            return n, end
    return None


def _written(text: str, path: Path, value: Any, wanted: dict[str, Any]) -> str:
    lines = text.splitlines()
    table, key = path[:-1], path[-1]
    if (whole := _inline(lines, table)) is not None:
        return _written(text, whole, _at(wanted, whole), wanted)
    if isinstance(key, int):
        return _added(lines, f"[[{_dotted(table)}]]", value)
    part = _part(lines, table)
    if part is None and any(isinstance(step, int) for step in table):
        # A header at the end would belong to the last table of the list.
        return _written(text, table, {key: value}, wanted)
    new_table = isinstance(value, Mapping) and not any(isinstance(step, int) for step in path)
    if new_table and not (part and _span(lines, part, str(key))):
        return _added(lines, f"[{_dotted(path)}]", value)
    if part is None:
        return _added(lines, f"[{_dotted(table)}]", {key: value})
    new = f"{_key(key)} = {literal(value)}"
    if span := _span(lines, part, key):
        kept = _comment(lines[span[0]]) if span[1] == span[0] + 1 else ""
        lines[span[0] : span[1]] = [new + kept]
    else:
        lines.insert(_last(lines, part), new)
    return _joined(lines)


def _removed(text: str, path: Path, wanted: dict[str, Any]) -> str:
    lines = text.splitlines()
    if (whole := _inline(lines, path[:-1])) is not None:
        return _written(text, whole, _at(wanted, whole), wanted)
    for part in reversed([part for part in parts(lines) if part.path[: len(path)] == path]):
        del lines[part.start : _last(lines, part)]
    of, key = _part(lines, path[:-1]), str(path[-1])
    if of is not None and (span := _span(lines, of, key)):
        del lines[span[0] : span[1]]
    return _joined(lines)


def _inline(lines: Sequence[str], table: Path) -> Path | None:
    """Return the key whose value holds a table without a header of its own; None for another."""
    for depth in range(len(table)):
        part = _part(lines, table[:depth])
        if part and isinstance(table[depth], str) and _span(lines, part, str(table[depth])):
            return table[: depth + 1]
    return None


def _added(lines: list[str], header: str, table: Mapping[str, Any]) -> str:
    lines += ["", header, *(f"{_key(name)} = {literal(value)}" for name, value in table.items())]
    return _joined(lines)


def _last(lines: Sequence[str], part: Part) -> int:
    """Return where a new key of a table goes: after its last one, before what introduces the next."""
    end = part.end
    while end > part.start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _comment(line: str) -> str:
    """Return the comment behind a value, with the blanks before it."""
    for n, letter in enumerate(line):
        if letter == "#":
            try:
                toml.loads(line[:n])
            except ValueError:
                continue
            return line[len(line[:n].rstrip()) :]
    return ""


def _set(table: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    made = deepcopy(table)
    place: Any = made
    for step, following in pairwise(path):
        if isinstance(step, str):
            place = place.setdefault(step, [] if isinstance(following, int) else {})
        else:
            place = place[step]
    last: Any = path[-1]
    if value is None:
        if isinstance(last, int) or last in place:
            del place[last]
    elif isinstance(last, int) and last >= len(place):
        place.append(value)
    else:
        place[last] = value
    return _without_empty(made, path) if value is None else made


def _without_empty(made: dict[str, Any], path: Path) -> dict[str, Any]:
    """A list of tables that lost its last one is no longer there."""
    if isinstance(path[-1], int) and len(path) == 2 and not made.get(str(path[0])):
        made.pop(str(path[0]), None)
    return made


def _at(table: Any, path: Path) -> Any:
    for step in path:
        table = table.get(step) if isinstance(table, Mapping) else table[step]
        if table is None:
            return None
    return table


def _key(name: str | int) -> str:
    return str(name) if BARE.fullmatch(str(name)) else literal(str(name))


def _dotted(path: Path) -> str:
    return ".".join(_key(step) for step in path if isinstance(step, str))


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip("\n") + "\n"

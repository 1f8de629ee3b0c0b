"""TOML texts of tariffs and usage: read exactly, and the line of a key, so that an error can name it."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any

from floor import toml
from floor.errors import ConfigError
from floor.tariff import Tariff, load

TEXT_MAX = 65_536
HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")
TOML_LINE = re.compile(r"at line (\d+)")


def read(text: str, file: str, zone: tzinfo = UTC) -> Tariff:
    """Read a tariff; raises ConfigError that names `file`, the key, its line and what would be right.

    `zone` is the clock of a `valid_from` that says none.
    """
    table = parse(text, file)
    try:
        return load(table, file, zone)
    except ConfigError as error:
        raise at_line(error, text) from error


def parse(text: str, file: str, most: int = TEXT_MAX) -> dict[str, Any]:
    """Return a TOML text's table, numbers with decimals exact; raises ConfigError with the line."""
    if len(text) > most:
        raise ConfigError(file, "", f"is longer than {most} characters", "Shorten it.")
    try:
        return toml.loads(text, parse_float=Decimal, length_max=most)
    except tomllib.TOMLDecodeError as error:
        found = TOML_LINE.search(str(error))
        line = int(found[1]) if found else None
        raise ConfigError(file, "", f"is not TOML ({error})", "Correct that line.", line) from error


def at_line(error: ConfigError, text: str) -> ConfigError:
    """Return the same error with the line of its key."""
    return ConfigError(error.file, error.key, error.problem, error.remedy, line_of(text, error.key))


def line_of(text: str, key: str) -> int | None:
    """Return the line on which a key such as `components[2].brackets[1].above` stands, or its table's.

    A key that is missing has the line of the table that it is missing from; None where that is the whole
    file. It reads lines, not TOML: inside a text of several lines it may find a key that is none.
    """
    best: int | None = None
    steps = [(name, int(n) if n else 0) for name, n in STEP.findall(key)]
    lines = text.splitlines()
    scope = range(len(lines))
    for depth in range(len(steps), 0, -1):
        if table := _table(lines, steps[:depth]):
            best, scope, steps = table.start, range(table.start, table.stop), steps[depth:]
            break
    else:
        scope = range(next((n for n, line in enumerate(lines) if HEADER.match(line)), len(lines)))
    start, column = scope.start, 0
    for name, index in steps:
        found = _key(lines, range(start, scope.stop), column, name, max(1, index))
        if found is None:
            break
        start, column = found
        best = start
    return None if best is None else best + 1


def _table(lines: list[str], steps: list[tuple[str, int]]) -> range | None:
    """Return the lines of the table that these steps name, from its header on."""
    wanted = ".".join(name for name, _ in steps)
    index = steps[-1][1]
    seen, parents = 0, 0
    for n, line in enumerate(lines):
        header = HEADER.match(line)
        name = header[2].replace('"', "").replace(" ", "") if header else ""
        if header and len(steps) > 1 and steps[0][1] and name == steps[0][0]:
            parents, seen = parents + 1, 0
        in_parent = len(steps) == 1 or not steps[0][1] or parents == steps[0][1]
        if name == wanted and in_parent:
            seen += 1
            if seen == max(1, index):
                after = (m for m in range(n + 1, len(lines)) if HEADER.match(lines[m]))
                return range(n, next(after, len(lines)))
    return None


def _key(lines: list[str], scope: range, column: int, name: str, index: int) -> tuple[int, int] | None:
    """Return line and column after the `index`-th value of a key: the braces of a list count its tables."""
    pattern = re.compile(rf'(?:^|[\s{{,])"?{re.escape(name)}"?\s*=')
    for n in scope:
        found = pattern.search(lines[n], column if n == scope.start else 0)
        if not found:
            continue
        at, seen = found.end(), 0
        if index > 1 or lines[n][at:].lstrip().startswith("["):
            for m in range(n, scope.stop):
                for brace in re.finditer(r"\{", lines[m][at if m == n else 0 :]):
                    seen += 1
                    if seen == index:
                        return m, brace.end() + (at if m == n else 0)
        return n, at
    return None

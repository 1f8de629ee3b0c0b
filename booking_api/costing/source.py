"""Cost files as texts: read exactly, and every error with the line at which its key stands."""

from __future__ import annotations

import functools
import re
from decimal import Decimal

from booking_api.costing.lines import line_of
from floor import toml
from floor.costing import Costs, load
from floor.errors import ConfigError

TEXT_MAX = 262_144
AT_LINE = re.compile(r"\(at line (\d+),")


def read_costs(text: str, file: str) -> Costs:
    """Return what a cost file says; raises ConfigError with file, line, key and what would be right."""
    if len(text) > TEXT_MAX:
        raise ConfigError(file, "", f"is longer than {TEXT_MAX} characters", "Shorten it.")
    try:
        table = toml.loads(text, parse_float=Decimal)
    except ValueError as error:
        at = AT_LINE.search(str(error))
        why = str(error) if at else "a number is too long, or tables stand too deep in each other"
        line = int(at[1]) if at else None
        raise ConfigError(file, "", f"is not TOML ({why})", "Correct that line.", line) from error
    try:
        return load(table, file)
    except ConfigError as error:
        raise at_line(error, text) from error


def at_line(error: ConfigError, text: str) -> ConfigError:
    """Return the same error with the line of its key."""
    return ConfigError(error.file, error.key, error.problem, error.remedy, line_of(text, error.key))


@functools.lru_cache(maxsize=64)
def parsed(text: str, file: str) -> Costs:
    """Return what a kept cost file says."""
    return read_costs(text, file)

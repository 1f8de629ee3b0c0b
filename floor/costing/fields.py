"""Typed values of a table that was read from TOML; every error names file, key and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from floor.errors import ConfigError
from floor.money import MICRO

E = TypeVar("E", bound=StrEnum)
MOST = 10**12
DECIMALS = 18


class Fields:
    """One table and the place where it stands, such as `pools[1].capital[2].`; lists count from 1."""

    def __init__(self, table: Mapping[str, object], file: str, keys: Iterable[str], place: str = "") -> None:
        self.table = table
        self.file = file
        self.place = place
        for key in table:
            if key not in set(keys):
                raise self.error(key, "is not a key here", f"Use one of: {', '.join(sorted(keys))}.")

    def __contains__(self, key: str) -> bool:
        return key in self.table

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        """Return the error of one key."""
        return ConfigError(self.file, f"{self.place}{key}".rstrip("."), problem, remedy)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty; without a default it must be there."""
        value = self.table.get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, "is missing or not a text", f'Write {key} = "…".')
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self.table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"is {_shown(value)}", f"Write a whole number from {low} to {high}.")
        return value

    def number(self, key: str, default: int | None = None, *, most: int = MOST) -> Fraction:
        """Return an exact number from 0 to `most`, written as a number or a text."""
        value = self.table.get(key, default)
        remedy = f"Write a number of 0 or more, at most {most}, such as {key} = 1.50."
        if value is None:
            raise self.error(key, "is missing", remedy)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.error(key, f"is {_shown(value)}, which is not an exact number", remedy)
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self.error(key, f"is {_shown(value)}, which is not a number", remedy) from None
        if not number.is_finite() or not 0 <= number <= most:
            raise self.error(key, f"is {_shown(value)}", remedy)
        if int(number.as_tuple().exponent) < -DECIMALS:
            raise self.error(key, f"has more than {DECIMALS} decimals", remedy)
        return Fraction(number)

    def positive(self, key: str, default: int | None = None) -> Fraction:
        """Return an exact number above 0."""
        number = self.number(key, default)
        if not number:
            raise self.error(key, "is 0", f"Write a number above 0, such as {key} = 8.")
        return number

    def amount(self, key: str, default: int | None = None) -> int:
        """Return an amount in micro-units."""
        micro = self.number(key, default) * MICRO
        if micro.denominator != 1:
            raise self.error(key, "has more than six decimals", "Write at most six decimals.")
        return micro.numerator

    def choice(self, key: str, enum: type[E], default: E) -> E:
        """Return a member of an enum."""
        value = self.table.get(key, default)
        if not isinstance(value, str) or value not in set(enum):
            raise self.error(key, f"is {_shown(value)}", f"Write one of: {', '.join(enum)}.")
        return enum(value)

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of names, none of them twice; empty where it is absent."""
        value = self.table.get(key, [])
        remedy = f'Write {key} = ["…", "…"].'
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            raise self.error(key, "is not a list of names", remedy)
        if len(set(value)) < len(value):
            raise self.error(key, "names something twice", remedy)
        return tuple(value)

    def inner(self, key: str, keys: Iterable[str]) -> Fields:
        """Return a table inside this one, an empty one where it is absent."""
        value = self.table.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, "is not a table", f"Write [{self._header(key)}] and its keys below.")
        return Fields(value, self.file, keys, f"{self.place}{key}.")

    def named(self, key: str, keys: Iterable[str]) -> dict[str, Fields]:
        """Return the tables inside a table, by name."""
        names = self.table.get(key, {})
        every = self.inner(key, names if isinstance(names, Mapping) else ())
        return {name: every.inner(name, keys) for name in every.table}

    def listed(self, key: str, keys: Iterable[str]) -> list[Fields]:
        """Return the tables of a list."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.error(key, "is not a list of tables", f"Write [[{self._header(key)}]] before each.")
        return [
            Fields(item, self.file, keys, f"{self.place}{key}[{number}].")
            for number, item in enumerate(value, 1)
        ]

    def _header(self, key: str) -> str:
        return re.sub(r"\[\d+\]", "", self.place) + key


def _shown(value: object) -> str:
    """Write a value as the file has it, shortened."""
    text = f"{value}" if isinstance(value, Decimal) else f"{value!r}"
    return text if len(text) <= 60 else f"{text[:60]}…"

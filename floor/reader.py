"""Reads typed values from one table of a TOML file; every error names file, key, problem and remedy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Self, TypeVar

from floor.errors import ConfigError
from floor.money import MICRO

E = TypeVar("E", bound=StrEnum)
Table = Mapping[str, object]
MOST = 10**12
DECIMALS = 18


class At:
    """Reads typed values from one table; knows where it stands, for the error."""

    def __init__(self, file: str, prefix: str) -> None:
        self.file = file
        self.prefix = prefix

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        """Make the error for a key of this table."""
        return ConfigError(self.file, self.prefix + key, problem, remedy)

    def below(self, key: str) -> Self:
        """Return a reader for a table inside this one."""
        return type(self)(self.file, f"{self.prefix}{key}.")

    def only(self, table: Table, keys: frozenset[str]) -> None:
        """Refuse a key that is not one of these."""
        for key in table:
            if key not in keys:
                raise self.error(key, "is not a key here", f"Use one of: {', '.join(sorted(keys))}.")

    def text(self, table: Table, key: str) -> str:
        """Read a text that must be there."""
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, "is missing or not a text", f'Write {key} = "…".')
        return value

    def names(self, table: Table, key: str = "name") -> dict[str, str]:
        """Read a text, or a table of one by language; a text alone is English."""
        value = table.get(key)
        if isinstance(value, str) and value.strip():
            return {"en": value}
        if (
            isinstance(value, Mapping)
            and value
            and all(isinstance(one, str) and one for one in value.values())
        ):
            return {str(language): str(text) for language, text in value.items()}
        remedy = f'Write {key} = "…" or {key} = {{ en = "…", zh = "…" }}.'
        raise self.error(key, "is missing or not a text", remedy)

    def texts(self, table: Table, key: str) -> frozenset[str]:
        """Read a list of texts; none where the key is absent."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(key, f"is {value!r}", f'Write a list of texts, such as {key} = ["…", "…"].')
        return frozenset(value)

    def whole(self, table: Table, key: str, default: int, low: int, high: int) -> int:
        """Read a whole number in bounds."""
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"is {value!r}", f"Write a whole number from {low} to {high}.")
        return value

    def table(self, table: Table, key: str) -> Table:
        """Read a table; empty where the key is absent."""
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, "is not a table", f"Write [{self.prefix}{key}] and its keys below.")
        return value

    def tables(self, table: Table, key: str) -> list[Table]:
        """Read a list of tables; empty where the key is absent."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.error(key, "is not a list of tables", f"Write [[{key}]] before each.")
        return value

    def number(self, table: Table, key: str) -> Fraction | None:
        """Read an exact number ≥ 0, written as a number or as a text; None where the key is absent."""
        value = table.get(key)
        if value is None:
            return None
        remedy = f"Write a number of 0 or more, at most {MOST}, such as {key} = 1.50."
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.error(key, f"is {value!r}, which is not an exact number", remedy)
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self.error(key, f"is {value!r}, which is not a number", remedy) from None
        if not number.is_finite() or not 0 <= number <= MOST:
            raise self.error(key, f"is {value}", remedy)
        if int(number.as_tuple().exponent) < -DECIMALS:
            raise self.error(key, f"has more than {DECIMALS} decimals", remedy)
        return Fraction(number)

    def part(self, table: Table, key: str, most: int, example: str) -> Fraction | None:
        """Read a number from 0 to `most`; None where the key is absent."""
        part = self.number(table, key)
        if part is not None and part > most:
            raise self.error(key, f"is {part}", f"Write a number from 0 to {most}; {example}.")
        return part

    def amount(self, table: Table, key: str) -> int | None:
        """Read an amount of money in micro-units; None where the key is absent."""
        number = self.number(table, key)
        if number is None:
            return None
        micro = number * MICRO
        if micro.denominator != 1:
            raise self.error(key, "has more than six decimals", "Write at most six decimals.")
        return micro.numerator

    def price(self, table: Table, key: str) -> int:
        """Read an amount that must be there."""
        amount = self.amount(table, key)
        if amount is None:
            raise self.error(key, "is missing", f"Write {key} = 1.50 (0 is allowed).")
        return amount

    def yes(self, table: Table, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = table.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {value!r}", "Write true or false.")
        return value

    def choice(self, table: Table, key: str, enum: type[E], default: E | None) -> E:
        """Read one of an enum's words."""
        value = table.get(key, default)
        if not isinstance(value, str) or value not in set(enum):
            raise self.error(key, f"is {value!r}", f"Write one of: {', '.join(enum)}.")
        return enum(value)

    def clock(self, table: Table, key: str, default: int) -> int:
        """Read a time of day such as "16:00" in minutes; "24:00" is the end of the day."""
        value = table.get(key)
        if value is None:
            return default
        words = value.split(":") if isinstance(value, str) else []
        if len(words) == 2 and all(len(word) == 2 and word.isdecimal() for word in words):
            minute = int(words[0]) * 60 + int(words[1])
            if int(words[1]) < 60 and minute <= 1440:
                return minute
        raise self.error(key, f"is {value!r}", f'Write a time of day such as {key} = "16:00".')

    def day(self, value: object, key: str) -> date:
        """Read a date, of TOML or as a text."""
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                value = None
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.error(key, "is not a date", "Write a date such as 2026-12-25.")
        return value

    def instant(self, table: Table, key: str, zone: tzinfo = UTC) -> int:
        """Read a date or an instant; a date, or a time without an offset, is on the clock of `zone`."""
        value = table.get(key)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=zone)
        if not isinstance(value, datetime):
            raise self.error(key, "is missing or not a date", f"Write {key} = 2026-01-31.")
        instant = value if value.tzinfo else value.replace(tzinfo=zone)
        return round(instant.timestamp() * 1000)

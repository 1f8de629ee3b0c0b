"""Reads values of a policy file as people write them; what is wrong is named with what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from difflib import get_close_matches

from floor.reader import At, Table
from floor.reservation.calendar import DAY_MIN, DAY_MS, HOUR_MS, LENGTH_MAX_MS, MINUTE_MS, SECOND_MS
from floor.reservation.model import Machines, Span

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SOME = {"daily": range(7), "every_day": range(7), "weekdays": range(5), "weekend": range(5, 7)}
UNITS_MS = {"s": SECOND_MS, "min": MINUTE_MS, "h": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS}
UNIT_WORDS = {
    "s": "s", "sec": "s", "second": "s", "seconds": "s",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "day", "day": "day", "days": "day",
    "w": "week", "wk": "week", "week": "week", "weeks": "week",
    "month": "month", "months": "month", "year": "year", "years": "year",
}  # fmt: skip
PART = re.compile(r"\s*(\d{1,6})\s*([a-z]+)\s*")
CLOCK = re.compile(r"(\d{1,2})[:.](\d{2})(?::00)?")
PLAIN = re.compile(r"[A-Za-z0-9_.@:/-]+")


def spelled(key: str) -> str:
    """Return a key as the page spells it: `Length-Max` is `length_max`."""
    return key.strip().lower().replace("-", "_").replace(" ", "_")


def nearest(word: str, words: Iterable[str]) -> str:
    """Return what was likely meant, or ""."""
    return next(iter(get_close_matches(word, sorted(words), 1, 0.6)), "")


class In(At):
    """Reads values from one table of a policy file."""

    def below(self, key: str) -> In:
        """Return a reader for a table inside this one."""
        return In(self.file, f"{self.prefix}{key}.")

    def place(self, key: str) -> str:
        """Return where a key of this table stands in the file."""
        return self.prefix + key

    def table_of(self, value: object, key: str, keys: Iterable[str]) -> dict[str, object]:
        """Return a table with its keys as the page spells them; refuse a key that is not one of these."""
        if not isinstance(value, Mapping):
            header = self.place(key) if key else self.prefix.rstrip(".")
            raise self.error(key, f"is {value!r} and not a table", f"Write [{header}] and its keys below.")
        at = self.below(key) if key else self
        known = sorted(keys)
        made: dict[str, object] = {}
        for written, inside in value.items():
            word = spelled(written)
            if word not in known:
                close = nearest(word, known)
                remedy = f"Did you mean {close}?" if close else f"Use one of: {', '.join(known)}."
                raise at.error(written, "is no key here", remedy)
            if word in made:
                raise at.error(written, "is written twice", "Keep one of the two.")
            made[word] = inside
        return made

    def words(self, table: Table, key: str) -> frozenset[str]:
        """Read a text or a list of texts."""
        return frozenset(self.listed(table.get(key, []), key))

    def listed(self, value: object, key: str) -> list[str]:
        """Read a text or a list of texts, in their order."""
        made: list[str] = []
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str) or not item.strip():
                example = f'{key} = ["…", "…"]'
                raise self.error(key, f"is {value!r}", f"Write a text or a list of texts, such as {example}.")
            made.append(item.strip())
        return made

    def one_of(self, value: object, key: str, words: Iterable[str]) -> str:
        """Read one of some words."""
        known = list(words)
        word = spelled(value) if isinstance(value, str) else ""
        if word not in known:
            close = nearest(word, known)
            meant = f'Did you mean "{close}"? ' if close else ""
            raise self.error(key, f"is {value!r}", f"{meant}Write one of: {', '.join(known)}.")
        return word

    def name_of(self, value: object, key: str, names: Iterable[str]) -> str:
        """Read one of some names as they are written, or one of some words."""
        known = list(names)
        return value if isinstance(value, str) and value in known else self.one_of(value, key, known)

    def span(self, value: object, key: str, example: str) -> Span:
        """Read a stretch of the calendar such as "2 weeks", "1 month" or "36 h"."""
        parts = self._parts(value, key, example)
        months = sum(n * (12 if unit == "year" else 1) for n, unit in parts if unit in ("month", "year"))
        days = sum(n * (7 if unit == "week" else 1) for n, unit in parts if unit in ("day", "week"))
        ms = sum(n * UNITS_MS[unit] for n, unit in parts if unit in ("s", "min", "h"))
        if months > 120 or days > 3660 or ms > LENGTH_MAX_MS * 10:
            raise self.error(key, f"is {value!r}, which is more than ten years", f"Write such as {example}.")
        return Span(months, days, ms, str(value).strip())

    def length(self, value: object, key: str, example: str, *, least_ms: int = 0) -> int:
        """Read a length of time such as "1 h 30 min" in milliseconds; a day is 24 h."""
        parts = self._parts(value, key, example)
        if any(unit in ("month", "year") for _, unit in parts):
            raise self.error(key, f"is {value!r}: months differ in length", f"Write such as {example}.")
        ms = sum(n * UNITS_MS[unit] for n, unit in parts)
        if not least_ms <= ms <= LENGTH_MAX_MS:
            raise self.error(key, f"is {value!r}", f"Write a length of up to a year, such as {example}.")
        return ms

    def _parts(self, value: object, key: str, example: str) -> list[tuple[int, str]]:
        remedy = f"Write a number and a unit (s, min, h, day, week, month), such as {key} = {example}."
        if isinstance(value, int) and not isinstance(value, bool):
            if value == 0:
                return []
            raise self.error(key, f"is {value}, which has no unit", remedy)
        text = value.strip().lower() if isinstance(value, str) else ""
        if text in ("0", "none"):
            return []
        parts: list[tuple[int, str]] = []
        at = 0
        while at < len(text) and (found := PART.match(text, at)):
            unit = UNIT_WORDS.get(found[2], "")
            if not unit:
                raise self.error(key, f"is {value!r}, and {found[2]!r} is no unit", remedy)
            parts.append((int(found[1]), unit))
            at = found.end()
        if not parts or at < len(text):
            raise self.error(key, f"is {value!r}", remedy)
        return parts

    def minute(self, value: object, key: str) -> int:
        """Read a time of day such as "9:00" or "24:00", in minutes."""
        if isinstance(value, time) and not value.second and not value.microsecond:
            return value.hour * 60 + value.minute
        found = CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
        minute = int(found[1]) * 60 + int(found[2]) if found else DAY_MIN + 1
        if minute > DAY_MIN or (found and int(found[2]) > 59):
            raise self.error(key, f"is {value!r}", f'Write a time of day such as {key} = "16:00".')
        return minute

    def hours(self, value: object, key: str) -> tuple[tuple[int, int], ...]:
        """Read times of a day such as "09:00-12:30" or a list of them; "closed", or "open" all day."""
        if value is False or (isinstance(value, str) and spelled(value) in ("closed", "none")):
            return ()
        if value is True or (isinstance(value, str) and spelled(value) in ("open", "always", "24h", "24_h")):
            return ((0, DAY_MIN),)
        found = []
        for item in value if isinstance(value, list) else [value]:
            first, dash, last = re.sub(r"\s*(–|to)\s*", "-", str(item)).partition("-")
            if not dash or not CLOCK.fullmatch(first.strip()) or not CLOCK.fullmatch(last.strip()):
                remedy = f'Write {key} = "09:00-17:00", a list of such, or "closed".'
                raise self.error(key, f"is {item!r}", remedy)
            begins, ends = self.minute(first, key), self.minute(last, key)
            found.append((begins, ends if ends > begins else ends + DAY_MIN))
        return tuple(sorted(found))

    def weekdays(self, value: object, key: str) -> frozenset[int]:
        """Read days such as "mon", "tuesday", "mon-fri", "weekdays"; 0 is Monday."""
        days: set[int] = set()
        for word in self.listed(value, key):
            for part in word.split(","):
                days |= self._weekday(part, key)
        return frozenset(days)

    def _weekday(self, word: str, key: str) -> set[int]:
        low = spelled(word)
        if low in SOME:
            return set(SOME[low])
        first, _, last = low.replace("_to_", "_").replace("–", "_").partition("_")
        numbers = [self._number(one) for one in (first, last or first)]
        if -1 in numbers:
            remedy = f'Write {", ".join(DAYS)}, such as "mon-fri", weekdays, weekend or daily.'
            raise self.error(key, f"has {word!r}, which is no day of the week", remedy)
        begin, end = numbers
        return {day % 7 for day in range(begin, end + (1 if end >= begin else 8))}

    def _number(self, word: str) -> int:
        return next((n for n, name in enumerate(NAMES) if len(word) >= 3 and name.startswith(word)), -1)

    def date(self, value: object, key: str) -> date:
        """Read a date of the years 1970 to 9998."""
        day = self.day(value, key)
        if not 1970 <= day.year <= 9998:
            raise self.error(key, f"is {day}", "Write a date of the years 1970 to 9998.")
        return day

    def machines(self, table: Table, groups: Mapping[str, Machines]) -> Machines:
        """Read `machines` (ids and globs), `kinds` and `groups` of a table."""
        ids = [*self.listed(table.get("machines", []), "machines")]
        kinds = self.words(table, "kinds") | {one[5:] for one in ids if one.startswith("kind:")}
        ids = [one for one in ids if not one.startswith("kind:")]
        for name in sorted(self.words(table, "groups")):
            if name not in groups:
                close = nearest(name, groups)
                remedy = f"Did you mean {close}?" if close else f'Write {name} = ["laser-1"] below [groups].'
                raise self.error("groups", f"names {name!r}, and there is no such group", remedy)
            ids += groups[name].ids
            kinds |= groups[name].kinds
        for one in ids:
            if not PLAIN.fullmatch(re.sub(r"[*?\[\]!]", "", one) or "x"):
                remedy = 'Write ids such as "laser-1", or "laser-*" for all that begin so.'
                raise self.error("machines", f"has {one!r}, which is no machine's id", remedy)
        return Machines(tuple(dict.fromkeys(ids)), kinds)

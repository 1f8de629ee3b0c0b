"""A mapping file (TOML) becomes a Mapping; what is wrong in it is a ConfigError with file, key and remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from firmware_bridge.mapping.values import Place, parse_path
from floor import toml
from floor.errors import ConfigError
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

T = TypeVar("T")
UNITS: dict[str, tuple[str, Decimal]] = {
    "ms": ("ms", Decimal(1)),
    "s": ("ms", Decimal(1000)),
    "min": ("ms", Decimal(60_000)),
    "h": ("ms", Decimal(3_600_000)),
    "um": ("um", Decimal(1)),
    "mm": ("um", Decimal(1000)),
    "m": ("um", Decimal(1_000_000)),
    "mg": ("mg", Decimal(1)),
    "g": ("mg", Decimal(1000)),
    "kg": ("mg", Decimal(1_000_000)),
    "mWh": ("mwh", Decimal(1)),
    "Wh": ("mwh", Decimal(1000)),
    "kWh": ("mwh", Decimal(1_000_000)),
    "ul": ("ul", Decimal(1)),
    "ml": ("ul", Decimal(1000)),
    "l": ("ul", Decimal(1_000_000)),
    "mm3": ("mm3", Decimal(1)),
    "cm3": ("mm3", Decimal(1000)),
    "jobs": ("jobs", Decimal(1)),
}
"""Units that a machine may count in: the base unit of the quantities that they fit, and how many of those."""

COUNTED_HERE = (Quantity.MACHINE_TIME_MS, Quantity.RUN_ON_TIME_MS, Quantity.RESERVED_TIME_MS)
SAYABLE = (Activity.IDLE, Activity.BUSY, Activity.HELD, Activity.FAULTED)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Busy above, idle below, each for `after_s`."""

    busy_above: float
    idle_below: float
    after_s: float


@dataclass(frozen=True, slots=True)
class ActivityRule:
    """What the machine does: by words or by a number; `words` is where its own explanation stands."""

    place: Place
    means: Table[str, Activity] = field(default_factory=dict)
    thresholds: Thresholds | None = None
    words: Place | None = None


@dataclass(frozen=True, slots=True)
class OnlineRule:
    """Whether the machine is there."""

    place: Place
    yes: frozenset[str]
    no: frozenset[str]


@dataclass(frozen=True, slots=True)
class JobRule:
    """What is known of the job that runs while the machine is busy or held. `whole` is progress when done."""

    id: Place | None = None
    name: Place | None = None
    user: Place | None = None
    progress: Place | None = None
    whole: Decimal = Decimal(100)
    left_s: Place | None = None
    outcome: Place | None = None
    outcomes: Table[str, JobOutcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """A counter of the machine: the base units in one of its own, and how much it can grow in an hour."""

    quantity: Quantity
    place: Place
    factor: Decimal
    most_per_h: float | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """All that a file says."""

    name: str
    firmware: str
    activity: ActivityRule
    online: OnlineRule | None
    job: JobRule | None
    readings: tuple[ReadingRule, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Topics or paths of URLs, each once, in the order of the file."""
        job = self.job or JobRule()
        places = (
            self.activity.place,
            self.activity.words,
            self.online.place if self.online else None,
            *(job.id, job.name, job.user, job.progress, job.left_s, job.outcome),
            *(one.place for one in self.readings),
        )
        return tuple(dict.fromkeys(place.source for place in places if place))


def load_mapping(file: str, source_key: str) -> Mapping:
    """Read a mapping whose places name a `topic` (or `url`: `source_key`). Raises ConfigError."""
    try:
        tables = toml.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            file, "", f"it cannot be read: {error.strerror}", "Name the mapping file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(file, "", f"it is no TOML: {error}", "See docs/drivers/mapping.md") from error
    root = _Reader(file, "", tables, source_key)
    root.only("machine", "activity", "online", "job", "reading")
    machine = root.table("machine")
    machine.only("name", "firmware")
    return Mapping(
        name=machine.text("name"),
        firmware=machine.text("firmware", ""),
        activity=_activity(root.table("activity")),
        online=_online(root.table("online")) if "online" in tables else None,
        job=_job(root.table("job")) if "job" in tables else None,
        readings=_readings(root),
    )


def _activity(rule: _Reader) -> ActivityRule:
    rule.only("value", "means", "busy_above", "idle_below", "after_s", "words")
    place, words = rule.place("value"), rule.place_or_none("words")
    if "means" in rule.table_ and "busy_above" in rule.table_:
        raise rule.wrong("means", "stands beside busy_above", "Keep the one that fits the value")
    if "means" in rule.table_:
        return ActivityRule(place, rule.choices("means", {str(one): one for one in SAYABLE}), words=words)
    busy_above = rule.number("busy_above")
    idle_below = rule.number("idle_below", busy_above)
    if idle_below > busy_above:
        raise rule.wrong("idle_below", "lies above busy_above", f"Write at most {busy_above}")
    after_s = rule.number("after_s", Decimal(5))
    return ActivityRule(place, {}, Thresholds(float(busy_above), float(idle_below), float(after_s)), words)


def _online(rule: _Reader) -> OnlineRule:
    rule.only("value", "yes", "no")
    return OnlineRule(rule.place("value"), rule.words("yes"), rule.words("no"))


def _job(rule: _Reader) -> JobRule:
    rule.only("id", "name", "user", "progress", "whole", "left_s", "outcome", "outcomes")
    if ("outcome" in rule.table_) != ("outcomes" in rule.table_):
        raise rule.wrong("outcome", "goes with outcomes", 'Write outcomes = {finished = "done"}')
    known = {str(one): one for one in JobOutcome}
    whole = rule.number("whole", Decimal(100))
    if whole <= 0:
        raise rule.wrong("whole", "is no whole", "Write 100 for percent, 1 for a fraction")
    return JobRule(
        id=rule.place_or_none("id"),
        name=rule.place_or_none("name"),
        user=rule.place_or_none("user"),
        progress=rule.place_or_none("progress"),
        whole=whole,
        left_s=rule.place_or_none("left_s"),
        outcome=rule.place_or_none("outcome"),
        outcomes=rule.choices("outcomes", known) if "outcomes" in rule.table_ else {},
    )


def _readings(root: _Reader) -> tuple[ReadingRule, ...]:
    listed = root.table_.get("reading", [])
    if not isinstance(listed, list):
        raise root.wrong("reading", "is one table", "Write [[reading]], one for each counter")
    found: dict[Quantity, ReadingRule] = {}
    for index, one in enumerate(listed):
        rule = _Reader(root.file, f"reading[{index}]", one, root.source_key)
        rule.only("quantity", "value", "unit", "factor", "most_per_h")
        quantity = rule.choice("quantity", {str(q): q for q in Quantity if q not in COUNTED_HERE})
        if quantity in found:
            raise rule.wrong("quantity", "was read before", "Each quantity is read once")
        base = "jobs" if quantity is Quantity.JOBS else str(quantity).rpartition("_")[2]
        per_unit = rule.choice("unit", {name: many for name, (of, many) in UNITS.items() if of == base})
        factor = rule.number("factor", Decimal(1)) * per_unit
        if factor <= 0:
            raise rule.wrong("factor", "is not above 0", "Write what one step of the counter is worth")
        most = rule.number("most_per_h", Decimal(0))
        most_per_h = float(most * per_unit) or None
        found[quantity] = ReadingRule(quantity, rule.place("value"), factor, most_per_h)
    return tuple(found.values())


class _Reader:
    """One table of the file, and how its keys are read; an error names the key as it stands in the file."""

    def __init__(self, file: str, at: str, table: object, source_key: str) -> None:
        self.file = file
        self._at = at
        self.source_key = source_key
        if not isinstance(table, dict):
            raise ConfigError(file, at, "is no table", f"Write [{at}]")
        self.table_: dict[str, object] = table

    def wrong(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.file, f"{self._at}.{key}" if self._at else key, problem, remedy)

    def only(self, *known: str) -> None:
        for key in self.table_:
            if key not in known:
                raise self.wrong(key, "is unknown here", f"Known are: {', '.join(known)}")

    def table(self, key: str) -> _Reader:
        if key not in self.table_:
            raise self.wrong(key, "is missing", f"Write [{key}]")
        return _Reader(self.file, f"{self._at}.{key}" if self._at else key, self.table_[key], self.source_key)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.table_.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing", f'Write {key} = "…"')
        if not isinstance(value, str) or (not value.strip() and value != default):
            raise self.wrong(key, "is no text", f'Write {key} = "…"')
        return value

    def number(self, key: str, default: Decimal | None = None) -> Decimal:
        value = self.table_.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing", f"Write {key} = 20")
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value < 10**12:
            raise self.wrong(key, "is no number", f"Write {key} = 20: from 0 to 10^12")
        return Decimal(str(value))

    def choice(self, key: str, known: Table[str, T]) -> T:
        word = self.text(key)
        if word not in known:
            raise self.wrong(key, f"{word!r} is not known", f"Write one of: {', '.join(known)}")
        return known[word]

    def choices(self, key: str, known: Table[str, T]) -> dict[str, T]:
        """A table from the machine's words to ours."""
        return {word: self.table(key).choice(word, known) for word in self.table(key).table_}

    def words(self, key: str) -> frozenset[str]:
        value = self.table_.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, "is no list of texts", f'Write {key} = ["online"]')
        return frozenset(value)

    def place_or_none(self, key: str) -> Place | None:
        return self.place(key) if key in self.table_ else None

    def place(self, key: str) -> Place:
        rule = self.table(key)
        rule.only(self.source_key, "path")
        source = rule.text(self.source_key)
        if self.source_key == "url" and not source.startswith("/"):
            raise rule.wrong("url", "does not begin with /", 'Write url = "/status"')
        if self.source_key == "topic" and ("#" in source or "+" in source):
            raise rule.wrong("topic", "is of many topics", "Name one topic, without # and +")
        if "path" not in rule.table_:
            return Place(source)
        path = parse_path(rule.text("path"))
        if path is None:
            raise rule.wrong("path", "is no path", 'Write path = "job.files[0].name"')
        return Place(source, path)

"""A tariff file as fields of a form, and what is typed there as changes of the file.

The form never refuses: what makes no sense is written as it was typed, and reading the file says what is
wrong. What the form has no field for stays in the file as it is, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from booking_api.tariffs.form_fields import (
    CAP,
    COMPONENT,
    FORMLESS,
    GENERAL,
    ROUNDING,
    TAX,
    TIER,
    WINDOW,
    Group,
    Kind,
    Spec,
)
from booking_api.toml_text import Path, changed, line_of, parse
from floor.errors import Refused
from floor.tariff.load import PER
from floor.tariff.load_components import CALENDAR
from floor.tariff.model import units_of

Change = tuple[Path, Any]
HUNDRED = Decimal(100)
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its name in the form is its `path`; `of` is the tier or window whose own value it is."""

    path: Path
    spec: Spec
    value: str
    choices: tuple[str, ...] = ()
    of: str = ""

    @property
    def name(self) -> str:
        """What the form calls it."""
        return named(self.path)


@dataclass(frozen=True, slots=True)
class Row:
    """Fields of one table of the file; `left` are keys that stay in the file, with their lines."""

    group: Group
    path: Path
    title: str
    fields: tuple[Field, ...]
    left: tuple[tuple[str, int | None], ...] = ()
    steps: int = 0

    @property
    def name(self) -> str:
        """What the form calls it."""
        return named(self.path)

    @property
    def used(self) -> bool:
        """Whether something is typed in it, not only chosen: what is chosen stands in a new form too."""
        return bool(self.left) or any(one.value and not one.choices for one in self.fields)


def named(path: Path) -> str:
    """Return a path as a form's name for it."""
    return ".".join(map(str, path))


def rows(text: str, zone: tzinfo) -> list[Row]:
    """Return the form of a file that is TOML; raises ValueError for one that is not."""
    table = parse(text)
    made = _Rows(text, table, zone)
    found = [made.row(Group.GENERAL, (), table, GENERAL, "")]
    specs: tuple[Spec, ...]
    for group, specs in ((Group.TAX, TAX), (Group.ROUNDING, ROUNDING)):
        found.append(made.row(group, (group.value,), _table(table.get(group.value)), specs, ""))
    for name, tier in _table(table.get("tiers")).items():
        found.append(made.row(Group.TIERS, ("tiers", name), _table(tier), TIER, name))
    for group, specs in ((Group.WINDOWS, WINDOW), (Group.COMPONENTS, COMPONENT), (Group.CAPS, CAP)):
        for n, value in enumerate(_tables(table.get(group.value))):
            title = str(value.get("id") or value.get("per") or n + 1)
            found.append(made.row(group, (group.value, n), value, specs, title))
    return found


class _Rows:
    """Makes the rows of one file."""

    def __init__(self, text: str, table: Mapping[str, Any], zone: tzinfo) -> None:
        self.text, self.table, self.zone = text, table, zone

    def row(
        self, group: Group, path: Path, table: Mapping[str, Any], specs: tuple[Spec, ...], title: str
    ) -> Row:
        fields: list[Field] = []
        for spec in specs:
            fields += self._fields(path, table, spec)
        steps = len(_tables(table.get("brackets")))
        if group is Group.COMPONENTS:
            fields += self._brackets(path, table)
        seen = {spec.key for spec in specs} | {"brackets"} | (FORMLESS if not path else set())
        left = [(key, line_of(self.text, (*path, key))) for key in table if key not in seen]
        return Row(group, path, title, tuple(fields), tuple(left), steps)

    def _fields(self, path: Path, table: Mapping[str, Any], spec: Spec) -> Iterator[Field]:
        value = table.get(spec.key)
        names = list(_table(self.table.get("tiers")))
        if spec.kind is Kind.PRICES:
            if spec.key == "windows":
                names = [str(one.get("id")) for one in _tables(self.table.get("windows"))]
            for name in names:
                own = shown(_table(value).get(name), Kind.AMOUNT, self.zone)
                yield Field((*path, spec.key, name), spec, own, of=name)
        elif spec.key == "free" and isinstance(value, Mapping):
            for name in names:
                own = shown(value.get(name), Kind.MEASURE, self.zone)
                yield Field((*path, spec.key, name), spec, own, of=name)
        else:
            told = shown(value, spec.kind, self.zone) if value is not None else spec.default
            yield Field((*path, spec.key), spec, told, self._choices(spec, table, told))

    def _brackets(self, path: Path, table: Mapping[str, Any]) -> Iterator[Field]:
        for n, one in enumerate(_tables(table.get("brackets"))):
            for key, kind in (("above", Kind.MEASURE), ("price", Kind.AMOUNT)):
                spec = Spec(key, kind, "Above" if key == "above" else "Price from there on")
                yield Field((*path, "brackets", n, key), spec, shown(one.get(key), kind, self.zone))

    def _choices(self, spec: Spec, table: Mapping[str, Any], told: str) -> tuple[str, ...]:
        if spec.kind is not Kind.CHOICE:
            return ()
        words: tuple[str, ...] = spec.choices
        if spec.key == "per" and spec.choices == ():
            words = ("flat", *sorted(PER), *CALENDAR, *map(str, self.table.get("counts") or ()))
        if spec.key == "unit" and spec.choices == ():
            quantity = PER.get(str(table.get("per")))
            words = ("", *units_of(quantity)) if quantity else ("",)
        return words if told in words else (*words, told)


def shown(value: Any, kind: Kind, zone: tzinfo) -> str:
    """Write a value of the file as the form's field has it."""
    if value is None:
        return ""
    if kind is Kind.PERCENT:
        number = _number(str(value))
        return str(value) if number is None else f"{(number * HUNDRED).normalize():f}"
    if kind is Kind.LIST and isinstance(value, list):
        return ", ".join(map(str, value))
    if kind is Kind.MOMENT and isinstance(value, datetime):
        local = value if value.tzinfo is None else value.astimezone(zone)
        return local.strftime("%Y-%m-%dT%H:%M")
    if kind is Kind.MOMENT and isinstance(value, date):
        return f"{value.isoformat()}T00:00"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def changes(form: list[Row], typed: Mapping[str, str]) -> list[Change]:
    """Return what was typed differently from what the form had shown."""
    found: list[Change] = []
    for field in (field for row in form for field in row.fields):
        text = typed.get(field.name)
        if text is not None and text.strip() != field.value:
            found.append((field.path, read(text.strip(), field.spec.kind)))
    return found


def read(text: str, kind: Kind) -> Any:
    """Return what was typed as a value of the file; None for nothing."""
    if not text:
        return None
    if kind is Kind.PERCENT:
        number = _number(text.rstrip("% ").replace(",", "."))
        return text if number is None else (number * HUNDREDTH).normalize() + 0
    if kind is Kind.AMOUNT:
        number = _number(text.replace(",", "."))
        return text if number is None else number
    if kind is Kind.LIST:
        return [one.strip() for one in text.replace("，", ",").replace("、", ",").split(",") if one.strip()]
    if kind is Kind.MOMENT:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return text
    return text == "true" if text in ("true", "false") else text


def addition(text: str, what: str, name: str) -> list[Change]:
    """Return the changes that add a row: a price, a tier, times of the week, a cap, or a step of a price."""
    table = parse(text)
    at = len(_tables(table.get(what)))
    fresh: dict[str, Change] = {
        "components": (
            ("components", at),
            {"id": f"price-{at + 1}", "per": "machine_time", "unit": "min", "price": Decimal("0.10")},
        ),
        "windows": (("windows", at), {"id": f"time-{at + 1}", "days": ["sat", "sun"], "multiplier": 1}),
        "caps": (("caps", at), {"per": "month", "above": Decimal(100)}),
    }
    if what in fresh:
        return [fresh[what]]
    if what == "tiers" and name.strip():
        return [(("tiers", name.strip()), {"multiplier": 1})]
    head, _, place = what.partition(".")
    components = _tables(table.get("components"))
    if head == "components" and place.isdecimal() and int(place) < len(components):
        return _step(components[int(place)], int(place))
    return []


def _step(component: Mapping[str, Any], place: int) -> list[Change]:
    """Return the change that adds a step above the last one, a block or ten units further."""
    steps = _tables(component.get("brackets"))
    per = str(component.get("per"))
    units = list(units_of(PER[per])) if per in PER else [per]
    unit = str(component.get("unit") or units[0])
    far, _, block_unit = str(component.get("block") or f"10 {unit}").partition(" ")
    marks = [str(one.get("above", "")).partition(" ")[0] for one in steps]
    last = max([_number(mark) or Decimal(0) for mark in marks], default=Decimal(0))
    above = f"{last + (_number(far) or Decimal(10)):f} {block_unit or unit}"
    return [
        (("components", place, "brackets"), [*steps, {"above": above, "price": component.get("price", 0)}])
    ]


def moved_to(text: str, begin: date) -> str:
    """Return a file as one that is in force from another time; as it is where it says that in its own way."""
    try:
        return changed(text, [(("valid_from",), begin)])
    except Refused:
        return text


def removal(what: str) -> list[Change]:
    """Return the change that takes a row away, by the form's name for it."""
    steps = tuple(int(step) if step.isdecimal() else step for step in what.split(".") if step)
    if len(steps) in (2, 4) and steps[0] in ("components", "windows", "caps", "tiers"):
        return [(steps, None)]
    return []


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _tables(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

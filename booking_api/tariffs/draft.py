"""A tariff that is being written: form and file told together, what is wrong with it, what it would cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from booking_api.tariffs import form
from booking_api.tariffs.check import warn
from booking_api.tariffs.compare import always
from booking_api.tariffs.form import Row
from booking_api.tariffs.source import line_of, parse, read
from booking_api.toml_text import changed
from floor.errors import ConfigError, Refused
from floor.meter import Quantity, Reading
from floor.money import round_fraction
from floor.tariff import History, Occasion, Tariff, Visit, price_visit
from floor.tariff.model import units_of

FILE = "tariff"
MOST = Decimal(1_000_000)
FIRST = Fraction(60)
PLACE = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Draft:
    """A text, its form (of `base`, the last text that could be read), and what reading it says.

    `field` is the form's name of the field that is wrong; "" where the form has none. `refused` says what of
    the form could not be brought into the file.
    """

    text: str
    base: str
    rows: list[Row]
    typed: Mapping[str, str]
    tariff: Tariff | None = None
    problem: ConfigError | None = None
    field: str = ""
    refused: str = ""
    warnings: tuple[tuple[str, int | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form sends beside its fields: which row to add (and its name), which to take away."""

    add: str = ""
    name: str = ""
    remove: str = ""


def draft(text: str, base: str, typed: Mapping[str, str], zone: tzinfo, asked: Asked | None = None) -> Draft:
    """Bring what was typed in the form (made from `base`) into the file `text`, and read it."""
    asked = asked or Asked()
    text = "\n".join(text.splitlines()).strip("\n") + "\n"
    try:
        changes = form.changes(form.rows(base, zone), typed)
    except ValueError:
        changes = []
    refused = ""
    try:
        parse(text, FILE)
        text = changed(text, changes)
        extra = form.addition(text, asked.add, asked.name) if asked.add else form.removal(asked.remove)
        text = changed(text, extra)
        rows = form.rows(text, zone)
    except ConfigError as error:
        return Draft(text, base, _rows(base, zone), typed, problem=error)
    except Refused as error:
        refused, rows = str(error), form.rows(text, zone)
    try:
        tariff = read(text, FILE, zone)
    except ConfigError as error:
        return Draft(text, text, rows, {}, None, error, _field(error.key, rows), refused)
    warnings = tuple((key, line_of(text, key), words) for key, words in warn(tariff))
    return Draft(text, text, rows, {}, tariff, refused=refused, warnings=warnings)


def _rows(base: str, zone: tzinfo) -> list[Row]:
    try:
        return form.rows(base, zone)
    except ValueError:
        return []


def _field(key: str, rows: Sequence[Row]) -> str:
    """Return the name of the field that an error's key means."""
    name = PLACE.sub(lambda place: f".{int(place[1]) - 1}", key)
    names = {one.name for row in rows for one in row.fields}
    if name in names:
        return name
    above = name.rpartition(".")[0]
    inside = sorted(one for one in names if one.startswith(f"{name}.") or one.startswith(f"{above}.per"))
    return inside[0] if inside else ""


@dataclass(frozen=True, slots=True)
class Example:
    """A use to try prices on: amounts by quantity in the unit that people type, counts, machine, begin."""

    used: Mapping[str, Decimal]
    counts: Mapping[str, int]
    machine: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What an example costs a tier, in micro-units; None where it cannot be priced."""

    tier: str
    old_micro: int | None
    new_micro: int | None

    @property
    def change_micro(self) -> int | None:
        """How much more the new one asks."""
        return None if self.old_micro is None or self.new_micro is None else self.new_micro - self.old_micro


def units_for(tariffs: Sequence[Tariff]) -> dict[str, str]:
    """Return the quantities that tariffs price in a session, each with the unit that people type."""
    found: dict[str, str] = {}
    for component in (one for tariff in tariffs for one in tariff.components):
        if component.quantity is not None and component.on is Occasion.SESSION:
            units = units_of(component.quantity)
            found.setdefault(component.quantity, "min" if "min" in units else component.unit)
    return found


def counts_for(tariffs: Sequence[Tariff]) -> list[str]:
    """Return what people count themselves in a session of these tariffs."""
    return sorted(
        {one.count for tariff in tariffs for one in tariff.components if one.count and one.on == "session"}
    )


def example(typed: Mapping[str, str], tariffs: Sequence[Tariff], at_ms: int, zone: tzinfo) -> Example:
    """Read an example; what is no number counts as none."""
    used = {name: amount_of(typed.get(f"try.{name}", ""), FIRST) for name in units_for(tariffs)}
    counts = {
        name: int(amount_of(typed.get(f"try.count.{name}", ""), Fraction(0))) for name in counts_for(tariffs)
    }
    try:
        begin = datetime.fromisoformat(typed.get("try.at", "")).replace(tzinfo=zone)
        at_ms = round(begin.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    return Example(used, counts, typed.get("try.machine", "")[:64], max(0, at_ms))


def amount_of(text: str, usual: Fraction) -> Decimal:
    """Return a number that was typed, at most a million; `usual` where nothing was."""
    try:
        number = Decimal(text.strip().replace(",", ".")) if text.strip() else Decimal(int(usual))
    except InvalidOperation:
        return Decimal(0)
    return min(number, MOST) if number.is_finite() and number > 0 else Decimal(0)


def tried(use: Example, old: Tariff | None, new: Tariff, zone: tzinfo) -> list[Tried]:
    """Price an example for each tier, and for a tier that no tariff names, by both versions."""
    tiers = dict.fromkeys([*new.tiers, *(old.tiers if old else ()), ""])
    return [
        Tried(tier, _cost(use, old, tier, zone) if old else None, _cost(use, new, tier, zone))
        for tier in tiers
    ]


def _cost(use: Example, tariff: Tariff, tier: str, zone: tzinfo) -> int | None:
    units = units_for([tariff])
    counters: dict[Quantity, int] = {}
    for name, unit in units.items():
        quantity = Quantity(name)
        size = units_of(quantity).get(unit, Fraction(1))
        counters[quantity] = round_fraction(Fraction(use.used.get(name, Decimal(0))) * size)
    spans = [amount for quantity, amount in counters.items() if quantity.endswith("_ms")]
    lasts = max(spans, default=3_600_000)
    readings = (Reading(use.at_ms, {}), Reading(use.at_ms + lasts, counters))
    counts = {name: amount for name, amount in use.counts.items() if name in tariff.counts}
    visit = Visit("try", readings, tier, "try", "try", use.machine, counts=counts)
    try:
        bill, _ = price_visit(visit, (always(tariff),), History(), zone)
    except (ValueError, LookupError, OverflowError):
        return None
    return bill.total_micro


def blank(id: str, begin: date, code: str) -> str:
    """Return the file with which a new tariff begins."""
    lines = (f'id = "{id}"', f'name = "{id}"', f'commodity = "{code}"', f"valid_from = {begin.isoformat()}")
    price = ("[[components]]", 'per = "machine_time"', 'unit = "h"', "price = 6.00")
    return "\n".join([*lines, "", *price, ""])

"""A tariff's TOML, already read into a table, becomes a Tariff; every error names file, key and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from floor.errors import ConfigError
from floor.meter import Quantity
from floor.money import MICRO, Commodity, RoundingMode
from floor.tariff.model import Component, Rounding, RoundWhere, Tariff, Tier, units_of

E = TypeVar("E", bound=StrEnum)
Table = Mapping[str, object]
TARIFF_KEYS = frozenset(
    {"id", "name", "commodity", "decimals", "valid_from", "minimum", "maximum", "tiers"}
    | {"rounding", "components"}
)
COMPONENT_KEYS = frozenset({"id", "per", "price", "unit", "block", "free", "tiers", "minimum", "maximum"})
MOST = 10**12
DECIMALS = 18
PER = {quantity.rpartition("_")[0] or str(quantity): quantity for quantity in Quantity} | {
    "filament_length": Quantity.FILAMENT_UM,
    "filament_mass": Quantity.FILAMENT_MG,
}
del PER["filament"]


def load(table: Table, file: str) -> Tariff:
    """Build a tariff; raises ConfigError with the file, the key, what is wrong and what would be right."""
    at = _At(file, "")
    at.only(table, TARIFF_KEYS)
    commodity = Commodity(at.text(table, "commodity"), at.whole(table, "decimals", 2, 0, 6))
    tiers = {name: _tier(name, value, file) for name, value in at.table(table, "tiers").items()}
    components = tuple(
        _component(value, index, tiers, file) for index, value in enumerate(at.tables(table, "components"), 1)
    )
    ids = [component.id for component in components]
    for id in ids:
        if ids.count(id) > 1:
            raise at.error("components.id", f"two components are called {id!r}", "Give each its own id.")
    if not components:
        raise at.error("components", "there is none", "Add a [[components]] table with a price.")
    low, high = at.bounds(table)
    return Tariff(
        id=at.text(table, "id"),
        name=at.text(table, "name"),
        commodity=commodity,
        components=components,
        tiers=tiers,
        valid_from_ms=_instant(at, table, "valid_from"),
        minimum_micro=low,
        maximum_micro=high,
        rounding=_rounding(at.table(table, "rounding"), commodity, file),
    )


class _At:
    """Reads typed values from one table; knows where it stands, for the error."""

    def __init__(self, file: str, prefix: str) -> None:
        self.file = file
        self.prefix = prefix

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.file, self.prefix + key, problem, remedy)

    def only(self, table: Table, keys: frozenset[str]) -> None:
        for key in table:
            if key not in keys:
                raise self.error(key, "is not a key here", f"Use one of: {', '.join(sorted(keys))}.")

    def text(self, table: Table, key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, "is missing or not a text", f'Write {key} = "…".')
        return value

    def whole(self, table: Table, key: str, default: int, low: int, high: int) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"is {value!r}", f"Write a whole number from {low} to {high}.")
        return value

    def table(self, table: Table, key: str) -> Table:
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, "is not a table", f"Write [{self.prefix}{key}] and its keys below.")
        return value

    def tables(self, table: Table, key: str) -> list[Table]:
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

    def amount(self, table: Table, key: str) -> int | None:
        number = self.number(table, key)
        if number is None:
            return None
        micro = number * MICRO
        if micro.denominator != 1:
            raise self.error(key, "has more than six decimals", "Write at most six decimals.")
        return micro.numerator

    def price(self, table: Table, key: str) -> int:
        amount = self.amount(table, key)
        if amount is None:
            raise self.error(key, "is missing", f"Write {key} = 1.50 (0 is allowed).")
        return amount

    def bounds(self, table: Table) -> tuple[int | None, int | None]:
        low, high = self.amount(table, "minimum"), self.amount(table, "maximum")
        if low is not None and high is not None and low > high:
            raise self.error("minimum", "is more than the maximum", "Swap them, or take one away.")
        return low, high

    def choice(self, table: Table, key: str, enum: type[E], default: E) -> E:
        value = table.get(key, default)
        if not isinstance(value, str) or value not in set(enum):
            raise self.error(key, f"is {value!r}", f"Write one of: {', '.join(enum)}.")
        return enum(value)

    def measure(self, table: Table, key: str, quantity: Quantity, unit: str) -> Fraction | None:
        """Read an amount of a quantity such as "20 min", in `unit`."""
        value = table.get(key)
        if value is None:
            return None
        units = units_of(quantity)
        remedy = f'Write a number and a unit, such as {key} = "20 {unit}" (units: {", ".join(units)}).'
        words = value.split() if isinstance(value, str) else []
        if len(words) != 2 or words[1] not in units:
            raise self.error(key, f"is {value!r}", remedy)
        number = self.number({key: words[0]}, key)
        if not number and key == "block":
            raise self.error(key, "is 0", remedy)
        return (number or Fraction(0)) * units[words[1]] / units[unit]


def _tier(name: str, value: object, file: str) -> Tier:
    at = _At(file, f"tiers.{name}.")
    if not isinstance(value, Mapping):
        raise _At(file, "tiers.").error(name, "is not a table", f"Write [tiers.{name}].")
    at.only(value, frozenset({"multiplier"}))
    multiplier = at.number(value, "multiplier")
    multiplier = Fraction(1) if multiplier is None else multiplier
    if multiplier > 10:
        raise at.error("multiplier", f"is {multiplier}", "Write a number from 0 to 10; 0.5 is half price.")
    return Tier(name, multiplier)


def _component(table: Table, index: int, tiers: Mapping[str, Tier], file: str) -> Component:
    at = _At(file, f"components[{index}].")
    at.only(table, COMPONENT_KEYS)
    per = at.text(table, "per")
    if per != "flat" and per not in PER:
        raise at.error("per", f"is {per!r}", f"Write one of: flat, {', '.join(sorted(PER))}.")
    price = at.price(table, "price")
    prices = _own_prices(at.table(table, "tiers"), at, tiers)
    id = at.text(table, "id") if "id" in table else per
    low, high = at.bounds(table)
    if per == "flat":
        for key in ("unit", "block", "free"):
            if key in table:
                raise at.error(key, "has no meaning for a flat price", "Take it away.")
        return Component(id, None, price, prices=prices, minimum_micro=low, maximum_micro=high)
    quantity = PER[per]
    unit = at.text(table, "unit") if "unit" in table or len(units_of(quantity)) > 1 else "job"
    if unit not in units_of(quantity):
        raise at.error("unit", f"is {unit!r}", f"For {per} write one of: {', '.join(units_of(quantity))}.")
    block = at.measure(table, "block", quantity, unit)
    free = at.measure(table, "free", quantity, unit) or Fraction(0)
    return Component(id, quantity, price, unit, block, free, prices, low, high)


def _own_prices(table: Table, at: _At, tiers: Mapping[str, Tier]) -> dict[str, int]:
    prices: dict[str, int] = {}
    for name in table:
        if name not in tiers:
            raise at.error(f"tiers.{name}", "is not a tier of this tariff", f"Add [tiers.{name}].")
        prices[name] = _At(at.file, f"{at.prefix}tiers.").price(table, name)
    return prices


def _rounding(table: Table, commodity: Commodity, file: str) -> Rounding:
    at = _At(file, "rounding.")
    at.only(table, frozenset({"unit", "mode", "where"}))
    unit = at.amount(table, "unit")
    if unit == 0:
        raise at.error("unit", "is 0", "Write the smallest amount on a bill, such as 0.01.")
    mode = at.choice(table, "mode", RoundingMode, RoundingMode.HALF_UP)
    where = at.choice(table, "where", RoundWhere, RoundWhere.SESSION)
    return Rounding(unit or commodity.minor_micro, mode, where)


def _instant(at: _At, table: Table, key: str) -> int:
    """Read a date or an instant; a date, or a time without an offset, is taken as UTC."""
    value = table.get(key)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise at.error(key, "is missing or not a date", f"Write {key} = 2026-01-31.")
    instant = value if value.tzinfo else value.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)

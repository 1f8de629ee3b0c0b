"""Reads from one table of a tariff file what only tariffs have: prices, measures, names that they declare."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from floor.meter import Quantity
from floor.reader import At, Table
from floor.tariff.model import units_of


class TariffAt(At):
    """A reader that knows amounts, units and declared names; `measure` gives exact fractions of a unit."""

    def known(self, names: frozenset[str], key: str, of: Mapping[str, object], what: str) -> None:
        """Refuse a name that the tariff does not declare."""
        for name in sorted(names):
            if name not in of:
                raise self.error(
                    key, f"{name!r} is not a {what} of this tariff", f"Declare the {what} {name}."
                )

    def prices(self, table: Table, key: str, of: Mapping[str, object], what: str) -> dict[str, int]:
        """Read a table of prices by the names of `of`."""
        at, found = self.below(key), self.table(table, key)
        for name in found:
            if name not in of:
                header = f"[{what}s.{name}]" if what == "tier" else f"[[{what}s]]"
                raise self.error(f"{key}.{name}", f"is not a {what} of this tariff", f"Add {header}.")
        return {name: at.price(found, name) for name in found}

    def bounds(self, table: Table) -> tuple[int | None, int | None]:
        """Read minimum and maximum."""
        low, high = self.amount(table, "minimum"), self.amount(table, "maximum")
        if low is not None and high is not None and low > high:
            raise self.error("minimum", "is more than the maximum", "Swap them, or take one away.")
        return low, high

    def measure(self, table: Table, key: str, quantity: Quantity | None, unit: str) -> Fraction | None:
        """Read an amount such as "20 min" in `unit`; a count has no quantity, and its name is its unit."""
        value = table.get(key)
        if value is None:
            return None
        units = units_of(quantity) if quantity else {unit: Fraction(1)}
        remedy = f'Write a number and a unit, such as {key} = "20 {unit}" (units: {", ".join(units)}).'
        words = value.split() if isinstance(value, str) else []
        if len(words) != 2 or words[1] not in units:
            raise self.error(key, f"is {value!r}", remedy)
        number = self.number({key: words[0]}, key)
        if not number and key in ("block", "above", "size"):
            raise self.error(key, "is 0", remedy)
        return (number or Fraction(0)) * units[words[1]] / units[unit]

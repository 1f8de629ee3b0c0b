"""One [[components]] table of a tariff file becomes a Component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from floor.meter import Quantity
from floor.reader import Table
from floor.tariff.model import (
    Bracket,
    BracketMode,
    Component,
    CountsFor,
    FreeMode,
    Occasion,
    Period,
    Tier,
    Window,
    units_of,
)
from floor.tariff.reader import TariffAt

COMPONENT_KEYS = frozenset(
    {
        "id",
        "per",
        "price",
        "unit",
        "block",
        "free",
        "tiers",
        "minimum",
        "maximum",
        "on",
        "machines",
        "windows",
    }
    | {"free_per", "free_mode", "brackets", "brackets_per", "brackets_mode", "counts_for", "shared", "tax"}
)
BRACKET_KEYS = frozenset({"above", "price", "tiers"})
PER = {quantity.rpartition("_")[0] or str(quantity): quantity for quantity in Quantity} | {
    "filament_length": Quantity.FILAMENT_UM,
    "filament_mass": Quantity.FILAMENT_MG,
}
del PER["filament"]
CALENDAR = {str(period): period for period in Period if period is not Period.SESSION}
UNMEASURED = ("unit", "block", "free", "free_per", "free_mode", "brackets", "brackets_per", "brackets_mode")


def taken_words() -> frozenset[str]:
    """Return the words of `per` that a count of the space's own cannot have."""
    return frozenset(PER) | frozenset(CALENDAR) | {"flat"}


@dataclass(frozen=True, slots=True)
class _Measure:
    """How one component counts: its quantity (None for a count), its unit, and the size of its blocks."""

    at: TariffAt
    quantity: Quantity | None
    unit: str
    block: Fraction | None


def component(
    table: Table,
    index: int,
    file: str,
    tiers: Mapping[str, Tier],
    counts: frozenset[str],
    windows: Mapping[str, Window],
) -> Component:
    """Read the component that stands `index`-th in the file; raises ConfigError."""
    at = TariffAt(file, f"components[{index}].")
    at.only(table, COMPONENT_KEYS)
    per = at.text(table, "per")
    if per not in PER and per not in CALENDAR and per not in counts and per != "flat":
        known = ", ".join(["flat", *sorted(PER), *CALENDAR, *sorted(counts)])
        raise at.error("per", f"is {per!r}", f"Write one of: {known}.")
    low, high = at.bounds(table)
    made = Component(
        id=at.text(table, "id") if "id" in table else per,
        quantity=PER.get(per),
        price_micro=at.price(table, "price"),
        prices=at.prices(table, "tiers", tiers, "tier"),
        minimum_micro=low,
        maximum_micro=high,
        on=at.choice(table, "on", Occasion, Occasion.SESSION),
        machines=at.texts(table, "machines"),
        count=per if per in counts else "",
        each=CALENDAR.get(per),
        window_prices=at.prices(table, "windows", windows, "window"),
        counts_for=at.choice(table, "counts_for", CountsFor, CountsFor.ACCOUNT),
        shared=at.text(table, "shared") if "shared" in table else "",
        tax=at.part(table, "tax", 1, "0.07 is 7 %"),
    )
    if made.on is Occasion.PACK:
        raise at.error("on", "is 'pack'", "Say what a pack costs under [[packs]].")
    if made.quantity is None and not made.count:
        for key in UNMEASURED:
            if key in table:
                raise at.error(key, f"has no meaning for a {per} price", "Take it away.")
        return made
    return _measured(table, at, made, per, tiers)


def _measured(table: Table, at: TariffAt, made: Component, per: str, tiers: Mapping[str, Tier]) -> Component:
    """Add what only something that is measured or counted can have."""
    units: Mapping[str, Fraction] = {per: Fraction(1)}
    if made.quantity is not None:
        units = units_of(made.quantity)
    unit = at.text(table, "unit") if "unit" in table or len(units) > 1 else next(iter(units))
    if unit not in units:
        raise at.error("unit", f"is {unit!r}", f"For {per} write one of: {', '.join(units)}.")
    measure = _Measure(at, made.quantity, unit, at.measure(table, "block", made.quantity, unit))
    free, frees = _free(table, measure, tiers)
    brackets = _brackets(table, measure, tiers)
    if brackets and made.window_prices:
        remedy = "Give the window a multiplier instead, or make two components."
        raise at.error("windows", "cannot stand beside brackets", remedy)
    return replace(
        made,
        unit=unit,
        block=measure.block,
        free=free,
        frees=frees,
        free_per=at.choice(table, "free_per", Period, Period.SESSION),
        free_mode=at.choice(table, "free_mode", FreeMode, FreeMode.MARGINAL),
        brackets=brackets,
        brackets_per=at.choice(table, "brackets_per", Period, Period.SESSION),
        brackets_mode=at.choice(table, "brackets_mode", BracketMode, BracketMode.MARGINAL),
    )


def _free(table: Table, by: _Measure, tiers: Mapping[str, Tier]) -> tuple[Fraction, dict[str, Fraction]]:
    """Read what is free: for everybody, or a table by tier."""
    value = table.get("free")
    if not isinstance(value, Mapping):
        return by.at.measure(table, "free", by.quantity, by.unit) or Fraction(0), {}
    frees: dict[str, Fraction] = {}
    for name in value:
        if name not in tiers:
            raise by.at.error(f"free.{name}", "is not a tier of this tariff", f"Add [tiers.{name}].")
        frees[name] = by.at.below("free").measure(value, name, by.quantity, by.unit) or Fraction(0)
    return Fraction(0), frees


def _brackets(table: Table, by: _Measure, tiers: Mapping[str, Tier]) -> tuple[Bracket, ...]:
    found: list[Bracket] = []
    for n, value in enumerate(by.at.tables(table, "brackets"), 1):
        at = by.at.below(f"brackets[{n}]")
        at.only(value, BRACKET_KEYS)
        above = at.measure(value, "above", by.quantity, by.unit)
        if above is None:
            raise at.error("above", "is missing", f'Write above = "120 {by.unit}".')
        if by.block is not None and (Fraction(above) / by.block).denominator != 1:
            raise at.error("above", "lies inside a block", "Write a multiple of the block.")
        if any(above == other.above for other in found):
            raise at.error("above", "is that of another bracket", "Give each its own.")
        found.append(Bracket(above, at.price(value, "price"), at.prices(value, "tiers", tiers, "tier")))
    return tuple(sorted(found, key=lambda bracket: bracket.above))

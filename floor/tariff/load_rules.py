"""What stands beside the components of a tariff file: windows, caps, adjustments, packs, tax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction

from floor.reader import Table
from floor.tariff.model import (
    Adjustment,
    AdjustmentKind,
    Cap,
    Component,
    CountsFor,
    Pack,
    Period,
    RoundWhere,
    Tax,
    Tier,
    When,
    Window,
)
from floor.tariff.reader import TariffAt

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW_KEYS = frozenset({"id", "days", "dates", "from", "to", "multiplier"})
CAP_KEYS = frozenset({"per", "above", "rate", "shared", "counts_for", "fund"})
ADJUSTMENT_KEYS = frozenset({"id", "kind", "part", "amount", "per", "tiers", "fund", "when"})
PACK_KEYS = frozenset({"id", "component", "size", "price", "transferable"})
TAX_KEYS = frozenset({"rate", "included", "where"})


def window(table: Table, index: int, file: str) -> Window:
    """Read a [[windows]] table; without days and dates it is every day."""
    at = TariffAt(file, f"windows[{index}].")
    at.only(table, WINDOW_KEYS)
    multiplier = at.part(table, "multiplier", 10, "0.5 is half price")
    days = _days(at, at.texts(table, "days"))
    dates = _dates(at, table)
    return Window(
        at.text(table, "id"),
        days if days or dates else frozenset(range(7)),
        dates,
        at.clock(table, "from", 0),
        at.clock(table, "to", 1440),
        Fraction(1) if multiplier is None else multiplier,
    )


def _days(at: TariffAt, words: frozenset[str]) -> frozenset[int]:
    """Read days such as "mon", or from one to another such as "mon-fri"."""
    days: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise at.error("days", f"has {word!r}", f'Write {", ".join(DAYS)}, or such as "mon-fri".')
        start, end = DAYS.index(first), DAYS.index(last or first)
        days |= {day % 7 for day in range(start, end + (1 if end >= start else 8))}
    return frozenset(days)


def _dates(at: TariffAt, table: Table) -> frozenset[date]:
    value = table.get("dates", [])
    if not isinstance(value, list):
        raise at.error("dates", "is not a list", "Write dates = [2026-12-25].")
    return frozenset(at.day(item, "dates") for item in value)


def cap(table: Table, index: int, file: str) -> Cap:
    """Read a [[caps]] table."""
    at = TariffAt(file, f"caps[{index}].")
    at.only(table, CAP_KEYS)
    rate = at.part(table, "rate", 1, "0.75 is 25 % off, 0 a hard cap")
    return Cap(
        at.choice(table, "per", Period, None),
        at.price(table, "above"),
        Fraction(0) if rate is None else rate,
        _text(at, table, "shared"),
        at.choice(table, "counts_for", CountsFor, CountsFor.ACCOUNT),
        _text(at, table, "fund"),
    )


def _text(at: TariffAt, table: Table, key: str) -> str:
    return at.text(table, key) if key in table else ""


def adjustment(table: Table, index: int, file: str, tiers: Mapping[str, Tier]) -> Adjustment:
    """Read an [[adjustments]] table: a part, an amount, or what the visit brings (coupon, credit)."""
    at = TariffAt(file, f"adjustments[{index}].")
    at.only(table, ADJUSTMENT_KEYS)
    kind = at.choice(table, "kind", AdjustmentKind, None)
    part = at.part(table, "part", 10 if kind is AdjustmentKind.SURCHARGE else 1, "0.2 is 20 %")
    amount = at.amount(table, "amount")
    if kind in (AdjustmentKind.COUPON, AdjustmentKind.CREDIT) and part is not None:
        raise at.error("part", f"has no meaning for a {kind}", "Take it away.")
    if kind is AdjustmentKind.COUPON and amount is not None:
        raise at.error("amount", "has no meaning for a coupon", "Take it away: the use brings its part.")
    if kind in (AdjustmentKind.DISCOUNT, AdjustmentKind.SURCHARGE) and (part is None) == (amount is None):
        raise at.error(
            "part", "must stand alone, or an amount in its place", "Write part = 0.2 or amount = 2."
        )
    names = at.texts(table, "tiers")
    at.known(names, "tiers", tiers, "tier")
    return Adjustment(
        _text(at, table, "id") or f"{kind}-{index}",
        kind,
        part,
        amount,
        at.choice(table, "per", Period, Period.SESSION),
        names,
        _text(at, table, "fund"),
        at.choice(table, "when", When, When.ALWAYS),
    )


def pack(table: Table, index: int, file: str, components: Sequence[Component]) -> Pack:
    """Read a [[packs]] table."""
    at = TariffAt(file, f"packs[{index}].")
    at.only(table, PACK_KEYS)
    name = at.text(table, "component")
    of = next((one for one in components if one.id == name and one.unit), None)
    if of is None:
        raise at.error("component", f"{name!r} is no measured component", "Name a component that has a unit.")
    size = at.measure(table, "size", of.quantity, of.unit)
    if size is None:
        raise at.error("size", "is missing", f'Write size = "600 {of.unit}".')
    transferable = at.yes(table, "transferable", default=False)
    return Pack(at.text(table, "id"), name, size, at.price(table, "price"), transferable)


def tax(table: Table, file: str) -> Tax:
    """Read the [tax] table."""
    at = TariffAt(file, "tax.")
    at.only(table, TAX_KEYS)
    rate = at.part(table, "rate", 1, "0.19 is 19 %")
    if rate is None:
        raise at.error("rate", "is missing", "Write rate = 0.19.")
    where = at.choice(table, "where", RoundWhere, RoundWhere.LINE)
    return Tax(rate, at.yes(table, "included", default=True), where)

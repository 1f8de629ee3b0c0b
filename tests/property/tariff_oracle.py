"""What a tariff file charges, worked out a second time from docs/tariffs.md in decimals.

It reads the file's own table and shares no code with floor.tariff: amounts are of the `decimal` module, with
80 digits, and quantities are turned into base units by a table of its own.
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any

CONTEXT = decimal.Context(prec=80)
BASE = {
    "s": ("ms", "1e3"),
    "min": ("ms", "6e4"),
    "h": ("ms", "3.6e6"),
    "day": ("ms", "8.64e7"),
    "mm": ("um", "1e3"),
    "m": ("um", "1e6"),
    "g": ("mg", "1e3"),
    "kg": ("mg", "1e6"),
    "ml": ("ul", "1e3"),
    "l": ("ul", "1e6"),
    "cm3": ("mm3", "1e3"),
    "in3": ("mm3", "16387.064"),
    "wh": ("mwh", "1e3"),
    "kwh": ("mwh", "1e6"),
    "job": ("", "1"),
}
COUNTERS = {"filament_length": "filament_um", "filament_mass": "filament_mg", "jobs": "jobs"}
ROUNDINGS = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}
MICRO = Decimal("0.000001")


def counter(component: dict[str, Any]) -> str:
    """Return the name of the counter that a component prices."""
    per = component["per"]
    return COUNTERS.get(per) or f"{per}_{BASE[component['unit']][0]}"


def bill(table: dict[str, Any], used: dict[str, int], tier: str) -> Decimal:
    """Return what one session costs."""
    with decimal.localcontext(CONTEXT):
        amounts = [a for c in table["components"] if (a := _component(table, c, used, tier)) is not None]
        total = sum(amounts, Decimal(0))
        free = _multiplier(table, tier) == 0 and total == 0
        if amounts and not free:
            total = _within(total, table)
        rounding = table.get("rounding", {})
        if rounding.get("where", "session") == "statement":
            return total
        return nearest(total, table)


def nearest(total: Decimal, table: dict[str, Any]) -> Decimal:
    """Round to the unit of a tariff, as it says."""
    rounding = table.get("rounding", {})
    unit = Decimal(rounding.get("unit", Decimal(1).scaleb(-table.get("decimals", 2))))
    mode = ROUNDINGS[rounding.get("mode", "half_up")]
    with decimal.localcontext(CONTEXT):
        return (total / unit).quantize(Decimal(1), mode) * unit


def _multiplier(table: dict[str, Any], tier: str) -> Decimal:
    return Decimal(table.get("tiers", {}).get(tier, {}).get("multiplier", 1))


def _component(table: dict[str, Any], c: dict[str, Any], used: dict[str, int], tier: str) -> Decimal | None:
    full = Decimal(c["price"])
    price = Decimal(c["tiers"][tier]) if tier in c.get("tiers", {}) else full * _multiplier(table, tier)
    if c["per"] == "flat":
        amount = price
    else:
        metered = Decimal(used.get(counter(c), 0))
        if not metered:
            return None
        left = max(Decimal(0), metered - _base(c.get("free", f"0 {c.get('unit', 'job')}")))
        if "block" in c:
            whole, rest = divmod(left, _base(c["block"]))
            amount = (whole + (1 if rest else 0)) * price
        else:
            amount = left * price / Decimal(BASE[c.get("unit", "job")][1])
    amount = amount.quantize(MICRO, decimal.ROUND_HALF_UP)
    bounds = {key: c[key] for key in ("minimum", "maximum") if key in c}
    if price == 0 and full != 0:
        bounds.pop("minimum", None)
    return _within(amount, bounds)


def _within(amount: Decimal, bounds: dict[str, Any]) -> Decimal:
    if "minimum" in bounds:
        amount = max(amount, Decimal(bounds["minimum"]))
    return min(amount, Decimal(bounds["maximum"])) if "maximum" in bounds else amount


def _base(text: str) -> Decimal:
    number, unit = text.split()
    return Decimal(number) * Decimal(BASE[unit][1])

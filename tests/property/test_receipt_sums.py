"""The sums on a receipt can be redone: what is written there gives the amount of the line."""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from booking_api.tariffs.source import read
from booking_api.web.explain import explain
from booking_api.web.formats import Formats
from floor.meter import Quantity, Usage
from floor.money import MICRO, round_fraction
from floor.tariff import price

F = Formats("en", UTC)
PRICED = {
    "machine_time": (Quantity.MACHINE_TIME_MS, ("min", "h")),
    "filament_mass": (Quantity.FILAMENT_MG, ("g", "kg")),
    "energy": (Quantity.ENERGY_MWH, ("kwh",)),
}


def number(text: str) -> Fraction:
    """Read a number as pages write it: "-€1,234.5", "37/30", "4,440 s"."""
    found = re.search(r"-?€?[\d,]+(?:\.\d+)?(?:/\d+)?", text)
    assert found, text
    return Fraction(found[0].replace("€", "").replace(",", ""))


@settings(max_examples=60)
@given(
    per=st.sampled_from(sorted(PRICED)),
    place=st.integers(0, 1),
    cents=st.integers(1, 900),
    block=st.sampled_from([0, 1, 5, 10]),
    free=st.integers(0, 20),
    half=st.booleans(),
    used=st.integers(0, 30_000_000),
)
def test_a_line_redone_by_hand_is_its_amount(
    per: str, place: int, cents: int, block: int, free: int, half: bool, used: int
) -> None:
    quantity, units = PRICED[per]
    unit = units[min(place, len(units) - 1)]
    lines = ['id = "t"', 'name = "T"', 'commodity = "EUR"', "valid_from = 2026-01-01"]
    lines += ["[tiers.member]", "multiplier = 0.5"] if half else []
    lines += ["[[components]]", f'per = "{per}"', f'unit = "{unit}"', f"price = {Decimal(cents) / 100}"]
    lines += [f'block = "{block} {unit}"'] if block else []
    lines += [f'free = "{free} {unit}"'] if free else []
    tariff = read("\n".join(lines), "t.toml")
    charge = price(
        Usage(1_780_000_000_000, 1_780_000_000_000 + 30_000_000, {quantity: used}), tariff, "member"
    )
    rows = explain(charge.lines, {tariff.version: tariff, "": tariff}, "member", "EUR", F)
    assert sum(row.amount_micro for row in rows) + charge.rounding_micro == charge.total_micro
    for row in rows:
        if not row.sum:
            continue
        product, _, amount = row.sum.split("; ")[-1].rpartition(" = ")
        *divided, factor = product.split(" × ")
        first, _, divisor = divided[0].partition(" ÷ ")
        value = number(first) / (number(divisor) if divisor else 1) * number(factor)
        assert round_fraction(value * MICRO) == row.amount_micro == number(amount) * MICRO, row
    if charge.lines and all(line.billed for line in charge.lines):
        assert any(row.sum for row in rows)

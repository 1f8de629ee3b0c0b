"""Each way in which a tariff file can be wrong names the file, the key and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from floor.errors import ConfigError
from floor.meter import Quantity
from floor.tariff import load
from floor.tariff.model import units_of

Change = Callable[[dict[str, Any]], object]


def good() -> dict[str, Any]:
    return {
        "id": "laser",
        "name": "Laser",
        "commodity": "EUR",
        "valid_from": "2026-01-01",
        "tiers": {"member": {"multiplier": Decimal("0.5")}},
        "components": [{"per": "machine_time", "price": 1, "unit": "min"}],
        "rounding": {},
    }


def first(**values: object) -> Change:
    return lambda table: table["components"][0].update(values)


def top(**values: object) -> Change:
    return lambda table: table.update(values)


FLAT = {"per": "flat", "price": 1}
ROWS: list[tuple[str, Change, str, str]] = [
    ("a key that is not one", top(prize=1), "prize", "Use one of: adjustments, bill_at, caps,"),
    ("no id", lambda t: t.pop("id"), "id", 'Write id = "…".'),
    ("an empty name", top(name="  "), "name", 'Write name = "…".'),
    ("a number for a text", top(commodity=7), "commodity", 'Write commodity = "…".'),
    ("too many decimals", top(decimals=7), "decimals", "a whole number from 0 to 6"),
    ("a yes for a number", top(decimals=True), "decimals", "a whole number from 0 to 6"),
    ("no date", lambda t: t.pop("valid_from"), "valid_from", "Write valid_from = 2026-01-31."),
    ("a date that is none", top(valid_from="31.1.2026"), "valid_from", "Write valid_from = 2026-01-31."),
    ("no components", top(components=[]), "components", "Add a [[components]] table"),
    ("components not listed", top(components={}), "components", "Write [[components]] before each."),
    ("components of words", top(components=["x"]), "components", "Write [[components]] before each."),
    ("two of one id", top(components=[FLAT, FLAT]), "components.id", "Give each its own id."),
    ("a minimum above the maximum", top(minimum=2, maximum=1), "minimum", "Swap them, or take one away."),
    ("a minimum below 0", top(minimum=-1), "minimum", "Write a number of 0 or more"),
    ("tiers not a table", top(tiers=3), "tiers", "Write [tiers] and its keys below."),
    ("a tier not a table", top(tiers={"m": 1}), "tiers.m", "Write [tiers.m]."),
    ("a tier's key", top(tiers={"m": {"factor": 1}}), "tiers.m.factor", "Use one of: fund, multiplier."),
    ("a tier tenfold", top(tiers={"m": {"multiplier": 11}}), "tiers.m.multiplier", "0.5 is half price."),
    ("a tier below 0", top(tiers={"m": {"multiplier": "-1"}}), "tiers.m.multiplier", "0 or more"),
    ("rounding not a table", top(rounding="up"), "rounding", "Write [rounding] and its keys below."),
    ("a rounding's key", top(rounding={"to": 1}), "rounding.to", "Use one of: mode, unit, where."),
    ("rounding to 0", top(rounding={"unit": 0}), "rounding.unit", "the smallest amount on a bill"),
    ("a mode that is none", top(rounding={"mode": "near"}), "rounding.mode", "half_up, half_even, up, down"),
    ("a list for a mode", top(rounding={"mode": []}), "rounding.mode", "half_up, half_even, up, down"),
    ("a place that is none", top(rounding={"where": "day"}), "rounding.where", "session, statement"),
    ("a component's key", first(prize=1), "components[1].prize", "Use one of: block, brackets,"),
    ("no per", lambda t: t["components"][0].pop("per"), "components[1].per", 'Write per = "…".'),
    ("a per that is none", first(per="weight"), "components[1].per", "Write one of: flat, busy_time,"),
    ("no price", lambda t: t["components"][0].pop("price"), "components[1].price", "(0 is allowed)"),
    ("a price of null", first(price=None), "components[1].price", "(0 is allowed)"),
    ("a price in floating point", first(price=1.5), "components[1].price", "such as price = 1.50"),
    ("a price of yes", first(price=True), "components[1].price", "such as price = 1.50"),
    ("a price in words", first(price="cheap"), "components[1].price", "such as price = 1.50"),
    ("a price without end", first(price=Decimal("Infinity")), "components[1].price", "such as price = 1.50"),
    ("a price that is no number", first(price=Decimal("NaN")), "components[1].price", "such as price"),
    ("an absurd price", first(price="1e999999"), "components[1].price", "at most 1000000000000"),
    ("an absurdly small price", first(price="1e-999999"), "components[1].price", "such as price = 1.50"),
    ("seven decimals", first(price="0.0000001"), "components[1].price", "at most six decimals"),
    ("an unknown tier", first(tiers={"guest": 1}), "components[1].tiers.guest", "Add [tiers.guest]."),
    ("a tier's price below 0", first(tiers={"member": -1}), "components[1].tiers.member", "0 or more"),
    ("a tier's price of null", first(tiers={"member": None}), "components[1].tiers.member", "0 is allowed"),
    ("own tiers not a table", first(tiers=1), "components[1].tiers", "Write [components[1].tiers]"),
    ("an id that is no text", first(id=4), "components[1].id", 'Write id = "…".'),
    ("bounds crossed", first(minimum=2, maximum=1), "components[1].minimum", "Swap them"),
    ("flat with a unit", first(per="flat"), "components[1].unit", "Take it away."),
    ("flat with blocks", top(components=[{**FLAT, "block": "1 h"}]), "components[1].block", "Take it away."),
    ("flat with free", top(components=[{**FLAT, "free": "1 h"}]), "components[1].free", "Take it away."),
    ("no unit", lambda t: t["components"][0].pop("unit"), "components[1].unit", 'Write unit = "…".'),
    (
        "another's unit",
        first(unit="kg"),
        "components[1].unit",
        "For machine_time write one of: s, min, h, day",
    ),
    ("a block without a unit", first(block="20"), "components[1].block", 'such as block = "20 min"'),
    ("a block of a number", first(block=20), "components[1].block", "(units: s, min, h, day)"),
    ("a block in another unit", first(block="20 kg"), "components[1].block", "(units: s, min, h, day)"),
    ("a block of nothing", first(block="0 min"), "components[1].block", 'such as block = "20 min"'),
    ("a block below 0", first(block="-1 min"), "components[1].block", "0 or more"),
    ("free of a word", first(free="ten min"), "components[1].free", "0 or more"),
]


@pytest.mark.parametrize(("change", "key", "remedy"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_wrong_tariff_says_where_and_what_would_be_right(change: Change, key: str, remedy: str) -> None:
    table = good()
    change(table)
    with pytest.raises(ConfigError, match=re.escape(remedy)) as caught:
        load(table, "laser.toml")
    assert (caught.value.file, caught.value.key) == ("laser.toml", key)
    assert str(caught.value).startswith(f"laser.toml: {key}: {caught.value.problem}. ")
    assert len(str(caught.value)) < 500


def test_the_table_that_the_errors_start_from_is_right() -> None:
    tariff = load(good(), "laser.toml")
    assert (tariff.id, tariff.version) == ("laser", "laser@1767225600000")
    assert tariff.rounding.unit_micro == 10_000


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:30:00+01:00", datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)),
        (datetime(2026, 1, 1).date(), datetime(2026, 1, 1, tzinfo=UTC)),  # noqa: DTZ001 as TOML gives it
        (datetime(2026, 1, 1, 6), datetime(2026, 1, 1, 6, tzinfo=UTC)),  # noqa: DTZ001 as TOML gives it
    ],
)
def test_a_date_may_be_of_toml_or_a_text_and_without_an_offset_is_utc(
    written: object, instant: datetime
) -> None:
    tariff = load({**good(), "valid_from": written}, "laser.toml")
    assert tariff.valid_from_ms == instant.timestamp() * 1000


@pytest.mark.parametrize("quantity", Quantity)
def test_every_quantity_can_be_priced_in_each_of_its_units(quantity: Quantity) -> None:
    names = {"filament_um": "filament_length", "filament_mg": "filament_mass", "jobs": "jobs"}
    per = names.get(quantity, quantity.rpartition("_")[0])
    for unit in units_of(quantity):
        table = {**good(), "components": [{"per": per, "price": "1.5", "unit": unit, "block": f"2 {unit}"}]}
        component = load(table, "x.toml").components[0]
        assert (component.quantity, component.unit, component.block) == (quantity, unit, 2)

"""Each way in which a cost file can be wrong names the file, the key and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from floor.costing import load, study
from floor.costing.load import PER
from floor.errors import ConfigError
from floor.meter import Quantity

Change = Callable[[dict[str, Any]], object]


def good() -> dict[str, Any]:
    return {
        "name": "Saw",
        "period": "2027",
        "commodity": "EUR",
        "rounding": {},
        "surplus": {},
        "funds": {"city": {"budget": 10}},
        "pools": [
            {
                "id": "saw",
                "per": "machine_time",
                "unit": "h",
                "tiers": {"member": {"expected": 100}},
                "capital": [{"name": "saw", "price": Decimal("700.50"), "years": 7}],
            }
        ],
    }


def top(**values: object) -> Change:
    return lambda table: table.update(values)


def pool(**values: object) -> Change:
    return lambda table: table["pools"][0].update(values)


def tier(**values: object) -> Change:
    return lambda table: table["pools"][0]["tiers"]["member"].update(values)


def item(kind: str, **values: object) -> Change:
    return pool(**{kind: [{"name": "x", **values}]})


P = "pools[1]."
ROWS: list[tuple[str, Change, str, str]] = [
    ("a key that is none", top(prize=1), "prize", "Use one of: commodity, decimals, funds,"),
    ("no name", lambda t: t.pop("name"), "name", 'Write name = "…".'),
    ("no commodity", top(commodity=1), "commodity", 'Write commodity = "…".'),
    ("too many decimals", top(decimals=7), "decimals", "a whole number from 0 to 6"),
    ("no pools", top(pools=[]), "pools", "Add a [[pools]] table"),
    ("pools of words", top(pools=["saw"]), "pools", "Write [[pools]] before each."),
    (
        "two pools of one id",
        lambda t: t["pools"].append(t["pools"][0]),
        "pools[2].id",
        "each pool its own id",
    ),
    ("rounding to nothing", top(rounding={"unit": 0}), "rounding.unit", "Write a number above 0"),
    ("a mode that is none", top(rounding={"mode": "near"}), "rounding.mode", "half_up, half_even, up, down"),
    ("a ceiling in words", top(surplus={"ceiling": "much"}), "surplus.ceiling", 'ceiling = "1/6"'),
    ("a ceiling by nothing", top(surplus={"ceiling": "1/0"}), "surplus.ceiling", 'ceiling = "1/6"'),
    (
        "an excess over nothing",
        top(surplus={"goes": "excess_refunded"}),
        "surplus.ceiling",
        'Write ceiling = "1/6"',
    ),
    (
        "a surplus that goes nowhere",
        top(surplus={"goes": "away"}),
        "surplus.goes",
        "rate, excess_refunded, refunded",
    ),
    ("a fund without a budget", top(funds={"city": {}}), "funds.city.budget", "such as budget = 1.50"),
    ("a fund of users", top(funds={"users": {"budget": 1}}), "funds.users", "Give the fund another id."),
    ("a fund that is no table", top(funds={"city": 1}), "funds.city", "Write [funds.city] and its keys"),
    ("a pool's key", pool(prize=1), P + "prize", "Use one of: capital, consumables,"),
    ("a per that is none", pool(per="weight"), P + "per", "Write one of: busy_time,"),
    ("another's unit", pool(unit="kg"), P + "unit", "For machine_time write one of: s, min, h, day"),
    ("both left over", pool(deficit=1, surplus=1), P + "surplus", "take one away"),
    ("no costs", lambda t: t["pools"][0].pop("capital"), "pools[1]", "Add one of: [[pools.capital]],"),
    ("no use", tier(expected=0), P + "tiers", "Add [pools.tiers.member] with expected = 100."),
    ("no tiers", pool(tiers={}), P + "tiers", "Add [pools.tiers.member]"),
    ("tiers not a table", pool(tiers=1), P + "tiers", "Write [pools.tiers] and its keys below."),
    (
        "a tier's key",
        tier(price=1),
        P + "tiers.member.price",
        "Use one of: expected, fund, multiplier, rate.",
    ),
    ("no expected use", lambda t: t["pools"][0]["tiers"].update(m={}), P + "tiers.m.expected", "0 or more"),
    ("a rate and a multiplier", tier(rate=1, multiplier=1), P + "tiers.member.rate", "take one away"),
    ("a tier elevenfold", tier(multiplier=11), P + "tiers.member.multiplier", "at most 10"),
    ("a reduction nobody pays", tier(multiplier=0), P + "tiers.member.fund", "Name the fund that pays"),
    ("a reduction by a ghost", tier(rate=1, fund="x"), P + "tiers.member.fund", "Add [funds.x] with its"),
    ("idle by a ghost", pool(idle_payer="x", rated=200), P + "idle_payer", "Add [funds.x] with its budget."),
    ("idle of what", pool(idle_payer="city"), P + "rated", "how many h a year"),
    ("rated below use", pool(rated=99), P + "rated", "Raise it, or expect less."),
    ("management in words", pool(management_percent="much"), P + "management_percent", "at most 1000"),
    ("a price in floating point", item("capital", price=1.5), P + "capital[1].price", "such as price = 1.50"),
    ("a price of yes", item("capital", price=True), P + "capital[1].price", "such as price = 1.50"),
    ("an infinite price", item("other", amount=Decimal("NaN")), P + "other[1].amount", "0 or more"),
    ("seven decimals", item("other", amount="0.0000001"), P + "other[1].amount", "at most six decimals"),
    ("an absurdly small number", item("room", m2="1e-99", price=1), P + "room[1].m2", "0 or more"),
    ("no life", item("capital", price=1), P + "capital[1].years", "such as years = 1.50"),
    ("a life of nothing", item("capital", price=1, years=0), P + "capital[1].years", "such as years = 8"),
    (
        "a grant above the price",
        item("capital", price=1, grant=2, years=1),
        P + "capital[1].grant",
        "Lower one of them.",
    ),
    ("upkeep of both", item("upkeep", amount=1, percent=1), P + "upkeep[1].percent", "take one away"),
    ("upkeep of neither", item("upkeep"), P + "upkeep[1].amount", "such as amount = 1.50"),
    ("upkeep of more than all", item("upkeep", percent=101), P + "upkeep[1].percent", "at most 100"),
    ("what lasts no time", item("consumables", price=1, lasts=0), P + "consumables[1].lasts", "above 0"),
    ("energy over nothing", item("energy", kwh=1, over=0, price=1), P + "energy[1].over", "above 0"),
    ("a room twice", item("room", amount=1, m2=1, price=1), P + "room[1].amount", "Take one or the others"),
    ("staff without a price", item("staff", hours=1), P + "staff[1].price", "such as price = 1.50"),
    ("a list that is a table", pool(capital={"name": "x"}), P + "capital", "Write [[pools.capital]] before"),
    (
        "a subsidy by a ghost",
        pool(subsidies=[{"fund": "x", "amount": 1}]),
        P + "subsidies[1].fund",
        "Add [funds.x]",
    ),
    (
        "more given than it costs",
        pool(subsidies=[{"fund": "city", "amount": 101}]),
        "pools[1]",
        "Lower a subsidy",
    ),
]


@pytest.mark.parametrize(("change", "key", "remedy"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_wrong_cost_file_says_where_and_what_would_be_right(change: Change, key: str, remedy: str) -> None:
    table = good()
    change(table)
    with pytest.raises(ConfigError, match=re.escape(remedy)) as caught:
        study(load(table, "saw.toml"), "saw.toml")
    assert (caught.value.file, caught.value.key) == ("saw.toml", key)
    assert len(str(caught.value)) < 500


def test_the_table_that_the_errors_start_from_is_right() -> None:
    found = study(load(good(), "saw.toml"), "saw.toml")
    assert found.pools[0].name == "saw"
    assert found.pools[0].year.cost_micro == 100_070_000
    assert found.pools[0].year.rate == Fraction("1000700")


def test_use_can_be_counted_in_every_quantity() -> None:
    assert set(PER.values()) == set(Quantity)

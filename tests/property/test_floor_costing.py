"""Rate studies: two spaces' cost files and any that differ from them, against a second reckoning."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import costing_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floor.costing import Study, load, study
from floor.costing.model import written
from floor.errors import ConfigError
from floor.money import MICRO, RoundingMode

FOLDER = Path(__file__).parent.parent / "cases" / "costs"
FILES = sorted(path.name for path in FOLDER.glob("*.toml"))
TABLES: dict[str, dict[str, Any]] = {
    name: tomllib.loads((FOLDER / name).read_text(), parse_float=Decimal) for name in FILES
}


def studied(table: dict[str, Any]) -> Study:
    return study(load(table, "costs.toml"), "costs.toml")


def money(micro: int) -> Decimal:
    return Decimal(micro) / MICRO


@pytest.mark.parametrize(
    ("name", "published", "users", "funds"),
    [
        (
            "fablab.toml",
            ["6.75", "0.50", "9.25"],
            {"pupil": "0", "maker": "4224.88", "firm": "3010.00"},
            {"public": "9175.82", "friends": "-487.50"},
        ),
        (
            "shared_instruments.toml",
            ["304"],
            {"owner_staff": "127680", "maker": "33600", "school": "1065"},
            {"owner": "82127.50", "district": "61247"},
        ),
    ],
)
def test_who_pays_what_in_the_two_examples(
    name: str, published: list[str], users: dict[str, str], funds: dict[str, str]
) -> None:
    found = studied(TABLES[name])
    assert [money(pool.published_micro) for pool in found.pools] == [Decimal(text) for text in published]
    assert {tier: money(pays) for tier, pays in found.users.items()} == {
        tier: Decimal(text) for tier, text in users.items()
    }
    assert {fund.id: money(fund.pays_micro) for fund in found.funds} == {
        fund: Decimal(text) for fund, text in funds.items()
    }
    assert not any(fund.missing_micro for fund in found.funds)


def numbers(table: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the place of each number of a file: what it stands in, and its key there."""
    inside = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in inside:
        if isinstance(value, int | Decimal) and key != "decimals":
            yield table, key
        yield from numbers(value)


@st.composite
def perturbed(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Change some numbers of a file, the rounding, and what is done with a surplus."""
    table = copy.deepcopy(TABLES[name])
    factors = st.integers(0, 2500).map(lambda n: Decimal(n) / 1000)
    for inside, key in numbers(table):
        if draw(st.integers(0, 3)) == 0:
            changed = round(Decimal(inside[key]) * draw(factors), 4)
            inside[key] = (
                changed if changed or key in {"price", "grant", "salvage", "amount"} else inside[key]
            )
    table["decimals"] = draw(st.sampled_from([0, 2, 3]))
    table["rounding"]["mode"] = draw(st.sampled_from(RoundingMode))
    table["surplus"] = {
        "goes": draw(st.sampled_from(["rate", "excess_refunded", "refunded"])),
        "ceiling": draw(st.sampled_from(["1/6", "1/10", "0/1"])),
    }
    return table


def refused(table: dict[str, Any], error: ConfigError) -> None:
    """Check that a perturbed file was refused for a reason that the oracle sees too."""
    if "more than the pool costs" in error.problem:
        assert any(costing_oracle.pool(table, pool).left < 0 for pool in table["pools"])
    elif error.key.endswith("rated"):
        assert any(
            0 < pool.get("rated", 0) < sum(tier["expected"] for tier in pool["tiers"].values())
            for pool in table["pools"]
        )
    elif error.key.endswith("grant"):
        items = [item for pool in table["pools"] for item in pool["capital"]]
        assert any(item["price"] < item.get("grant", 0) + item.get("salvage", 0) for item in items)
    else:
        raise error


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_file_comes_to_what_the_oracle_says(name: str, data: st.DataObject) -> None:
    table = data.draw(perturbed(name))
    try:
        found = studied(table)
    except ConfigError as error:
        return refused(table, error)
    funds: dict[str, Decimal] = {}
    for pool, written_pool in zip(found.pools, table["pools"], strict=True):
        expected = costing_oracle.pool(table, written_pool)
        assert [money(line.amount_micro) for line in pool.year.lines] == expected.lines
        assert money(pool.year.to_recover_micro) == expected.to_recover
        assert money(pool.refund_micro) == expected.refund
        assert money(pool.year.idle_micro) == expected.idle
        assert money(pool.year.left_micro) == expected.left
        assert money(pool.published_micro) == expected.published
        assert {tier.id: money(tier.pays_micro) for tier in pool.tiers} == expected.users
        for fund, amount in expected.funds.items():
            funds[fund] = funds.get(fund, Decimal(0)) + amount
        for use, part in zip(pool.uses, ("0.8", "1", "1.2"), strict=True):
            at = costing_oracle.pool(table, written_pool, part)
            assert money(use.cost_micro) == sum(at.lines)
            assert abs(use.rate / MICRO - max(Fraction(0), Fraction(at.rate))) < Fraction(1, 10**60)
    assert {fund.id: money(fund.asked_micro) for fund in found.funds} == {
        fund.id: funds.get(fund.id, Decimal(0)) for fund in found.funds
    }


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_all_pay_is_the_cost_and_the_rounding_that_is_shown(name: str, data: st.DataObject) -> None:
    table = data.draw(perturbed(name))
    try:
        found = studied(table)
    except ConfigError as error:
        return refused(table, error)
    for pool in found.pools:
        users = sum(tier.pays_micro for tier in pool.tiers)
        funds = sum(share.amount_micro for share in pool.asked)
        assert users + funds == pool.paid_micro == pool.year.to_recover_micro + pool.rounding_micro
        assert pool.uses[1].balance_micro == pool.rounding_micro
        step, cents = load(table, "").unit_micro, len(pool.tiers) * found.commodity.minor_micro
        assert abs(pool.rounding_micro) <= step * pool.year.units + cents
        assert sum(line.amount_micro for line in pool.year.lines) == pool.year.cost_micro
        assert pool.refund_micro >= 0
    everybody = sum(found.users.values()) + sum(f.pays_micro + f.missing_micro for f in found.funds)
    assert everybody == sum(pool.paid_micro for pool in found.pools)
    assert all(fund.pays_micro <= fund.budget_micro and fund.missing_micro >= 0 for fund in found.funds)


def test_a_fund_pays_no_more_than_its_budget_and_the_rest_is_shown() -> None:
    table = copy.deepcopy(TABLES["shared_instruments.toml"])
    table["funds"]["district"]["budget"] = 60000
    fund = studied(table).funds[1]
    assert (money(fund.pays_micro), money(fund.missing_micro)) == (60000, 1247)


def test_idle_capacity_without_a_payer_is_shown_and_paid_by_users() -> None:
    table = copy.deepcopy(TABLES["shared_instruments.toml"])
    del table["pools"][0]["idle_payer"]
    pool = studied(table).pools[0]
    assert money(pool.year.idle_micro) == Decimal("82127.50")
    assert pool.year.funded_micro == 0
    assert pool.year.rate == pool.year.full_cost_rate


@given(st.integers(-(10**18), 10**18), st.integers(0, 18))
def test_a_number_is_written_as_it_is(whole: int, digits: int) -> None:
    assert Fraction(written(Fraction(whole, 10**digits))) == Fraction(whole, 10**digits)


def test_a_number_without_end_has_six_decimals() -> None:
    assert written(Fraction(100, 3)) == "33.333333"

"""What depends on one session only: a second reckoning from the file's own table, for any quantity."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import tariff_oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from floor.meter import Quantity, Usage, add
from floor.money import MICRO
from floor.tariff import Charge, Tariff, in_force, load, price

FOLDER = Path(__file__).parent.parent / "cases"
FOLDERS = [FOLDER / "tariffs", *(FOLDER / name / "tariff" for name in ("P01", "P02", "P06", "P08", "P19"))]
FILES = [str(path.relative_to(FOLDER)) for folder in FOLDERS for path in sorted(folder.glob("*.toml"))]
MIN_MS, H_MS = 60_000, 3_600_000
Q = Quantity


def table(name: str) -> dict[str, Any]:
    with (FOLDER / name).open("rb") as file:
        return tomllib.load(file, parse_float=Decimal)


TABLES = {name: table(name) for name in FILES}
TARIFFS = {name: load(TABLES[name], name) for name in FILES}


def cost(name: str, used: dict[Quantity, int], tier: str = "guest") -> str:
    """Price one session and write the total with two decimals."""
    micro = price(Usage(0, 1, used), TARIFFS[name], tier).total_micro
    assert micro % 10_000 == 0, "a bill shows cents"
    return f"{Decimal(micro) / MICRO:.2f}"


QUANTITIES = st.dictionaries(st.sampled_from(Quantity), st.integers(0, 10**10) | st.integers(0, 10**5))
TIERS = st.sampled_from(["guest", "member", "student", "volunteer", "academic", "undergraduate", "unnamed"])


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=150, deadline=None)
@given(used=QUANTITIES, tier=TIERS)
def test_any_quantity_costs_what_the_oracle_says(name: str, used: dict[Quantity, int], tier: str) -> None:
    charge = price(Usage(0, 1, used), TARIFFS[name], tier)
    counters = {str(quantity): amount for quantity, amount in used.items()}
    expected = tariff_oracle.bill(TABLES[name], counters, tier)
    assert Decimal(charge.total_micro) / MICRO == expected
    assert charge.total_micro == sum(line.amount_micro for line in charge.lines) + charge.rounding_micro
    assert (charge.tariff, charge.tier) == (TARIFFS[name].version, tier)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(used=QUANTITIES, more=QUANTITIES, tier=TIERS)
def test_a_live_price_never_falls_while_more_is_used(
    name: str, used: dict[Quantity, int], more: dict[Quantity, int], tier: str
) -> None:
    before, after = (price(Usage(0, 1, u), TARIFFS[name], tier) for u in (used, add(used, more)))
    assert before.total_micro <= after.total_micro


EDGES = st.sampled_from([-1, 0, 1])


@pytest.mark.parametrize(("free_ms", "block_ms"), [(10 * MIN_MS, 20 * MIN_MS)])
@given(blocks=st.integers(0, 10_000), off=EDGES)
def test_a_block_is_charged_from_its_first_millisecond(
    free_ms: int, block_ms: int, blocks: int, off: int
) -> None:
    used = {Q.MACHINE_TIME_MS: free_ms + blocks * block_ms + off}
    assert cost("P01/tariff/laser.toml", used) == f"{10 * (blocks + (off > 0)):.2f}"


def test_lines_say_what_was_metered_billed_and_bound() -> None:
    charge = price(Usage(0, 1, {Q.VOLUME_MM3: 1_639}), TARIFFS["P06/tariff/waterloo.toml"], "undergraduate")
    model, minimum = charge.lines
    assert (model.component, model.unit, model.price_micro) == ("volume", "in3", 9 * MICRO)
    assert model.metered == model.billed == Fraction("1639") / Fraction("16387.064")
    assert (minimum.component, minimum.bound) == ("minimum", "minimum")
    assert charge.accrued_micro == 1_650_000
    laser = price(Usage(0, 1, {Q.MACHINE_TIME_MS: 41 * MIN_MS}), TARIFFS["P01/tariff/laser.toml"], "")
    assert [(line.metered, line.billed) for line in laser.lines] == [(41, 2)]


def test_nothing_used_costs_nothing_even_where_there_is_a_minimum() -> None:
    assert price(Usage(0, 1), TARIFFS["P06/tariff/waterloo.toml"], "") == Charge(
        "waterloo@1451606400000", "CAD", "", (), 0
    )


def test_a_tier_that_pays_nothing_pays_no_minimum() -> None:
    everything = {quantity: 10**8 for quantity in Quantity}
    assert cost("tariffs/everything.toml", everything, "volunteer") == "0.00"


def test_the_version_in_force_is_the_latest_that_has_begun() -> None:
    versions: list[Tariff] = [replace(TARIFFS[FILES[0]], valid_from_ms=ms) for ms in (30, 10, 20)]
    assert [in_force(versions, at_ms).valid_from_ms for at_ms in (10, 19, 20, 99)] == [10, 10, 20, 30]
    with pytest.raises(LookupError, match="in force"):
        in_force(versions, 9)

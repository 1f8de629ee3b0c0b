"""A session's charge from its readings: over a change of the rate, with what belongs to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from booking_api.tariffs.quote import open_tariffs
from floor.meter import Quantity, Reading
from floor.money import MICRO, Commodity
from floor.tariff import Charge, Tariff, Visit, price_visit
from floor.tariff.model import BillAt

CASES = Path(__file__).parent.parent / "cases"
H_MS = 3_600_000
(RATES,) = open_tariffs(CASES / "P21" / "tariff").values()
CHANGE_MS = max(version.valid_from_ms for version in RATES)


def readings(hours: int, start_ms: int) -> list[Reading]:
    end_ms = start_ms + hours * H_MS
    return [Reading(start_ms, {}), Reading(end_ms, {Quantity.MACHINE_TIME_MS: hours * H_MS})]


def priced_as_one(readings: list[Reading], versions: Sequence[Tariff], tier: str = "") -> Charge:
    """Price a session by itself, as one charge."""
    bill, _ = price_visit(Visit("", readings, tier), versions, bill_at=BillAt.END)
    (charge,) = bill.charges
    return charge


def test_each_line_names_its_version() -> None:
    priced = priced_as_one(readings(3, CHANGE_MS - 2 * H_MS), RATES, "")
    assert [(line.tariff, line.amount_micro) for line in priced.lines] == [
        (RATES[0].version, 20 * MICRO),
        (RATES[1].version, 100 * MICRO),
    ]
    assert (priced.tariff, priced.total_micro) == (RATES[0].version, 120 * MICRO)


def test_the_whole_is_bound_by_the_version_at_its_start() -> None:
    low = replace(RATES[0], maximum_micro=50 * MICRO)
    priced = priced_as_one(readings(3, CHANGE_MS - 2 * H_MS), [low, RATES[1]], "")
    assert priced.total_micro == 50 * MICRO
    assert priced.lines[-1].bound == "maximum"


def test_a_block_that_began_before_the_change_is_not_begun_again() -> None:
    blocks = [replace(v, components=(replace(v.components[0], block=2),)) for v in RATES]
    priced = priced_as_one(readings(3, CHANGE_MS - H_MS), blocks, "")
    assert [line.amount_micro for line in priced.lines] == [10 * MICRO, 100 * MICRO]


def test_a_session_over_a_month_is_one_charge() -> None:
    (split,) = open_tariffs(CASES / "P20" / "tariff" / "split.toml").values()
    priced = priced_as_one(readings(24 * 40, CHANGE_MS), split, "")
    assert priced.total_micro == 24 * 40 * 10 * MICRO


def test_what_cannot_be_priced_says_why() -> None:
    with pytest.raises(LookupError, match="in force"):
        priced_as_one(readings(1, 0), RATES, "")
    with pytest.raises(ValueError, match="outside of the years"):
        priced_as_one(readings(1, 10**15), RATES, "")
    other = [RATES[0], replace(RATES[1], commodity=Commodity("USD"))]
    with pytest.raises(ValueError, match="another commodity"):
        priced_as_one(readings(3, CHANGE_MS - H_MS), other, "")

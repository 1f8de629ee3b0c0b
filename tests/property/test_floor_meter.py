"""Readings become usage, and nothing is lost, gained or moved across an edge."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.meter import Quantity, Reading, Usage, add, difference, total, usage

E, T = Quantity.ENERGY_MWH, Quantity.BUSY_TIME_MS
AMOUNTS = st.integers(0, 1 << 62)
INSTANTS = st.integers(0, 5_000)


@st.composite
def histories(draw: st.DrawFn) -> list[Reading]:
    """Counters that grow, fall back to 0, and are now and then left out of a reading."""
    times = sorted(draw(st.lists(INSTANTS, min_size=2, max_size=12)))
    quantities = st.dictionaries(st.sampled_from([E, T]), AMOUNTS)
    return [Reading(at_ms, draw(quantities)) for at_ms in times]


def oracle(readings: list[Reading], quantity: Quantity) -> int:
    """Sum what one counter shows beyond what it last showed, or all of it when it fell."""
    used, last = 0, readings[0].counters.get(quantity, 0)
    for reading in readings[1:]:
        shown = reading.counters.get(quantity, last)
        used += shown - last if shown >= last else shown
        last = shown
    return used


@given(histories(), st.lists(INSTANTS, max_size=12))
def test_parts_at_any_edges_add_up_to_the_whole(readings: list[Reading], edges: list[int]) -> None:
    parts = usage(readings, edges)
    for quantity in (E, T):
        assert sum(part.of(quantity) for part in parts) == oracle(readings, quantity)
        assert all(part.of(quantity) >= 0 for part in parts)
    whole = total(parts)
    assert (whole.started_ms, whole.ended_ms) == (readings[0].at_ms, readings[-1].at_ms)
    assert whole.quantities == total(usage(readings)).quantities


@given(histories(), st.lists(INSTANTS, max_size=12))
def test_parts_lie_end_to_end_and_break_at_the_edges_alone(readings: list[Reading], edges: list[int]) -> None:
    parts = usage(readings, edges)
    start, end = readings[0].at_ms, readings[-1].at_ms
    breaks = [part.started_ms for part in parts[1:]]
    assert breaks == [part.ended_ms for part in parts[:-1]]
    inside = sorted({edge for edge in edges if start < edge < end})
    assert [edge for edge in breaks if edge not in (start, end)] == inside


@given(AMOUNTS, st.integers(1, 10_000), st.lists(INSTANTS, max_size=6))
def test_a_quantity_grows_evenly_between_two_readings(amount: int, span: int, edges: list[int]) -> None:
    for part in usage([Reading(0, {}), Reading(span, {E: amount})], edges):
        assert abs(part.of(E) - Fraction(amount * (part.ended_ms - part.started_ms), span)) < 1


def test_readings_like_a_plug_that_restarts() -> None:
    shown = [(0, 100), (10, 160), (20, 5), (30, 5), (40, 25)]
    readings = [Reading(at_ms, {E: mwh}) for at_ms, mwh in shown]
    assert usage(readings) == [Usage(0, 40, {E: 60 + 5 + 0 + 20})]
    assert usage(readings, [10, 20]) == [Usage(0, 10, {E: 60}), Usage(10, 20, {E: 5}), Usage(20, 40, {E: 20})]


def test_a_counter_that_is_left_out_of_a_reading_is_not_billed_from_zero_again() -> None:
    readings = [Reading(0, {E: 1_000}), Reading(10, {T: 10}), Reading(20, {E: 1_010})]
    assert total(usage(readings)).of(E) == 10


def test_growth_within_one_millisecond_counts_and_belongs_to_what_follows_an_edge() -> None:
    readings = [Reading(0, {}), Reading(10, {E: 1}), Reading(10, {E: 8}), Reading(20, {E: 9})]
    assert usage(readings) == [Usage(0, 20, {E: 9})]
    assert usage(readings, [10]) == [Usage(0, 10, {E: 1}), Usage(10, 20, {E: 8})]


def test_readings_that_run_backwards_are_an_error() -> None:
    with pytest.raises(ValueError, match="run backwards: 9 follows 10"):
        usage([Reading(10, {}), Reading(9, {})])


def test_a_counter_below_zero_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="energy_mwh"):
        Reading(0, {E: -1, T: 0})


def test_no_usage_has_no_total() -> None:
    assert usage([Reading(0, {E: 5})]) == []
    with pytest.raises(ValueError, match="no usage"):
        total([])


@given(
    st.dictionaries(st.sampled_from(Quantity), AMOUNTS), st.dictionaries(st.sampled_from(Quantity), AMOUNTS)
)
def test_a_difference_is_what_leads_from_one_reading_to_a_later_one(
    earlier: dict[Quantity, int], grown: dict[Quantity, int]
) -> None:
    assert difference(earlier, add(earlier, grown)) == {
        name: grown.get(name, 0) for name in {**earlier, **grown}
    }

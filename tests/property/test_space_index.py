"""The space index: within its bounds, never worse for a better figure, and the same in any order."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from booking_api.reports.figure import decimal, hide_few
from booking_api.reports.index import ANCHORS, WEIGHTS, Part, index

NUMBERS = st.fractions(min_value=-10, max_value=5_000, max_denominator=100)
FIGURES = st.dictionaries(st.sampled_from(list(Part)), st.none() | NUMBERS)
WEIGHED = st.fixed_dictionaries({part: st.integers(0, 100) for part in Part})


@given(FIGURES, WEIGHED)
@settings(max_examples=40)
def test_it_is_from_0_to_100_and_its_parts_add_up(
    figures: dict[Part, Fraction | None], weights: dict[Part, int]
) -> None:
    found = index(figures, weights)
    assert 0 <= found.known <= 1
    if found.value is None:
        assert not any(weights[part] for part, value in figures.items() if value is not None)
    else:
        assert 0 <= found.value <= 100
        assert found.value == sum(one.points for one in found.parts)
        assert sum(one.share for one in found.parts) == 1
        assert found.value + sum(one.missing for one in found.parts) == 100


@given(FIGURES, st.sampled_from(list(Part)), NUMBERS, st.fractions(0, 1_000, max_denominator=10))
@settings(max_examples=40)
def test_a_better_figure_never_lowers_it(
    figures: dict[Part, Fraction | None], part: Part, value: Fraction, more: Fraction
) -> None:
    worse, better = index(figures | {part: value}), index(figures | {part: value + more})
    assert worse.value is not None
    assert better.value is not None
    assert worse.value <= better.value


@given(FIGURES)
@settings(max_examples=40)
def test_the_order_of_figures_changes_nothing(figures: dict[Part, Fraction | None]) -> None:
    assert index(dict(reversed(figures.items()))) == index(figures)


def test_what_is_not_known_is_left_out_and_the_rest_weighs_more() -> None:
    best = {part: ANCHORS[part].high for part in Part}
    assert index(best).value == 100
    assert index(best).known == 1
    half = index({Part.UTILISATION: Fraction(30)})
    assert (half.value, half.known) == (50, Fraction(WEIGHTS[Part.UTILISATION], 100))
    assert [one.part for one in half.would_raise] == [Part.UTILISATION]
    assert index({}).value is None


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30)), st.integers(1, 10))
@settings(max_examples=40)
def test_a_few_people_are_never_told_nor_left_over(counts: dict[str, int], fewest: int) -> None:
    hidden = hide_few(counts, fewest)
    assert {name for name, count in counts.items() if 0 < count < fewest} <= hidden
    told = [count for name, count in counts.items() if count and name not in hidden]
    assert len(hidden) != 1 or not told


@given(st.fractions(max_denominator=1_000_000))
@settings(max_examples=40)
def test_a_number_is_written_without_an_exponent(number: Fraction) -> None:
    assert abs(Fraction(decimal(number)) - number) <= Fraction(1, 1_000_000)

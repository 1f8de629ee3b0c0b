"""Money is whole micro-units: rounded as declared, shared to the last one, written and read without loss."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.money import MICRO, Commodity, RoundingMode, parse, plain, round_fraction, round_to, share

EUR = Commodity("EUR")
AMOUNTS = st.integers(-(10**17), 10**17)
DECIMAL_MODES = {
    RoundingMode.HALF_UP: decimal.ROUND_HALF_UP,
    RoundingMode.HALF_EVEN: decimal.ROUND_HALF_EVEN,
    RoundingMode.UP: decimal.ROUND_UP,
    RoundingMode.DOWN: decimal.ROUND_DOWN,
}


@given(AMOUNTS, st.sampled_from(RoundingMode), st.integers(0, 9))
def test_rounding_is_that_of_the_decimal_module(amount: int, mode: RoundingMode, digits: int) -> None:
    with decimal.localcontext(prec=60):
        exact = Decimal(amount).scaleb(-digits)
        expected = int(exact.quantize(Decimal(1), DECIMAL_MODES[mode]))
    assert round_fraction(Fraction(amount, 10**digits), mode) == expected


@given(AMOUNTS, st.integers(1, 10**9), st.sampled_from(RoundingMode))
def test_rounding_gives_a_near_multiple_and_leaves_one_alone(
    amount: int, unit: int, mode: RoundingMode
) -> None:
    rounded = round_to(amount, unit, mode)
    assert rounded % unit == 0
    assert abs(rounded - amount) < unit
    assert round_to(rounded, unit, mode) == rounded
    assert round_to(-amount, unit, mode) == -rounded


@pytest.mark.parametrize(
    ("mode", "rounded"),
    [
        (RoundingMode.HALF_UP, [1, 2, 3, -1, -3, 1]),
        (RoundingMode.HALF_EVEN, [0, 2, 2, 0, -2, 1]),
        (RoundingMode.UP, [1, 2, 3, -1, -3, 1]),
        (RoundingMode.DOWN, [0, 1, 2, 0, -2, 0]),
    ],
)
def test_halves_go_where_the_mode_says(mode: RoundingMode, rounded: list[int]) -> None:
    halves = [Fraction(n, 2) for n in (1, 3, 5, -1, -5)] + [Fraction(501, 1000)]
    assert [round_fraction(half, mode) for half in halves] == rounded


WEIGHTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any)


@given(AMOUNTS, WEIGHTS)
def test_shares_add_up_and_are_within_one_of_the_exact_part(amount: int, weights: list[int]) -> None:
    parts = share(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1


def test_what_is_left_goes_to_the_largest_remainder_then_to_the_earlier() -> None:
    assert share(100, [1, 1, 1]) == [34, 33, 33]
    assert share(10, [6, 6, 7]) == [3, 3, 4]
    assert share(-100, [1, 1, 1]) == [-33, -33, -34]
    assert share(5, [0, 1]) == [0, 5]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [2, -1], [-1]])
def test_weights_that_share_nothing_are_an_error(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        share(1, weights)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 6))
def test_an_amount_is_read_as_it_was_written(amount: int, exponent: int) -> None:
    unit = Commodity("X", exponent)
    exact = round_to(amount, unit.minor_micro, RoundingMode.DOWN)
    text, _, code = plain(exact, unit).partition(" ")
    assert parse(text) == exact
    assert code == "X"
    assert len(text.partition(".")[2]) == exponent


@given(st.text(max_size=30))
def test_any_text_is_an_exact_amount_or_a_value_error(text: str) -> None:
    try:
        micro = parse(text)
    except ValueError:
        return
    assert Fraction(text) * MICRO == micro


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,50",
        "1.5 EUR",
        "NaN",
        "-Infinity",
        "1e400000",
        "1_000",
        " 1",
        "1\n",
        "٣",
        ".5",
        "1.",
        "1.0000001",
        f"1.{0:040}1",
        "9" * 13,
    ],
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        parse(text)


def test_amounts_are_written_in_the_commodity_s_own_decimals() -> None:
    assert plain(-1_500_000, EUR) == "-1.50 EUR"
    assert plain(-4_999, EUR) == "0.00 EUR"
    assert plain(12_999_999, Commodity("coins", 0)) == "13 coins"
    assert Commodity("coins", 0).minor_micro == MICRO
    assert plain(1, Commodity("BTC", 6)) == "0.000001 BTC"


@pytest.mark.parametrize("exponent", [-1, 7])
def test_a_commodity_has_from_0_to_6_decimals(exponent: int) -> None:
    with pytest.raises(ValueError, match="0 to 6"):
        Commodity("X", exponent)

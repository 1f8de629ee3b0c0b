"""A period's close: what was recovered is cost, rebate, or what the next period begins with, to the cent."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.costing import Closed, Goes, SurplusRule, close

CENT = 10_000
AMOUNTS = st.integers(0, 10**12)
PAID = st.dictionaries(st.uuids().map(str), AMOUNTS, max_size=30)
RULES = st.builds(
    SurplusRule,
    st.sampled_from([Goes.RATE, Goes.REFUNDED]),
    st.sampled_from([None, Fraction(1, 6), Fraction(1, 10)]),
) | st.builds(SurplusRule, st.just(Goes.EXCESS_REFUNDED), st.fractions(0, 1, max_denominator=20))


def closing(cost: int, carried: int, recovered: int, paid: dict[str, int], rule: SurplusRule) -> Closed:
    return close(
        "laser",
        cost_micro=cost,
        carried_in_micro=carried,
        recovered_micro=recovered,
        paid=paid,
        rule=rule,
        minor_micro=CENT,
    )


@given(AMOUNTS, st.integers(-(10**11), 10**11), AMOUNTS, PAID, RULES)
def test_every_cent_recovered_is_cost_rebate_or_carried(
    cost: int, carried: int, recovered: int, paid: dict[str, int], rule: SurplusRule
) -> None:
    closed = closing(cost, carried, recovered, paid, rule)
    rebated = sum(closed.rebates.values())
    assert recovered == cost + carried + rebated - closed.carried_out_micro
    assert all(amount > 0 and amount % CENT == 0 for amount in closed.rebates.values())
    assert rebated <= max(0, closed.balance_micro)
    if closed.balance_micro <= 0 or rule.goes is Goes.RATE:
        assert closed.carried_out_micro == -closed.balance_micro
    elif any(paid.values()):
        limit = Fraction(0) if rule.goes is Goes.REFUNDED else (rule.ceiling or Fraction(0)) * cost
        assert -closed.carried_out_micro <= limit + CENT + CENT // 2
    assert closed == closing(cost, carried, recovered, dict(reversed(paid.items())), rule)


@given(PAID.filter(lambda paid: any(paid.values())), st.integers(1, 10**7))
def test_a_rebate_is_within_a_cent_of_the_exact_part(paid: dict[str, int], cents: int) -> None:
    closed = closing(0, 0, cents * CENT, paid, SurplusRule(Goes.REFUNDED))
    assert closed.carried_out_micro == 0
    for account, amount in paid.items():
        exact = Fraction(cents * CENT * amount, sum(paid.values()))
        assert abs(closed.rebates.get(account, 0) - exact) < CENT


@pytest.mark.parametrize(
    ("rule", "rebated", "carried_out"),
    [
        (SurplusRule(), 0, -100),
        (SurplusRule(Goes.RATE, Fraction(1, 10)), 0, -100),
        (SurplusRule(Goes.EXCESS_REFUNDED, Fraction(1, 10)), 40, -60),
        (SurplusRule(Goes.EXCESS_REFUNDED, Fraction(1, 6)), 0, -100),
        (SurplusRule(Goes.REFUNDED), 100, 0),
    ],
)
def test_where_a_surplus_goes(rule: SurplusRule, rebated: int, carried_out: int) -> None:
    closed = closing(600 * CENT, 50 * CENT, 750 * CENT, {"ann": 2, "city": 1}, rule)
    assert sum(closed.rebates.values()) == rebated * CENT
    assert closed.carried_out_micro == carried_out * CENT


def test_a_deficit_is_carried_and_never_collected() -> None:
    closed = closing(600, 0, 500, {"ann": 1}, SurplusRule(Goes.REFUNDED))
    assert (closed.balance_micro, closed.rebates, closed.carried_out_micro) == (-100, {}, 100)


def test_less_than_nothing_paid_is_an_error() -> None:
    with pytest.raises(ValueError, match="weights"):
        closing(0, 0, CENT, {"ann": 2, "bob": -1}, SurplusRule(Goes.REFUNDED))

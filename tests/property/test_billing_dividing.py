"""Parts of a charge: together they are the whole, to the last unit, with all of its tax."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from booking_api.billing.dividing import Shares, amounts, divide

WEIGHTS = st.lists(st.integers(0, 10**15), min_size=2, max_size=20).filter(any)
TOTAL = st.integers(1, 10**14)


@given(weights=WEIGHTS, total=TOTAL, unit=st.sampled_from([1, 10_000, 1_000_000]), whole=st.booleans())
def test_parts_sum_to_the_whole(weights: list[int], total: int, unit: int, whole: bool) -> None:
    total = total * unit if whole else total
    shares = Shares("x", tuple(str(n) for n in range(len(weights))), tuple(weights))
    parts = amounts(shares, total, unit)
    assert sum(parts) == total
    least = unit if total % unit == 0 else 1
    assert all(part % least == 0 for part in parts)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < least, "nobody bears a unit too much"


@given(weights=WEIGHTS, nets=st.dictionaries(st.sampled_from(["1/5", "7/100", "0"]), TOTAL, min_size=1))
def test_each_part_is_its_nets_and_taxes(weights: list[int], nets: dict[str, int]) -> None:
    taxes = {rate: int(net * Fraction(rate)) for rate, net in nets.items()}
    total = sum(nets.values()) + sum(taxes.values())
    shares = Shares("x", tuple(str(n) for n in range(len(weights))), tuple(weights))
    parts = divide(shares, "0", total, 10_000, taxes, nets)
    for part in parts:
        assert part.total_micro == sum(part.nets.values()) + sum(part.taxes.values())
        assert all(0 <= tax <= taxes[rate] for rate, tax in part.taxes.items())
    assert sum(part.total_micro for part in parts) <= total

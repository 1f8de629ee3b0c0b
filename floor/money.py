"""Amounts of a commodity (EUR, or a space's own unit) as integers, and how they are rounded and shared.

Money accrues in micro-units: 1 EUR is 1,000,000 micro-units whatever its minor unit is. It is rounded once,
at the group that the tariff declares, and what rounding took or gave is a posting of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

MICRO = 1_000_000
AMOUNT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")


class RoundingMode(StrEnum):
    """Where an amount between two units goes: to the nearest (a half away from 0, or to even), up, down."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Commodity:
    """What is counted. `exponent` is the number of decimals that people write: 2 for EUR, 0 for coins."""

    code: str
    exponent: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.exponent <= 6:
            raise ValueError(f"{self.code}: {self.exponent} decimals, but a commodity has 0 to 6")

    @property
    def minor_micro(self) -> int:
        """The smallest amount that people write, in micro-units."""
        return int(MICRO // 10**self.exponent)


def round_fraction(value: Fraction, mode: RoundingMode = RoundingMode.HALF_UP) -> int:
    """Round an exact value to a whole number; "up" and "half up" mean away from zero, as bills do."""
    sign = -1 if value < 0 else 1
    whole, rest = divmod(abs(value.numerator), value.denominator)
    twice = 2 * rest
    match mode:
        case RoundingMode.UP:
            more = rest > 0
        case RoundingMode.DOWN:
            more = False
        case RoundingMode.HALF_EVEN:
            more = twice > value.denominator or (twice == value.denominator and whole % 2 == 1)
        case RoundingMode.HALF_UP:
            more = twice >= value.denominator
    return sign * (whole + more)


def round_to(amount_micro: int, unit_micro: int, mode: RoundingMode = RoundingMode.HALF_UP) -> int:
    """Round micro-units to a multiple of `unit_micro` (> 0)."""
    return round_fraction(Fraction(amount_micro, unit_micro), mode) * unit_micro


def share(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide a whole amount in proportion to weights, to the last unit (largest remainder, earlier first).

    Raises ValueError when a weight is negative or all are 0.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must not be negative, and one must be more than 0")
    parts = [amount * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % whole), i))
    for i in order[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def parse(text: str) -> int:
    """Return the micro-units of a decimal amount such as "-1.50"; raises ValueError for anything else."""
    if not AMOUNT.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an amount of at most six decimals; write it like 12.50")
    return int(Decimal(text) * MICRO)


def plain(amount_micro: int, commodity: Commodity, mode: RoundingMode = RoundingMode.HALF_UP) -> str:
    """Write an amount for programs and logs: "-1.50 EUR"; pages write it in the reader's language."""
    minor = round_to(amount_micro, commodity.minor_micro, mode) // commodity.minor_micro
    return f"{Decimal(minor).scaleb(-commodity.exponent):f} {commodity.code}"

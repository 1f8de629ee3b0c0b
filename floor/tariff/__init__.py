"""Tariffs: what they say (model), how they are read (load), what they charge (price)."""

from collections.abc import Iterable

from floor.tariff.load import load
from floor.tariff.model import Component, Rounding, RoundWhere, Tariff, Tier
from floor.tariff.price import Charge, Line, price

__all__ = [
    "Charge",
    "Component",
    "Line",
    "RoundWhere",
    "Rounding",
    "Tariff",
    "Tier",
    "in_force",
    "load",
    "price",
]


def in_force(versions: Iterable[Tariff], at_ms: int) -> Tariff:
    """Return the version in force at an instant (UTC milliseconds); raises LookupError when none is yet."""
    past = [version for version in versions if version.valid_from_ms <= at_ms]
    if not past:
        raise LookupError("no version of this tariff is in force at that time")
    return max(past, key=lambda version: version.valid_from_ms)

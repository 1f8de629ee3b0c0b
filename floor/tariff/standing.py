"""What of an account's history a tariff depends on, by the names under which a book keeps its positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import TypeVar

from floor.tariff.component import shared_name
from floor.tariff.model import Component, Period, Tariff

PACK = "pack"
_YEAR = timedelta(days=366)


def depends_on_history(tariff: Tariff) -> bool:
    """Tell whether a visit's price may depend on earlier ones (granted allowances apart)."""
    return (
        any(cap.per is not Period.SESSION for cap in tariff.caps)
        or any(one.per is not Period.SESSION and one.part is None for one in tariff.adjustments)
        or any(_counts_on(component) for component in tariff.components)
        or bool(tariff.packs)
    )


def drawn(tariff: Tariff) -> dict[str, Component]:
    """Return the components that may draw from an allowance, by the name of what they draw."""
    return {shared_name(one, tariff): one for one in tariff.components if one.quantity or one.count}


def held_key(name: str) -> str:
    """Return the key of what an account holds of an allowance or a pack, in the component's unit."""
    return f"{PACK}|{name}||ever"


def concerned(positions: Mapping[str, Fraction], tariffs: Iterable[Tariff]) -> dict[str, Fraction]:
    """Return the positions that the price of a later visit by one of these tariffs may depend on."""
    names = {name for tariff in tariffs for name in _names(tariff)}
    return {key: position for key, position in positions.items() if key.split("|")[1] in names}


P = TypeVar("P")


def pruned(positions: Mapping[str, P], before: date) -> dict[str, P]:
    """Leave out what was counted in periods that were over before a day."""
    return {key: position for key, position in positions.items() if not _over(key, before)}


def _counts_on(one: Component) -> bool:
    free = (one.free or one.frees) and one.free_per is not Period.SESSION
    return bool(one.each or free or (one.brackets and one.brackets_per is not Period.SESSION))


def _names(tariff: Tariff) -> set[str]:
    caps = {f"{cap.shared or tariff.id}/{tariff.commodity.code}" for cap in tariff.caps}
    grants = {f"{tariff.id}/{one.id}" for one in tariff.adjustments}
    return caps | grants | {shared_name(one, tariff) for one in tariff.components}


def _over(key: str, before: date) -> bool:
    period = key.rpartition("|")[2]
    if period == "ever":
        return False
    if period.startswith("from "):  # of a month, or of a year: as if it were of a year
        return date.fromisoformat(period[5:]) + _YEAR < before
    year, _, rest = period.partition("-")
    if not rest:
        return int(year) < before.year
    if rest.startswith("W"):
        return date.fromisocalendar(int(year), int(rest[1:]), 7) < before
    return (period < before.isoformat()[:7]) if len(period) == 7 else date.fromisoformat(period) < before

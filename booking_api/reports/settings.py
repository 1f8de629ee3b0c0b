"""The settings of reports: the table `[reports]` of makerfloor.toml."""

from __future__ import annotations

from dataclasses import dataclass, field

from booking_api.reports.index import WEIGHTS, Part
from booking_api.setting import Tables

KEYS = ("fewest", *(f"weight_{part}" for part in Part))


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """How few people of a category are not told, and what each part of the space index weighs (0 to 100)."""

    fewest: int = 5
    weights: dict[Part, int] = field(default_factory=lambda: dict(WEIGHTS))


def read(tables: Tables) -> ReportSettings:
    """Read the table; raises ConfigError."""
    weights = {
        part: tables.whole(f"reports.weight_{part}", weight, 0, 100) for part, weight in WEIGHTS.items()
    }
    return ReportSettings(fewest=tables.whole("reports.fewest", 5, 1, 100), weights=weights)

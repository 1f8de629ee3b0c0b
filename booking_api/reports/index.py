"""The space index: how well a space serves, from 0 to 100, of what was really used (docs/reports.md).

Each part is a figure of the report put between two stated anchors; the index is their mean by weight. What is
not known is left out, the other weights count more, and how much of the whole was known is said beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

WHOLE = 100


class Part(StrEnum):
    """The parts of the index, in order of the page."""

    HOURS = "hours"
    UTILISATION = "utilisation"
    REACH = "reach"
    LEARNING = "learning"
    RELIABILITY = "reliability"
    SURVIVAL = "survival"
    COVERAGE = "coverage"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Anchors:
    """Which figure is 0 and which is 100; between them it goes straight, beyond them it goes no further."""

    low: Fraction
    high: Fraction

    def score(self, value: Fraction) -> Fraction:
        """Return a figure's score from 0 to 100."""
        part = (value - self.low) / (self.high - self.low)
        return WHOLE * max(Fraction(0), min(Fraction(1), part))


ANCHORS: Mapping[Part, Anchors] = MappingProxyType(
    {
        Part.HOURS: Anchors(Fraction(0), Fraction(60)),
        Part.UTILISATION: Anchors(Fraction(0), Fraction(60)),
        Part.REACH: Anchors(Fraction(0), Fraction(20)),
        Part.LEARNING: Anchors(Fraction(0), Fraction(50)),
        Part.RELIABILITY: Anchors(Fraction(80), Fraction(100)),
        Part.SURVIVAL: Anchors(Fraction(0), Fraction(80)),
        Part.COVERAGE: Anchors(Fraction(0), Fraction(100)),
        Part.SIZE: Anchors(Fraction(0), Fraction(2000)),
    }
)
"""Hours a machine and month; per cent; people a machine; people trained of a hundred served; per cent of the
time in order; per cent of teams active after a year; per cent of the costs; square metres."""
WEIGHTS: Mapping[Part, int] = MappingProxyType(
    {
        Part.HOURS: 20,
        Part.UTILISATION: 15,
        Part.REACH: 15,
        Part.LEARNING: 15,
        Part.RELIABILITY: 10,
        Part.SURVIVAL: 10,
        Part.COVERAGE: 10,
        Part.SIZE: 5,
    }
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A part: its figure and score (None: not known), its weight among those that are known (0 to 1)."""

    part: Part
    value: Fraction | None
    score: Fraction | None
    share: Fraction

    @property
    def points(self) -> Fraction:
        """What it adds to the index."""
        return (self.score or Fraction(0)) * self.share

    @property
    def missing(self) -> Fraction:
        """What it would add at its best."""
        return WHOLE * self.share - self.points


@dataclass(frozen=True, slots=True)
class Index:
    """The index (None: nothing is known), its parts, and the part of the weights that was known (0 to 1)."""

    value: Fraction | None
    parts: tuple[Scored, ...]
    known: Fraction

    @property
    def would_raise(self) -> list[Scored]:
        """The parts that could add the most, the best first."""
        could = [one for one in self.parts if one.score is not None and one.missing > 0]
        return sorted(could, key=lambda one: (-one.missing, one.part))


def index(values: Mapping[Part, Fraction | None], weights: Mapping[Part, int] = WEIGHTS) -> Index:
    """Return the index of some figures; weights are from 0, and a part without one is not weighed."""
    there = {part: value for part in Part if (value := values.get(part)) is not None}
    whole = sum(weights.get(part, 0) for part in Part)
    weighed = sum(weights.get(part, 0) for part in there)
    parts = tuple(
        Scored(
            part,
            there.get(part),
            ANCHORS[part].score(there[part]) if part in there else None,
            Fraction(weights.get(part, 0), weighed) if part in there and weighed else Fraction(0),
        )
        for part in Part
    )
    value = sum((one.points for one in parts), Fraction(0)) if weighed else None
    return Index(value, parts, Fraction(weighed, whole) if whole else Fraction(0))


def values_of(totals: Mapping[str, Fraction | None], months: Fraction) -> dict[Part, Fraction | None]:
    """Return the figures of the parts from a report's totals; `months` is how long it was, so far."""

    def each(of: str, by: str, times: Fraction | int = 1) -> Fraction | None:
        value, whole = totals.get(of), totals.get(by)
        return value * times / whole if value is not None and whole else None

    hours = each("machine_hours", "machines")
    return {
        Part.HOURS: hours / months if hours is not None and months else None,
        Part.UTILISATION: totals.get("utilisation"),
        Part.REACH: each("members_served", "machines"),
        Part.LEARNING: each("people_trained", "members_served", WHOLE),
        Part.RELIABILITY: totals.get("availability"),
        Part.SURVIVAL: totals.get("survival_12"),
        Part.COVERAGE: totals.get("cost_coverage"),
        Part.SIZE: totals.get("area_m2"),
    }


def totals_of(figures: Iterable[tuple[str, str, Fraction | None]]) -> dict[str, Fraction | None]:
    """Return totals by id, of (id, part, total): those that are no part of another."""
    return {id: total for id, part, total in figures if not part}

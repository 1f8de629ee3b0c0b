"""One figure of a report: exact numbers in the unit that people use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Section(StrEnum):
    """The parts of a report, in order."""

    PEOPLE = "people"
    TEAMS = "teams"
    LEARNING = "learning"
    SPACE = "space"
    USE = "use"
    UPKEEP = "upkeep"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Figure:
    """What a time had of something. `total` None: not recorded.

    `part` names a part of the whole (a tier, a fund), "" for the whole. `months` and `machines` are None
    where a figure is not by them. `adds`: months, and spaces, may be added up. `few`: there are some, and
    fewer than may be told. `before` is the total of the same months a year before.
    """

    section: Section
    id: str
    unit: str
    total: Fraction | None
    part: str = ""
    months: Mapping[str, Fraction] | None = None
    machines: Mapping[str, Fraction] | None = None
    adds: bool = True
    few: bool = False
    before: Fraction | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.id, self.part


def decimal(value: Fraction, places: int = 6) -> str:
    """Write a number without an exponent and without zeros at its end: at most `places` decimals."""
    scaled = round(value * 10**places)
    whole, rest = divmod(abs(scaled), 10**places)
    tail = f".{rest:0{places}}".rstrip("0").rstrip(".") if places else ""
    return f"{'-' if scaled < 0 else ''}{whole}{tail}"


def hide_few(parts: Mapping[str, int], fewest: int) -> set[str]:
    """Return the parts that are too few people to be told, and one more where one alone could be computed."""
    hidden = {name for name, count in parts.items() if 0 < count < fewest}
    if len(hidden) == 1:
        others = [name for name, count in parts.items() if count and name not in hidden]
        if others:
            hidden.add(min(others, key=lambda name: (parts[name], name)))
    return hidden

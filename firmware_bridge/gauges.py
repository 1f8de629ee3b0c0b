"""What a machine's gauges show now, for people to look at: nothing is metered or decided by them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

GAUGES_MAX = 8
HEAT_C = (-100, 2_000)
"""What is beyond is no temperature but a broken sensor's."""
_TOOL = re.compile(r"(?:tool|extruder|T)([0-9]?)")
_PLACES = {"bed": "bed", "heater_bed": "bed", "B": "bed", "chamber": "chamber", "C": "chamber"}


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value as the machine shows it, in `unit`; `target` is what it goes for, None where it has none.

    `name` is one word for every protocol: nozzle, nozzle-2, bed, chamber, layer, power, feed, spindle.
    """

    name: str
    value: int
    target: int | None = None
    unit: str = "°C"


@runtime_checkable
class Shows(Protocol):
    """A driver of a machine that has gauges."""

    def gauges(self) -> Sequence[Gauge]:
        """Return what they show now, at most GAUGES_MAX; nothing while the machine is not in reach."""
        ...


Heat = Mapping[str, tuple[float | None, float | None]]
"""Degrees Celsius now and wanted, by the machine's own name of a heater."""


def heaters(said: Heat) -> tuple[Gauge, ...]:
    """Return the gauges of heaters, whole degrees; a target of 0 is none, as printers mean it."""
    found: dict[str, Gauge] = {}
    for own, (now, goal) in said.items():
        name = _name(own)
        if name and now is not None and HEAT_C[0] < now < HEAT_C[1] and len(found) < GAUGES_MAX:
            wanted = round(goal) if goal is not None and 0 < goal < HEAT_C[1] else None
            found.setdefault(name, Gauge(name, round(now), wanted))
    return tuple(found.values())


def _name(own: str) -> str:
    tool = _TOOL.fullmatch(own)
    if tool is None:
        return _PLACES.get(own.removeprefix("heater_generic ").removeprefix("temperature_sensor "), "")
    number = int(tool[1] or 0)
    return f"nozzle-{number + 1}" if number else "nozzle"


def layers(now: int | None, of: int | None) -> tuple[Gauge, ...]:
    """Return the gauge of the layer that is printed; nothing before the first."""
    return (Gauge("layer", now, of or None, ""),) if now else ()

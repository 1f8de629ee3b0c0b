"""Events of a machine as lines for people: what happened, in units that people read."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobRefused,
    JobStarted,
    MachineEvent,
    Measured,
    Noise,
    ReadingTaken,
)
from floor.meter import Quantity

_UNITS = {"mg": (1000, "g"), "mwh": (1000, "Wh"), "ul": (1000, "ml"), "mm3": (1000, "cm³")}


def amount(quantity: str, value: int) -> str:
    """Return a counter's value in units that people read."""
    unit = quantity.rpartition("_")[2]
    if unit == "ms":
        return duration(value)
    if unit == "um":
        return f"{value / 1_000_000:.3f} m" if value >= 1_000_000 else f"{value / 1000:.1f} mm"
    if unit in _UNITS:
        scale, name = _UNITS[unit]
        return f"{value / scale:.{1 if value >= 10 * scale else 3}f} {name}"
    return str(value)


def duration(ms: int) -> str:
    """Return a time as h:mm:ss, or as seconds when it is short."""
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} h"


class Lines:
    """Turns the events of one machine into lines; counters are shown as what they grew by, and in all."""

    def __init__(self) -> None:
        self._shown: dict[Quantity, int] = {}

    def line(self, event: MachineEvent) -> str:
        """Return the line of an event; nothing for a reading that says nothing new."""
        match event:
            case Identified(name, firmware):
                return f"machine    {name} {firmware}".rstrip()
            case ActivityChanged(activity, words):
                return f"{activity.value:<10} {words}".rstrip()
            case JobStarted(job_id, name, user):
                return f"job begins {name or 'without a name'}{f' of {user}' if user else ''} [{job_id}]"
            case JobProgressed(_, fraction, left_s):
                left = f", {duration(left_s * 1000)} left" if left_s is not None else ""
                return f"progress   {fraction:.1%}{left}"
            case JobEnded(_, outcome, job_time_ms, words):
                return f"job {outcome.value:<6} after {duration(job_time_ms)} {words}".rstrip()
            case JobRefused(words):
                return f"refused    {words}"
            case Noise(detail):
                return f"noise      {detail}"
            case Measured(words):
                return f"measured   {words}"
            case ReadingTaken(counters):
                return self._reading(counters)

    def _reading(self, counters: Mapping[Quantity, int]) -> str:
        before, self._shown = self._shown, {**self._shown, **counters}
        grown = [
            f"{name.value.rpartition('_')[0] or name.value} +{amount(name, value - before.get(name, 0))}"
            f" = {amount(name, value)}"
            for name, value in counters.items()
            if value != before.get(name, 0)
        ]
        return f"reading    {', '.join(grown)}" if grown else ""

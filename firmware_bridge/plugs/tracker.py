"""The life of one plug: facts in, machine events out. Pure. `at_s` is monotonic, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.counting import BusyTime, Counter
from firmware_bridge.events import ActivityChanged, Identified, MachineEvent, Noise, ReadingTaken
from firmware_bridge.gauges import Gauge
from firmware_bridge.plugs.facts import Named, PlugFact, Presence, Sample
from floor.meter import Quantity
from floor.words import Activity


@dataclass(frozen=True, slots=True)
class Limits:
    """When a machine is busy, what it can draw at most (watts), how long it may be silent (seconds)."""

    busy_above_w: float
    idle_below_w: float
    after_s: float
    most_w: float
    silence_s: float
    idle_after_s: float | None = None


class PlugTracker:
    """Follows one plug over connections."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._energy = Counter(most_per_h=limits.most_w * 1000)
        self._work = BusyTime(
            limits.busy_above_w, limits.idle_below_w, limits.after_s, limits.silence_s, limits.idle_after_s
        )
        self.gauges: tuple[Gauge, ...] = ()
        self._heard_s = 0.0
        self._said: ActivityChanged | None = None
        self._told: dict[Quantity, int] | None = None

    def connected(self, at_s: float) -> None:
        """A connection to the broker begins: what is not heard from now on is lost."""
        self._heard_s, self._said, self._told, self.gauges = at_s, None, None, ()
        self._work.forget()

    def receive(self, fact: PlugFact, at_s: float) -> list[MachineEvent]:
        """Take one fact and return what follows from it."""
        match fact:
            case Named(name, firmware):
                return [Identified(name, firmware)]
            case Presence(online=False):
                return self._lost(fact.words)
            case Sample():
                return self._sample(fact, at_s)
            case Noise():
                return [fact]
        return []

    def tick(self, at_s: float) -> list[MachineEvent]:
        """Look whether the plug has been silent for too long."""
        lost = self._said is not None and self._said.activity is Activity.UNREACHABLE
        if lost or at_s - self._heard_s <= self._limits.silence_s:
            return []
        return self._lost(f"it was silent for {self._limits.silence_s:g} s")

    def _sample(self, sample: Sample, at_s: float) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        if sample.energy_mwh is not None and (why := self._energy.take(sample.energy_mwh, at_s)):
            events.append(Noise(why))
        watts = 0 if sample.on is False else sample.watts
        if watts is None:  # it proves no power: neither that the machine works nor that it is measured at all
            return events + self._reading()
        self._heard_s, self.gauges = at_s, (Gauge("power", round(watts), None, "W"),)
        busy = self._work.take(float(watts), at_s)
        # counted before it is said: whoever hears BUSY knows already that busy time is counted here
        return [*events, *self._reading(), *self._say(Activity.BUSY if busy else Activity.IDLE, "")]

    def _lost(self, words: str) -> list[MachineEvent]:
        self._work.forget()
        self.gauges = ()
        return self._say(Activity.UNREACHABLE, words)

    def _reading(self) -> list[MachineEvent]:
        now = {
            Quantity.ENERGY_MWH: self._energy.total,
            Quantity.BUSY_TIME_MS: int(self._work.total_s * 1000),
        }
        if now == self._told:
            return []
        self._told = now
        return [ReadingTaken(now)]

    def _say(self, activity: Activity, words: str) -> list[MachineEvent]:
        said = ActivityChanged(activity, words)
        if said == self._said:
            return []
        self._said = said
        return [said]

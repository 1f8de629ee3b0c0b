"""A machine that is known by one signal: samples in, events out. Pure. Times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.counting import BusyTime
from firmware_bridge.events import ActivityChanged, MachineEvent, ReadingTaken
from floor.meter import Quantity
from floor.words import Activity


@dataclass(frozen=True, slots=True)
class Limits:
    """Above `high` the signal is on once it was so for `steady_s`, below `low` off after `idle_steady_s`.

    That is `steady_s` too where it is None.

    Samples more than `gap_s` apart prove nothing between them. With `counts_jobs` each change to on is a job.
    What is counted is said every `reading_s`, and whenever something changes.
    """

    high: float
    low: float
    steady_s: float
    gap_s: float
    counts_jobs: bool
    reading_s: float = 1.0
    idle_steady_s: float | None = None


@dataclass(slots=True)
class PulseTracker:
    """Follows one signal. A signal that is on when it is first seen is no new pulse."""

    limits: Limits
    _time: BusyTime = field(init=False)
    _jobs: int = 0
    _seen_off: bool = False
    _sampled_s: float = float("-inf")
    _said: ActivityChanged | None = None
    _told: dict[Quantity, int] | None = None
    _told_s: float = float("-inf")

    def __post_init__(self) -> None:
        limits = self.limits
        self._time = BusyTime(limits.high, limits.low, limits.steady_s, limits.gap_s, limits.idle_steady_s)

    def sample(self, value: float, at_s: float) -> list[MachineEvent]:
        """Take a sample and return what follows from it."""
        if not 0 <= at_s - self._sampled_s <= self.limits.gap_s:
            self._seen_off = False
        self._sampled_s = at_s
        was = self._time.busy
        busy = self._time.take(value, at_s)
        self._jobs += busy and not was and self._seen_off
        self._seen_off |= value <= self.limits.high
        if self._said is None and not busy and value > self.limits.high:
            return []  # it may be at work already: that shows once it was steady
        # counted before it is said: whoever hears BUSY knows already that busy time is counted here
        news = busy != was or self._said is None
        return [*self._reading(at_s, now=news), *self._say(Activity.BUSY if busy else Activity.IDLE)]

    def lost(self) -> None:
        """The signal cannot be read: nothing is known until it can, and nothing is counted."""
        self._time.forget()
        self._seen_off, self._said = False, None

    def _reading(self, at_s: float, *, now: bool) -> list[MachineEvent]:
        shown = {Quantity.BUSY_TIME_MS: int(self._time.total_s * 1000)}
        if self.limits.counts_jobs:
            shown[Quantity.JOBS] = self._jobs
        if shown == self._told or (not now and at_s - self._told_s < self.limits.reading_s):
            return []
        self._told, self._told_s = shown, at_s
        return [ReadingTaken(shown)]

    def _say(self, activity: Activity) -> list[MachineEvent]:
        said = ActivityChanged(activity)
        if said == self._said:
            return []
        self._said = said
        return [said]

"""A time that the controller counts in whole seconds, and what is proven where it does not count. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.counting import Counter

GAP_S = 3.0
NOTICED_S = 5.0
SECONDS_PER_H = 3600.0


@dataclass(slots=True)
class Seconds:
    """A counter of the controller, in seconds, of which only differences count. `seen` once it was not 0."""

    seen: bool = False
    _counter: Counter = field(default_factory=lambda: Counter(SECONDS_PER_H))

    def take(self, shown: int, at_s: float) -> tuple[int, str]:
        """Take a reading; returns what it grew by, and in words what could not be counted."""
        self.seen = self.seen or shown > 0
        before = self._counter.total
        words = self._counter.take(shown, at_s)
        return self._counter.total - before, words


@dataclass(slots=True)
class WorkTime:
    """The time of jobs: by the controller's counter where it counts, else as long as they were seen to run.

    A counter that shows 0, or did not move in a job of NOTICED_S, does not count. What was then credited and
    the counter shows later after all is not credited again. Nothing is taken back.
    """

    total_s: float = 0.0
    _counter: Seconds = field(default_factory=Seconds)
    _stuck: bool = False
    _ahead_s: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether the controller's counter is believed."""
        return self._counter.seen and not self._stuck

    def take(self, shown: int, at_s: float) -> tuple[float, str]:
        """Take a reading of the counter; returns the seconds that it adds, and what could not be counted."""
        grown, words = self._counter.take(shown, at_s)
        self._stuck = self._stuck and not grown
        known = min(self._ahead_s, grown)
        self._ahead_s -= known
        self.total_s += grown - known
        return grown - known, words

    def run(self, span_s: float) -> float:
        """Take note of time in which a job was seen to run; returns the seconds that it adds."""
        if self.counts:
            return 0.0
        self._ahead_s += span_s
        self.total_s += span_s
        return span_s

    def ended(self, seen_s: float, credited_s: float) -> float:
        """Take note of the end of a job; returns the seconds that are added because no counter moved."""
        if not self.counts or credited_s > 0 or seen_s < NOTICED_S:
            return 0.0
        self._stuck = True
        return self.run(seen_s)

"""How long a laser was on and how far it went, from reports some 0.1 s apart. Pure.

A report is a sample: what it says holds half of the way to the next one, so that an edge counts half an
interval. `FS` is the power and the feed of that moment; only Run counts, because GRBL goes on saying a power
while it is Idle, dwells or holds. Where the way between two reports is known, its lit part counts instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.grbl.path import Went

GAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one report shows: `at_s` by a monotonic clock, the feed, and whether the laser is on."""

    at_s: float
    running: bool
    feed_um_s: float = 0.0
    on: bool = False


@dataclass(slots=True)
class Meter:
    """Sums up Run time with power (seconds) and the way (micrometres); neither ever falls.

    With `laser` the way counts where the laser is on, without it every move in Run.
    """

    laser: bool = False
    laser_s: float = 0.0
    travel_um: float = 0.0
    _last: Sample | None = None

    def lost(self) -> None:
        """Forget the last sample: nothing is known of what was until the next one."""
        self._last = None

    def since(self, at_s: float) -> float | None:
        """Return the seconds since the last sample; None when that is too long ago to count."""
        span_s = at_s - self._last.at_s if self._last else -1.0
        return span_s if 0 <= span_s <= GAP_S else None

    def take(self, now: Sample, went: Went | None = None) -> float:
        """Take a sample and return the seconds since the last one, 0 when that is too long ago to count.

        `went` is the way since the last sample, where it is known: of a laser it counts for itself.
        """
        span_s = self.since(now.at_s)
        last, self._last = self._last, now
        if last is None or span_s is None:
            return 0.0
        if self.laser and went and went.whole_s > 0 and (last.running or now.running):
            ran_s = span_s if last.running and now.running else min(span_s, went.whole_s)
            self.laser_s += ran_s * went.lit_s / went.whole_s
            self.travel_um += went.lit_mm * 1000
            return span_s
        for sample in (last, now):
            if sample.running and (sample.on or not self.laser):
                self.travel_um += sample.feed_um_s * span_s / 2
                self.laser_s += span_s / 2 if self.laser else 0.0
        return span_s

"""What a Marlin's work comes to: time between proofs of work, filament by acknowledged lines. Pure.

Nothing is counted between two moments unless the machine proved at the second that it had gone on: an `ok`, a
`busy`, a byte position. So silence, pauses and what follows the last line cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.marlin.lines import Line
from floor.gcode import Filament, FilamentCounter


@dataclass(slots=True)
class Stopwatch:
    """Sums the time between proofs of work, in seconds. `gap_s` is the longest time that two proofs span."""

    gap_s: float = float("inf")
    total_s: float = 0.0
    _mark_s: float | None = None

    def prove(self, at_s: float) -> float:
        """It works now: count the time since the last proof, and return it."""
        span_s = 0.0
        if self._mark_s is not None and 0 <= at_s - self._mark_s <= self.gap_s:
            span_s = at_s - self._mark_s
        self.total_s += span_s
        self._mark_s = at_s
        return span_s

    def rest(self) -> None:
        """What lies between now and the next proof is no work: a pause, a lost line."""
        self._mark_s = None


@dataclass(slots=True)
class PrintTimer:
    """The machine's own print timer (M31), read now and then: it fills the gaps in what was watched.

    `gap` says that something was missed since the last reading. A timer that falls began anew, and one that
    runs faster than ours is not believed: nothing is filled in beyond the gap.
    """

    gap: bool = False
    _shown: tuple[int, float, float] | None = None

    def began_after(self, at_s: float) -> None:
        """Take note that the print began after this moment, and was seen later: M27 waits for heat."""
        self.gap, self._shown = True, (0, 0.0, at_s)

    def take(self, seconds: int, watched_s: float, at_s: float) -> float:
        """Take a reading beside what was watched of this job so far; return the seconds that are missing."""
        before, missing_s = self._shown, 0.0
        if self.gap and before is not None and seconds >= before[0]:
            most_s = max(0.0, at_s - before[2])
            missing_s = min(float(seconds - before[0]), most_s) - (watched_s - before[1])
        self._shown, self.gap = (seconds, watched_s + max(0.0, missing_s), at_s), False
        return max(0.0, missing_s)


@dataclass(slots=True)
class Spool:
    """Counts the filament of acknowledged lines, over resets; a line that is sent again counts once."""

    filament: Filament
    _counter: FilamentCounter = field(init=False)
    _before_um: int = 0
    _last: int | None = None

    def __post_init__(self) -> None:
        self._counter = self._anew(False)

    def _anew(self, e_known: bool) -> FilamentCounter:
        return FilamentCounter(self.filament, g90_sets_e=True, e_known=e_known)

    @property
    def used_um(self) -> int:
        """What was extruded so far, in micrometres; it never falls."""
        return self._before_um + self._counter.extruded_um

    @property
    def used_mg(self) -> int:
        """The same by weight, by diameter and density, in milligrams."""
        return round(self.used_um / 1000 * self.filament.area_mm2 * self.filament.density_g_cm3)

    def restart(self, e_known: bool) -> None:
        """The machine forgot its modes (`e_known`: its extruder stands at 0), or nobody knows them."""
        self._before_um, self._counter, self._last = self.used_um, self._anew(e_known), None

    def done(self, line: Line) -> None:
        """Count one acknowledged line."""
        if line.code == "M110":
            self._last = None
        elif line.number is not None:
            if self._last is not None and line.number <= self._last:
                return
            self._last = line.number
        if line.code:
            self._counter.receive_data(line.text.encode() + b"\n")

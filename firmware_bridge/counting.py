"""Counters of a machine become counters that never fall, and time becomes time that is proven. Pure.

`at_s` is the caller's monotonic clock, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LAG_S = 120.0


@dataclass(slots=True)
class Counter:
    """Sums what a machine's counter grows, whatever gaps lie between its readings.

    The machine may restart its counter: what it then shows was used since. It may also fall back a little,
    to what it had saved last (a plug that loses power): then nothing is provable, and nothing is counted.
    A reading nearer to zero than to where the counter stood was a restart. `most_per_h` is what the machine
    can use in an hour at most: a step that is greater, LAG_S allowed, was set by hand, and is not counted.
    """

    most_per_h: float | None = None
    total: int = 0
    _shown: int | None = None
    _at_s: float = 0.0

    def take(self, shown: int, at_s: float) -> str:
        """Take a reading (≥ 0, base units); returns in words what could not be counted, else nothing."""
        before, since_s = self._shown, max(0.0, at_s - self._at_s)
        self._shown, self._at_s = shown, at_s
        if before is None:
            return ""
        restarted = shown * 2 < before
        if shown < before and not restarted:
            return f"a counter fell back from {before} to {shown}: nothing is counted"
        grown = shown if restarted else shown - before
        if self.most_per_h is not None and grown > self.most_per_h * (since_s + LAG_S) / 3600:
            return f"a counter went from {before} to {shown} in {since_s:.0f} s: nothing is counted"
        self.total += grown
        return ""


@dataclass(slots=True)
class BusyTime:
    """Sums the time in which samples prove that the machine was busy, by a value with hysteresis.

    Above `busy_above` for `after_s` it is busy, below `idle_below` for `idle_after_s` (None: for `after_s`)
    it is idle; what is shorter is part of what goes on. The time counts from where the value changed, between
    two samples as the first of them says. Samples more than `gap_s` apart prove nothing between them.
    """

    busy_above: float
    idle_below: float
    after_s: float
    gap_s: float
    idle_after_s: float | None = None
    busy: bool = False
    total_s: float = 0.0
    _seen: tuple[float, bool] | None = field(default=None)
    _pending_s: float = 0.0

    def take(self, value: float, at_s: float) -> bool:
        """Take a sample; returns whether the machine is busy now."""
        if self._seen is not None and 0 <= at_s - self._seen[0] <= self.gap_s:
            self._pass(at_s - self._seen[0], self._seen[1])
        else:
            self.forget()
        says = value > self.busy_above or (self.busy and value >= self.idle_below)
        if says == self.busy:
            self._settle(self.busy)
        elif self._pending_s >= (self._idle_after_s if self.busy else self.after_s):
            self._settle(says)
            self.busy = says
        self._seen = at_s, says
        return self.busy

    @property
    def _idle_after_s(self) -> float:
        return self.after_s if self.idle_after_s is None else self.idle_after_s

    def forget(self) -> None:
        """Samples were lost: what is next begins anew, and as idle."""
        self._seen, self._pending_s, self.busy = None, 0.0, False

    def _pass(self, passed_s: float, said: bool) -> None:
        if said != self.busy:
            self._pending_s += passed_s
        elif self.busy:
            self.total_s += passed_s

    def _settle(self, busy: bool) -> None:
        """What was undecided was busy time, or was not."""
        if busy:
            self.total_s += self._pending_s
        self._pending_s = 0.0

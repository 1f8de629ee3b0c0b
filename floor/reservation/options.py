"""What may begin when at a machine, how long it may be at most, and why not: for whom picks a time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from math import gcd

from floor.reservation import calendar, length
from floor.reservation.calendar import MINUTE_MS, Times_ms
from floor.reservation.decide import decide
from floor.reservation.model import Policies, Rules
from floor.reservation.terms import Known, Slot, Turned, Wanted

GRID_MS, FINEST_MS = 15 * MINUTE_MS, 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Run:
    """Ends until `until_ms`, it included: they can be had (`why` is None), or this is why not."""

    until_ms: int
    why: Turned | None


@dataclass(frozen=True, slots=True)
class Start:
    """A begin, and its ends in order. One run alone that is refused: nothing begins then."""

    at_ms: int
    runs: tuple[Run, ...]

    @property
    def longest_ms(self) -> int:
        """The latest end that can be had, 0 for none."""
        return max((one.until_ms for one in self.runs if one.why is None), default=0)

    def why(self, ends_ms: int) -> Turned | None:
        """Return why an end of the grid cannot be had, None where it can."""
        return next(one.why for one in self.runs if ends_ms <= one.until_ms)


def grid_ms(rules: Rules) -> int:
    """Return the grid on which times are picked: that of the rules' begins and lengths, or 15 minutes.

    It is no finer than 5 minutes: what lies between is typed.
    """
    begins = [one * MINUTE_MS for one in (rules.starts_every_min, *rules.starts_at_min) if one]
    lengths = [one for one in (rules.step_ms, *rules.lengths_ms, rules.length_min_ms) if one]
    own = gcd(*begins, *lengths, *([] if begins else [GRID_MS]))
    return own if own >= FINEST_MS and own % MINUTE_MS == 0 else FINEST_MS


@dataclass(frozen=True)
class Row:
    """One machine's time that somebody picks from.

    `wanted` says who asks, when, and what is moved; its slot is the whole time, from midnight on, and
    `known` all that is known of it (`limits.window_of`).
    """

    policies: Policies
    wanted: Wanted
    known: Known
    zone: tzinfo
    grid_ms: int = GRID_MS

    def starts(self) -> list[Start]:
        """Return every begin of the grid that is not over, in order.

        Beyond its length, a slot that a rule refuses is refused too when it is longer, as long as it touches
        the same windows of the rules: so the longest that can be had is searched for, not each tried.
        """
        slot, grid = self.wanted.slot, self.grid_ms
        late = max(0, self.wanted.now_ms - slot.begins_ms)
        first = slot.begins_ms + -(-late // grid) * grid
        changes = self._changes()
        found: list[Start] = []
        guess = 0
        for at_ms in range(first, slot.ends_ms - grid + 1, grid):
            found.append(self._start(at_ms, changes, guess))
            guess = found[-1].longest_ms
        return found

    def _changes(self) -> list[int]:
        """Return the instants from which a longer slot touches another window of the rules."""
        slot = self.wanted.slot
        begun = (
            begins
            for times in self.policies.windows.values()
            for begins, _ in calendar.stretches(times, slot.begins_ms, slot.ends_ms, self.zone)
        )
        return sorted({*begun, slot.ends_ms})

    def _start(self, at_ms: int, changes: Sequence[int], guess: int) -> Start:
        runs: list[Run] = []
        from_ms = at_ms
        for to_ms in (one for one in changes if one > at_ms):
            runs += self._runs(at_ms, (from_ms, to_ms), guess)
            from_ms = to_ms
        if not runs:
            return Start(at_ms, (Run(self.wanted.slot.ends_ms, self._asked(at_ms, at_ms + self.grid_ms)),))
        whys = [one.why for one in runs]
        if None in whys:
            return Start(at_ms, _joined(runs))
        hard = next((one for one in whys if one and one.rule not in LENGTHS), whys[-1])
        return Start(at_ms, (Run(self.wanted.slot.ends_ms, hard),))

    def _runs(self, at_ms: int, piece: Times_ms, guess: int) -> list[Run]:
        """Return what is to be said of the ends behind one instant, up to another."""
        grid, machine = self.grid_ms, self.wanted.slot.machine
        first = at_ms + ((piece[0] - at_ms) // grid + 1) * grid
        ends = range(first, piece[1] + 1, grid)
        if not ends:
            return []
        touched = calendar.windows_at(self.policies, at_ms, ends[-1], self.zone)
        rules = self.policies.of(machine).rules_for(self.wanted.tier, touched)
        slots = (Slot(machine, at_ms, end) for end in ends)
        least = next((one for one in slots if length.refuse(rules, one, self.zone) is None), None)
        if least is not None and (why := self._asked(at_ms, least.ends_ms)):
            return [Run(ends[-1], why)]
        bad = self._bad(at_ms, ends, rules)
        good = [end for end, why in bad.items() if why is None]
        count, why = self._most(at_ms, good, guess)
        had = set(good[:count])
        return [Run(end, None if end in had else bad[end] or why) for end in ends]

    def _bad(self, at_ms: int, ends: Sequence[int], rules: Rules) -> dict[int, Turned | None]:
        """Return what the rules of length and grid say of each end; what lasts stands for all longer ones."""
        bare = not (rules.length_min_ms or rules.length_max_ms or rules.lengths_ms or rules.step_ms)
        found: dict[int, Turned | None] = {}
        last: Turned | None = None
        for n, end in enumerate(ends):
            if not (bare and rules.over_midnight and n) and (last is None or last.rule not in LASTING):
                last = length.refuse(rules, Slot(self.wanted.slot.machine, at_ms, end), self.zone)
            found[end] = last
        return found

    def _most(self, at_ms: int, ends: Sequence[int], guess: int) -> tuple[int, Turned | None]:
        """Return how many of the ends can be had, the first ones, and why the next cannot; the first can."""
        seen: dict[int, Turned | None] = {}

        def why(index: int) -> Turned | None:
            if index not in seen:
                seen[index] = self._asked(at_ms, ends[index])
            return seen[index]

        if not ends:
            return 0, None
        seen[0] = None
        for end in (guess, guess + self.grid_ms):
            near = bisect_left(ends, end + 1)
            if 0 < near < len(ends) and why(near) is not None and why(near - 1) is None:
                return near, why(near)
        if why(len(ends) - 1) is None:
            return len(ends), None
        most = bisect_left(range(len(ends)), True, key=lambda index: why(index) is not None)
        return most, why(most)

    def _asked(self, begins_ms: int, ends_ms: int) -> Turned | None:
        slot = Slot(self.wanted.slot.machine, begins_ms, ends_ms)
        decision = decide(self.policies, replace(self.wanted, slot=slot), self.known, self.zone)
        return decision if isinstance(decision, Turned) else None


LENGTHS = frozenset({"length_min", "length_max", "lengths", "step"})
"""Rules that say only how long a slot is."""
LASTING = frozenset({"length_max", "over_midnight", "starts_every", "starts_at"})
"""Rules that refuse whatever is longer too."""


def _joined(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs with one in place of neighbours that say the same."""
    made: list[Run] = []
    for one in runs:
        if made and _rule(made[-1]) == _rule(one):
            made[-1] = Run(one.until_ms, made[-1].why)
        else:
            made.append(one)
    return tuple(made)


def _rule(run: Run) -> str:
    return run.why.rule if run.why else ""

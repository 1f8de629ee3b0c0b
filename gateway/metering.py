"""What one session has used so far: its own counters, from zero at its start, and when they showed what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from floor.access import Lease
from floor.meter import Counters, Quantity, Reading, add, difference
from floor.tariff import Visit
from floor.words import Activity

Divides = Callable[[int, int], bool]
"""Whether something that prices depend on changes between two instants (UTC milliseconds)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a session's counters showed `elapsed_ms` after its start."""

    elapsed_ms: int
    counters: Counters


class Marks:
    """The checkpoints of a session that its price depends on.

    The server takes what was used between two checkpoints to have grown evenly. So one is needed only where
    a price, a day or a time window changes before or after it: a session of a month keeps a few of each day.
    """

    def __init__(self, started_ms: int, divides: Divides) -> None:
        self._started_ms = started_ms
        self._divides = divides
        self._kept: list[Mark] = []

    def add(self, mark: Mark) -> None:
        """Take a checkpoint that is later than all before it."""
        if self._kept:
            before_ms = self._kept[-2].elapsed_ms if len(self._kept) > 1 else 0
            if not self._divides(self._started_ms + before_ms, self._started_ms + mark.elapsed_ms):
                self._kept.pop()
        self._kept.append(mark)

    def visit(self, lease: Lease, now: Mark, *, faulted: bool = False) -> Visit:
        """Return the session as what is priced, up to now; `since` is for whoever knows the member."""
        start = self._started_ms
        marks = [*(mark for mark in self._kept if mark.elapsed_ms <= now.elapsed_ms), now]
        return Visit(
            id=lease.session_id,
            readings=[
                Reading(start, {}),
                *(Reading(start + mark.elapsed_ms, mark.counters) for mark in marks),
            ],
            tier=lease.tier,
            account=lease.account,
            member=lease.member,
            machine=lease.machine,
            faulted=faulted,
        )


class SessionMeter:
    """Meters one session. Times are the caller's monotonic milliseconds; machine counters are cumulative.

    One that goes on after a restart has `used` something, and is watched again from `seen_ms` on.
    """

    def __init__(
        self,
        started_ms: int,
        counters: Counters,
        activity: Activity,
        *,
        used: Counters | None = None,
        seen_ms: int | None = None,
    ) -> None:
        self._started_ms = started_ms
        self._seen_ms = started_ms if seen_ms is None else seen_ms
        self._machine = dict(counters)
        self._activity = activity
        self._used: dict[Quantity, int] = dict(used or {})
        self._used.pop(Quantity.MACHINE_TIME_MS, None)

    def activity(self, activity: Activity, at_ms: int) -> None:
        """Take note that the machine began to do something else."""
        self._advance(at_ms)
        self._activity = activity

    def reading(self, counters: Counters) -> None:
        """Take what the machine's counters show; one that fell was restarted, and its new value counts."""
        self._used = add(self._used, difference(self._machine, counters))
        self._machine = {**self._machine, **counters}

    def busy_until(self, at_ms: int, shown_ms: int) -> None:
        """Count busy time up to an instant; then its own counter, which stands at `shown_ms`, counts."""
        self._advance(at_ms)
        self._machine[Quantity.BUSY_TIME_MS] = shown_ms

    def _advance(self, at_ms: int) -> None:
        # a machine that counts its own busy time knows better, such as a plug that is heard now and then
        if self._activity is Activity.BUSY and Quantity.BUSY_TIME_MS not in self._machine:
            self._used = add(self._used, {Quantity.BUSY_TIME_MS: at_ms - self._seen_ms})
        self._seen_ms = at_ms

    def busy_before(self, elapsed_ms: int) -> None:
        """Count time in which the machine worked for this session before it began."""
        if Quantity.BUSY_TIME_MS not in self._machine:
            self._used = add(self._used, {Quantity.BUSY_TIME_MS: elapsed_ms})

    def counters(self, at_ms: int) -> dict[Quantity, int]:
        """Return the session's counters at an instant."""
        self._advance(at_ms)
        return {**self._used, Quantity.MACHINE_TIME_MS: at_ms - self._started_ms}

"""What one session has used so far: its own counters, from zero at its start, and their price now."""

from __future__ import annotations

from collections.abc import Sequence

from floor import tariff
from floor.meter import Quantity, Usage, add, difference
from floor.tariff import Charge, Tariff
from floor.words import Activity


class SessionMeter:
    """Meters one session. Times are the caller's monotonic milliseconds; machine counters are cumulative."""

    def __init__(self, started_ms: int, counters: dict[Quantity, int], activity: Activity) -> None:
        self._started_ms = started_ms
        self._seen_ms = started_ms
        self._machine = dict(counters)
        self._activity = activity
        self._used: dict[Quantity, int] = {}

    def activity(self, activity: Activity, at_ms: int) -> None:
        """Take note that the machine began to do something else."""
        self._advance(at_ms)
        self._activity = activity

    def reading(self, counters: dict[Quantity, int]) -> None:
        """Take what the machine's counters show; one that fell was restarted, and its new value counts."""
        self._used = add(self._used, difference(self._machine, counters))
        self._machine = {**self._machine, **counters}

    def _advance(self, at_ms: int) -> None:
        if self._activity is Activity.BUSY:
            self._used = add(self._used, {Quantity.BUSY_TIME_MS: at_ms - self._seen_ms})
        self._seen_ms = at_ms

    def counters(self, at_ms: int) -> dict[Quantity, int]:
        """Return the session's counters at an instant."""
        self._advance(at_ms)
        return {**self._used, Quantity.MACHINE_TIME_MS: at_ms - self._started_ms}


def price_now(
    versions: Sequence[Tariff], tier: str, granted_ms: int, elapsed_ms: int, counters: dict[Quantity, int]
) -> Charge | None:
    """Return what a session would cost if it ended now, by the version in force at its start, or None."""
    try:
        version = tariff.in_force(versions, granted_ms)
    except LookupError:
        return None
    return tariff.price(Usage(granted_ms, granted_ms + elapsed_ms, counters), version, tier)

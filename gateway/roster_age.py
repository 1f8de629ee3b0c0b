"""A roster that grows old: the station says so before it has to refuse everybody, and staff are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floor.policy import DAY_S

if TYPE_CHECKING:
    from gateway.station import Station


def warn_s(max_roster_age_s: int) -> int:
    """Return how many seconds before its end an age is told: a day, at most half of what it may be."""
    return min(DAY_S, max_roster_age_s // 2)


class RosterAge:
    """The age of the roster as one machine's policy sees it; `ages` from the warning on."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._told_ms: int | None = None
        self.ages = False

    def look(self, at_ms: int) -> None:
        """Say on the screen, to Prometheus and, once a day, to staff that everybody will be refused soon."""
        station, roster = self._station, self._station.services.roster
        most_s = station.policy.max_roster_age_s
        left_s = most_s - roster.age_s()
        before, self.ages = self.ages, bool(roster.version) and left_s <= warn_s(most_s)
        station.view.gauges.roster_ages.set(self.ages)
        if not self.ages:
            self._told_ms = None
        elif self._told_ms is None or at_ms - self._told_ms >= DAY_S * 1000:
            self._told_ms = at_ms
            when = f"in {left_s // 60} min" if left_s > 0 else "now"
            station.alarm("roster_ages", f"the server has not been heard: everybody is refused {when}")
        if self.ages is not before:
            station.view.refresh()

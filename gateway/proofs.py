"""Proofs of badges are taken once: what was overheard or copied of a reading opens nothing a second time."""

from __future__ import annotations

from collections.abc import Callable

from floor.access import BadgeStanding
from floor.wire.journal import BadgeProven
from floor.words import BadgeKind
from gateway.journal import Journal
from hardware.events import BadgeTapped


class Proofs:
    """The greatest count of readings that was taken of each badge, at all stations of this gateway.

    Counts become durable with the fact that follows from the tap, in one transaction of the journal.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._counters = journal.counters()
        self._told: set[str] = set()

    def take(
        self,
        tap: BadgeTapped,
        machine: str,
        reference: str,
        badge: BadgeStanding | None,
        alarm: Callable[[str, str], None],
    ) -> BadgeKind:
        """Return what a tap proves: no more than a UID where its reading was taken before, or is older.

        Staff are told once of each badge, until it is read anew. A proof without a count was made for this
        very tap (mutual authentication), and cannot be repeated.
        """
        if tap.counter is None or badge is None or badge.kind is not tap.kind:
            return tap.kind
        known = self._counters.get(reference, -1)
        if tap.counter <= known:
            if reference not in self._told:
                self._told.add(reference)
                words = f"a badge of {badge.member} showed reading {tap.counter} after {known}"
                alarm("badge_replayed", words)
            return BadgeKind.UID_13MHZ
        self._counters[reference] = tap.counter
        self._told.discard(reference)
        self._journal.along(
            BadgeProven(machine=machine, badge=reference, member=badge.member, counter=tap.counter)
        )
        return tap.kind

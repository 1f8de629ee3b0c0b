"""What time alone changes in rosters, looked for with the link or without: a month, a day, reservations."""

from __future__ import annotations

from functools import partial

from booking_api.clock import Clock
from booking_api.db import Database
from booking_api.gateways import bookings
from booking_api.gateways.office import Office
from booking_api.memberships.days import day_of
from booking_api.periods.calendar import month_at


class Turns:
    """Remembers what it looked at last, so that a look costs next to nothing while nothing turns."""

    def __init__(self, database: Database, office: Office, clock: Clock) -> None:
        self._db = database
        self._office = office
        self._clock = clock
        self._seen: dict[str, object] = {}

    async def look(self) -> None:
        """Have gateways told: of a month's whole limits, of who came of age, of what came into sight."""
        now_ms = self._clock.now_ms()
        zone, office = self._db.zone, self._office
        reserved = await self._db.look(partial(bookings.mark, now_ms=now_ms))
        for name, mark, turn in (
            ("month", month_at(now_ms, zone), office.turn_month),
            ("day", day_of(now_ms, zone), office.turn_day),
            ("bookings", reserved, office.turn_bookings),
        ):
            if self._seen.get(name) != mark:
                await self._db.transact(partial(turn, now_ms=now_ms))
                self._seen[name] = mark

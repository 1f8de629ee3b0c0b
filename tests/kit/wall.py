"""A wall clock that tests set."""

from __future__ import annotations

from booking_api.clock import Clock
from tests.kit.server import NOW_MS


class Wall(Clock):
    """Stands still until it is set."""

    at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

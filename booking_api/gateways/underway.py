"""Rosters on their way: a broker that carries less than one drops it, and MQTT 3.1.1 does not say so."""

from __future__ import annotations

import time
from collections.abc import Callable

from floor.wire.roster import RosterVersion

LATE_S = 30.0


class Underway:
    """What was sent to each gateway last, until it says that it holds it."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._sent: dict[str, tuple[RosterVersion, int, float]] = {}

    def sent(self, gateway: str, version: RosterVersion, size: int) -> None:
        """Take that a roster of so many bytes goes to a gateway."""
        self._sent[gateway] = version, size, self._now_s()

    def missing(self, gateway: str, held: RosterVersion | None) -> str:
        """Take what a gateway holds; return what is wrong where it misses a roster for long, else ""."""
        version, size, sent_s = self._sent.get(gateway, (RosterVersion(0, 0), 0, 0.0))
        if held is not None and held >= version:
            self._sent.pop(gateway, None)
        elif version.epoch and self._now_s() - sent_s > LATE_S:
            return (
                f"{gateway} does not hold the roster of {size} bytes that it was sent: is max_packet_size or "
                "message_size_limit of the broker smaller?"
            )
        return ""

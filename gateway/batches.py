"""How much of the journal goes in one message, and how many messages wait for the server.

A broker may carry less than a batch takes, and MQTT 3.1.1 does not say so: the connection ends (Mosquitto's
max_packet_size), or the message is acknowledged and dropped (its message_size_limit). So it is found out.
"""

from __future__ import annotations

from collections import deque

from floor.wire.journal import BATCH_LIMIT

FLYING_MAX = 10
"""So many batches may wait for an acknowledgement; the server keeps 32 of a gateway."""
TRIES = 2
"""Once may be anything: a broker that was ended, or was full."""


class Batches:
    """What is under way. Call `lost` when the first of it did not arrive although the server is there."""

    def __init__(self) -> None:
        self.most = BATCH_LIMIT
        self.stuck = False
        """Whether one entry alone does not arrive."""
        self._flying: deque[tuple[int, int]] = deque()
        self._losses = 0

    @property
    def flying(self) -> bool:
        """Whether the server has not acknowledged all that was sent."""
        return bool(self._flying)

    @property
    def full(self) -> bool:
        """Whether no more may be sent now."""
        return len(self._flying) >= FLYING_MAX

    def again(self) -> None:
        """Take that what is under way is sent again."""
        self._flying.clear()

    def sent(self, first: int, last: int) -> None:
        """Take that a batch of these entries is sent."""
        self._flying.append((last, last - first + 1))

    def arrived(self, seq: int) -> None:
        """Take that the server has all up to an entry, and had not before."""
        self._losses, self.stuck = 0, False
        while self._flying and self._flying[0][0] <= seq:
            self._flying.popleft()

    def lost(self) -> bool:
        """Send less at a time from the second loss in a row on; returns whether that is no help any more."""
        self._losses += 1
        if not self._flying or self._losses % TRIES:
            return False
        entries = self._flying[0][1]
        self.most = max(1, min(self.most, entries) // 4)
        was, self.stuck = self.stuck, entries == 1 and self._losses > TRIES
        return self.stuck and not was

    def grow(self) -> None:
        """Try more at a time: the broker may have been mended, or was not to blame."""
        self.most = min(BATCH_LIMIT, self.most * 4)

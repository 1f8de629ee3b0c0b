"""Reading a badge for the server instead of taking it for a tap: how a new badge is enrolled at a station."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from floor.session_states import Proving, Waiting
from floor.wire.messages import ReadBadge
from hardware.events import BadgeTapped
from hardware.ports import Lamp, Screen, Sound

if TYPE_CHECKING:
    from gateway.station import Station

HOLD = ("Hold the new badge to the reader", "请将新卡靠近读卡器")
"""What the station says meanwhile, in both languages: nobody knows who stands there."""
SAME_BADGE_S = 2.0
"""So long after it was read the same badge is no tap: it is still in somebody's hand at the reader."""
Answer = Callable[[ReadBadge, BadgeTapped], None]


class Reading:
    """At most one reading at a time at one station. Times are those of time.perf_counter, as of taps."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._order: ReadBadge | None = None
        self._answer: Answer | None = None
        self._began_s = 0.0
        self._read: tuple[bytes, float] = (b"", 0.0)

    def waits(self) -> bool:
        """Whether the next badge is read."""
        return self._order is not None and time.perf_counter() < self._began_s + self._order.for_s

    def begin(self, order: ReadBadge, answer: Answer) -> bool:
        """Have the next badge read, and `answer` told of it; returns False while a session runs here."""
        waited_for = isinstance(self._station.state, Proving | Waiting) or self._station.adoption.session_id
        if self._station.session_id is not None or waited_for:
            return False
        self._order, self._answer, self._began_s = order, answer, time.perf_counter()
        self._station.view.refresh()
        return True

    def end(self) -> None:
        """Take the next badge for a tap again."""
        if self._order is not None:
            self._order = self._answer = None
            self._station.view.refresh()

    def tick(self) -> None:
        """Let the time run out."""
        if self._order is not None and not self.waits():
            self.end()

    def takes(self, tap: BadgeTapped, since: float) -> bool:
        """Whether this badge, which came at `since`, was read and is no tap. One that came before is one."""
        uid, until_s = self._read
        if tap.uid == uid and since < until_s:
            return True
        order, answer = self._order, self._answer
        if order is None or answer is None or not self._began_s <= since < self._began_s + order.for_s:
            return False
        self._read = (tap.uid, since + SAME_BADGE_S)
        answer(order, tap)
        self.end()
        return True

    def screen(self, name: str) -> Screen:
        """Return what the panel shows meanwhile."""
        return Screen((name, *HOLD), Lamp.BLUE, Sound.OK, blink=True)

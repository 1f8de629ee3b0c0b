"""Where the server reads time and makes ids: the only room that does."""

import os
import time

from floor.ids import uuid7
from floor.timescale import TimeScale


class Clock:
    """Floor time: real time, or a demonstration's faster one."""

    def __init__(self, scale: TimeScale | None = None) -> None:
        self.scale = scale or TimeScale()

    def now_ms(self) -> int:
        """Return floor time in UTC milliseconds since 1970."""
        return self.scale.at(time.time_ns() // 1_000_000)

    def new_id(self) -> str:
        """Return a new UUIDv7 of floor time."""
        return make_id(self.now_ms())


def make_id(now_ms: int) -> str:
    """Return a new UUIDv7 of an instant in UTC milliseconds."""
    return uuid7(now_ms, os.urandom(10))

"""When what could not be sent is tried again, for how long, and how long it is remembered. Milliseconds."""

from __future__ import annotations

_HOUR_MS = 3_600_000
GIVE_UP_MS = 3 * 24 * _HOUR_MS
"""So long something is tried, and so long a webhook may take nothing before it is paused."""
KEPT_MS = 30 * 24 * _HOUR_MS
"""How long what happened, deliveries and notices are kept once they are told, done or dead."""
_FIRST_DELAY_MS, _DELAY_MAX_MS = 10_000, 6 * _HOUR_MS


def delay_ms(tries: int, chance: float) -> int:
    """Return how long to wait after so many tries; `chance`, from 0 to 1, spreads who failed together."""
    longest = min(_DELAY_MAX_MS, _FIRST_DELAY_MS * 4 ** min(tries, 10))
    return int(longest * (0.75 + chance / 2))

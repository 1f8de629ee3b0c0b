"""What came later than it happened, because its gateway was out of touch: the times are as they were."""

from booking_api.sessions.models import MachineSession

IN_TIME_MS = 10 * 60_000
"""What comes within this is in time: batches are gathered, and clocks differ."""


def late_by_ms(happened_ms: int, received_ms: int | None) -> int:
    """Return how much later than it happened something came, in milliseconds; 0 for what came in time.

    None is what came before this was kept.
    """
    behind_ms = (received_ms or happened_ms) - happened_ms
    return behind_ms if behind_ms > IN_TIME_MS else 0


def session_late_by_ms(used: MachineSession) -> int:
    """Return how much later than its end a session's end came; 0 in time, or while it runs."""
    return late_by_ms(used.ended_ms, used.received_ms) if used.ended_ms is not None else 0

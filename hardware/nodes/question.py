"""What a box in the field asks of the gateway, and until when an answer counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gateway's answer. `shown` is the member's name; the session ends after `max_duration_s`."""

    granted: bool
    shown: str = ""
    max_duration_s: int = 0


class Question:
    """One question; it is answered once, and by whoever comes first: the station, or `expire`.

    Pure: the box is told by `deliver`, which gets the question and the verdict, also one that came too late.
    """

    def __init__(self, uid: bytes, deadline_s: float, deliver: Callable[[Question, Verdict], None]) -> None:
        self.uid = uid
        self.deadline_s = deadline_s
        self.open = True
        self.when_closed: Callable[[], None] = lambda: None
        self._deliver = deliver

    def answer(self, verdict: Verdict) -> None:
        """Tell the box; after the question was closed, `deliver` is told all the same and finds it closed."""
        self._deliver(self, verdict)
        self.close()

    def close(self) -> None:
        """Take no answer any more."""
        self.open = False
        self.when_closed()

    def expire(self, at_s: float) -> None:
        """Refuse once the deadline is past: no answer would let some boxes decide by themselves."""
        if self.open and at_s >= self.deadline_s:
            self.answer(Verdict(granted=False))

"""Slows down whoever guesses passwords. Pure: the caller brings the time; what it remembers is bounded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Throttle:
    """At most `tries` failures of one key in `window_s`; remembers `remembered` keys, the latest ones."""

    tries: int = 8
    window_s: float = 300.0
    remembered: int = 10_000
    _failures: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def wait_s(self, key: str, now_s: float) -> float:
        """Return how long the key has to wait, 0 when it may try. `now_s` is monotonic."""
        recent = [at for at in self._failures.get(key, ()) if now_s - at < self.window_s]
        if len(recent) < self.tries:
            return 0.0
        return recent[-self.tries] + self.window_s - now_s

    def failed(self, key: str, now_s: float) -> None:
        """Count a failure."""
        recent = [at for at in self._failures.pop(key, ()) if now_s - at < self.window_s]
        self._failures[key] = [*recent, now_s][-self.tries :]
        if len(self._failures) > self.remembered:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

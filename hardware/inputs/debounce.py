"""A contact's bounces taken out of its samples."""


class Debounce:
    """Samples in, the settled level out. Times are seconds of a monotonic clock.

    A change counts once it was first seen `steady_s` ago and is seen again. It is forgotten only after the
    old level held for as long, so that a loose contact that chatters counts as changed, and one disturbed
    sample does not.
    """

    def __init__(self, level: bool, steady_s: float) -> None:
        self.level = level
        self._steady_s = steady_s
        self._changing_since_s: float | None = None
        self._last_change_s = 0.0

    def sample(self, level: bool, at_s: float) -> bool:
        """Take a sample; returns whether the settled level changed by it."""
        if level == self.level:
            if at_s - self._last_change_s >= self._steady_s:
                self._changing_since_s = None
            return False
        self._last_change_s = at_s
        if self._changing_since_s is None:
            self._changing_since_s = at_s
        if at_s - self._changing_since_s < self._steady_s:
            return False
        self.level, self._changing_since_s = level, None
        return True

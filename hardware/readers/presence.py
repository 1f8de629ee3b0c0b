"""A reader repeats itself while a badge lies in its field: make of that one tap and one removal."""

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped


class Presence:
    """Which badge is in the field. Pure: the time (ms, monotonic) comes with each call.

    A badge is gone when `silent` is called `removal_ms` (> 0) after its last frame, or when another is seen.
    A frame alone never ends it, however late: the caller may have been slow to read what came in time.
    """

    def __init__(self, kind: BadgeKind, removal_ms: int) -> None:
        if removal_ms <= 0:
            raise ValueError(f"removal_ms is above zero, not {removal_ms}")
        self._kind = kind
        self._removal_ms = removal_ms
        self._uid: bytes | None = None
        self._seen_ms = 0

    @property
    def uid(self) -> bytes | None:
        """The badge that counts as present; None while the field is empty."""
        return self._uid

    @property
    def removal_ms(self) -> int:
        """How long a badge must be missed until it is gone."""
        return self._removal_ms

    @property
    def due_ms(self) -> int | None:
        """When the badge will count as removed; None while the field is empty."""
        return None if self._uid is None else self._seen_ms + self._removal_ms

    def seen(
        self, uid: bytes, at_ms: int, kind: BadgeKind | None = None, counter: int | None = None
    ) -> list[BadgeTapped | BadgeRemoved]:
        """Note a frame; another badge than before replaces it. `kind` and `counter` are what it proved."""
        events: list[BadgeTapped | BadgeRemoved] = []
        if uid != self._uid:
            if self._uid is not None:
                events.append(BadgeRemoved(self._uid))
            events.append(BadgeTapped(uid, kind or self._kind, counter))
        self._uid, self._seen_ms = uid, at_ms
        return events

    def silent(self, at_ms: int) -> list[BadgeRemoved]:
        """Note that nothing more has come up to now."""
        if self._uid is None or at_ms - self._seen_ms < self._removal_ms:
            return []
        gone, self._uid = self._uid, None
        return [BadgeRemoved(gone)]

    def resume(self, at_ms: int) -> None:
        """Count silence afresh, as the reader was away: a badge that still lies there is no new tap."""
        self._seen_ms = at_ms

"""What members used at this gateway's machines since the roster was written: limits on use count it too."""

from __future__ import annotations

from dataclasses import dataclass

from floor.access import Lease
from floor.reservation.terms import Use
from floor.words import Purpose

USES_MAX = 5_000
"""So many are remembered: a gateway that is alone for weeks forgets the oldest."""


@dataclass(slots=True, eq=False)
class _Used:
    """A session; `ends_ms` is 0 while it runs, `at` the place in the journal (epoch, number) of its end."""

    member: str
    machine: str
    begins_ms: int
    ends_ms: int = 0
    at: tuple[int, int] = (0, 0)
    walk_in: bool = True


class Uses:
    """Sessions that began here, by id, until a roster knows of their end (see gateway.credit)."""

    def __init__(self) -> None:
        self._used: dict[str, _Used] = {}

    def began(self, lease: Lease) -> None:
        """Take note of a session; one that is known already stays as it is."""
        if lease.purpose is not Purpose.USE or lease.session_id in self._used:
            return
        if len(self._used) >= USES_MAX:
            del self._used[next(iter(self._used))]
        self._used[lease.session_id] = _Used(lease.member, lease.machine, lease.granted_ms)

    def reserved(self, session_id: str) -> None:
        """Take note that a session was in its member's own reservation."""
        if used := self._used.get(session_id):
            used.walk_in = False

    def ended(self, session_id: str, ends_ms: int, at: tuple[int, int]) -> None:
        """Take note of a session's end (UTC milliseconds), which the entry at `at` tells the server."""
        if used := self._used.get(session_id):
            used.ends_ms, used.at = ends_ms, at

    def roster_came(self, epoch: int, seq: int, *, all_known: bool) -> None:
        """Forget what the roster counts; see gateway.credit."""
        for session_id, used in list(self._used.items()):
            known = all_known or (used.at[0] == epoch and used.at[1] <= seq)
            if used.ends_ms and known:
                del self._used[session_id]

    def of(self, member: str, now_ms: int) -> list[Use]:
        """Return a member's, each that runs up to now."""
        return [
            Use(one.machine, one.begins_ms, one.ends_ms or max(now_ms, one.begins_ms), one.walk_in)
            for one in self._used.values()
            if one.member == member
        ]

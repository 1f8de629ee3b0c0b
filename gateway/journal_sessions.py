"""Sessions as the journal of a process that stopped tells them: what the next process must know of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from floor.access import Lease
from floor.wire.journal import (
    AccountChosen,
    HoldRaised,
    JournalEntry,
    SessionEnded,
    SessionHeld,
    SessionMetered,
    SessionStarted,
)
from gateway.metering import Mark

Place = tuple[int, int]
"""Where an entry stands: epoch and number."""


@dataclass(slots=True)
class SessionRecord:
    """One session. `holds` are parts of its limit, from one amount (micro-units) to another.

    `boot_id` and what is beside it tell when its last checkpoint was, `job` what ran then; `held`: its member
    had left.
    """

    started: SessionStarted
    started_ms: int
    account: str = ""
    limit_micro: int | None = None
    holds: list[tuple[tuple[int, int], Place]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    ended: SessionEnded | None = None
    ended_at: Place = (0, 0)
    held: bool = False
    job: str = ""
    boot_id: str = ""
    seen_monotonic_ms: int = 0
    seen_ms: int = 0
    clock_error_ms: int | None = None

    @classmethod
    def of(cls, started: SessionStarted, entry: JournalEntry) -> SessionRecord:
        """Return a session as its start tells it."""
        record = cls(started, entry.recorded_ms)
        record._seen(entry)
        return record

    def _seen(self, entry: JournalEntry) -> None:
        self.boot_id, self.clock_error_ms = entry.boot_id, entry.clock_error_ms
        self.seen_monotonic_ms, self.seen_ms = entry.monotonic_ms, entry.recorded_ms

    @property
    def lease(self) -> Lease:
        """The lease as far as the journal has it."""
        fact = self.started
        return Lease(
            session_id=fact.session_id,
            machine=fact.machine,
            member=fact.member,
            account=self.account,
            badge=fact.badge,
            tier=fact.tier,
            shown="",
            granted_ms=self.started_ms,
            max_duration_s=fact.max_duration_s,
            limit_micro=self.limit_micro,
            purpose=fact.purpose,
            supervisor=fact.supervisor,
        )

    def pays(self, account: str, limit_micro: int | None, place: Place) -> None:
        """Take that an account pays from the first micro-unit on."""
        self.account, self.limit_micro = account, limit_micro
        self.holds = [((0, limit_micro), place)] if limit_micro else []

    def take(self, entry: JournalEntry, place: Place) -> None:
        """Take what is told of it while it runs; what is told again changes nothing."""
        match entry.fact:
            case SessionMetered(elapsed_ms=elapsed_ms, counters=counters, job=job):
                if not self.marks or elapsed_ms > self.marks[-1].elapsed_ms:
                    self.marks.append(Mark(elapsed_ms, counters))
                if elapsed_ms == self.marks[-1].elapsed_ms:
                    self.job = job
                    self._seen(entry)
            case SessionHeld():
                self.held = True
            case AccountChosen(account=account, limit_micro=limit_micro):
                self.pays(account, limit_micro, place)
            case HoldRaised(limit_micro=None):
                self.limit_micro, self.holds = None, []
            case HoldRaised(limit_micro=int(limit)) if limit > (self.limit_micro or 0):
                self.holds.append(((self.limit_micro or 0, limit), place))
                self.limit_micro = limit

    def end(self, ended: SessionEnded, place: Place) -> SessionRecord:
        """Take its end."""
        self.ended, self.ended_at = ended, place
        return self

"""What a station's machine says of itself: what it does, its counters, the job that runs on it."""

from __future__ import annotations

import logging

from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobRefused,
    JobStarted,
    ReadingTaken,
)
from floor import session_events
from floor.meter import Counters, Quantity, difference
from floor.wire.journal import AlarmRaised, Fact, JobFinished
from floor.words import Activity, StopType
from gateway.metering import SessionMeter
from hardware.events import PowerGone

log = logging.getLogger(__name__)
Heard = tuple[list[Fact], session_events.Event | None]


class MachineSide:
    """The machine as far as it is heard of. Times are monotonic milliseconds."""

    def __init__(self, machine: str, *, has_driver: bool) -> None:
        self._machine = machine
        self.activity = Activity.UNREACHABLE if has_driver else Activity.IDLE
        self.words = ""
        self.job: JobStarted | None = None
        self.progress: tuple[float | None, int | None] = (None, None)
        self.meter: SessionMeter | None = None
        self._counters: dict[Quantity, int] = {}
        self._at_job_start: Counters = {}
        self._busy_ms = self._busy_at_job_ms = self._turned_ms = 0
        self.known = False

    @property
    def reachable(self) -> bool:
        """Whether the machine answers, where something can tell."""
        return self.activity is not Activity.UNREACHABLE

    @property
    def counters(self) -> Counters:
        """What the machine's own counters show, whoever uses it; empty while it has said nothing."""
        return self._counters

    def measure(self, at_ms: int, *, whole_job: bool = False) -> None:
        """Begin to meter a session; with the `whole_job` that runs, what it has used before counts too."""
        self.meter = SessionMeter(at_ms, self._at_job_start if whole_job else self._counters, self.activity)
        if whole_job:
            self.meter.reading(self._counters)
            self.meter.busy_before(self._counted_ms(at_ms) - self._busy_at_job_ms)

    def resume(self, since_ms: int, at_ms: int, used: Counters) -> None:
        """Go on metering a session that another process began; what it used unseen is only its time."""
        self.meter = SessionMeter(since_ms, self._counters, self.activity, used=used, seen_ms=at_ms)

    def used(self, at_ms: int) -> dict[Quantity, int]:
        """Return what the session that is metered has used; nothing where none is."""
        return self.meter.counters(at_ms) if self.meter else {}

    def hear(self, event: object, at_ms: int, session_id: str | None) -> Heard:
        """Take what the machine says; return what is to be recorded, and what it means for a session."""
        match event:
            case ActivityChanged(activity, words):
                return self._turn_to(activity, words, at_ms)
            case JobStarted():
                self.job, self._at_job_start = event, dict(self._counters)
                self._busy_at_job_ms = self._counted_ms(at_ms)
                return self._alone(event, session_id), session_events.JobChanged(True, at_ms)
            case JobEnded():
                return [self._finish(event, session_id)], session_events.JobChanged(False, at_ms)
            case JobProgressed(_, fraction, left_s):
                self.progress = (fraction, left_s)
            case ReadingTaken(counters):
                self._know_busy_time(counters, at_ms)
                self._counters = {**self._counters, **counters}
                if self.meter:
                    self.meter.reading(self._counters)
            case PowerGone(stop_type):
                return [], session_events.Stopped(stop_type, at_ms)
            case JobRefused(words):
                alarm = AlarmRaised(machine=self._machine, code="job_refused", words=words[:400])
                return [alarm], None
            case Identified(name, firmware):
                log.info("%s is %s, %s", self._machine, name, firmware)
        return [], None

    def _counted_ms(self, at_ms: int) -> int:
        """Return for how long the machine was busy as far as the gateway itself saw, since it runs."""
        return self._busy_ms + (at_ms - self._turned_ms if self.activity is Activity.BUSY else 0)

    def _know_busy_time(self, counters: Counters, at_ms: int) -> None:
        """Where the machine shows its own busy time for the first time, take what was counted here off it.

        Whoever used it until now has that on their session: it is not billed a second time.
        """
        shown = counters.get(Quantity.BUSY_TIME_MS)
        if shown is None or Quantity.BUSY_TIME_MS in self._counters:
            return
        counted = min(shown, self._counted_ms(at_ms))
        if self.meter:
            self.meter.busy_until(at_ms, counted)
        self._counters[Quantity.BUSY_TIME_MS] = counted
        if self.job:
            at_job = {Quantity.BUSY_TIME_MS: min(shown, self._busy_at_job_ms)}
            self._at_job_start = {**self._at_job_start, **at_job}

    def _turn_to(self, activity: Activity, words: str, at_ms: int) -> Heard:
        self.known = self.known or activity is Activity.IDLE
        lost = activity is Activity.UNREACHABLE and self.activity is not activity
        self._busy_ms, self._turned_ms = self._counted_ms(at_ms), at_ms
        self.activity, self.words = activity, words
        if self.meter:
            self.meter.activity(activity, at_ms)
        said = words[:400]
        facts: list[Fact] = (
            [AlarmRaised(machine=self._machine, code="machine_unreachable", words=said)] if lost else []
        )
        if activity is Activity.UNREACHABLE:
            return facts, None  # a lost line is no sign of idleness: what ran may run on
        if activity is Activity.FAULTED:
            return facts, session_events.Faulted(
                StopType.FAULT, words or "The machine reports a fault", at_ms
            )
        return facts, session_events.BusyChanged(activity is Activity.BUSY, at_ms)

    def _alone(self, job: JobStarted, session_id: str | None) -> list[Fact]:
        if session_id is not None:
            return []
        return [AlarmRaised(machine=self._machine, code="job_without_session", words=job.name[:400])]

    def _finish(self, ended: JobEnded, session_id: str | None) -> JobFinished:
        job, self.job = self.job, None
        self.progress = (None, None)
        return JobFinished(
            session_id=session_id,
            machine=self._machine,
            name=(job.name if job else "")[:400],
            outcome=ended.outcome,
            job_time_ms=max(0, ended.job_time_ms),
            counters=difference(self._at_job_start, self._counters),
            user=((job.user if job else None) or "")[:400],
        )

"""The life of the jobs of one PrusaLink: facts in, machine events out. Pure; the driver reads the files.

Time is that in which polls saw the printer print, and never less than PrusaLink's `time_printing`: 0.8.1
renews that with every hundredth command, and by the minute for prints from the card, so that it stands still
for long; but it tells of starts and gaps that no poll saw. What it jumps by more than went by was somebody
setting the machine's clock, and is not counted; nor is more than went by since the job can have begun.
After a power panic the printer may go on with the job that broke off, under its number: it counts from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.events import (
    ActivityChanged,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    ReadingTaken,
)
from firmware_bridge.gauges import Gauge
from firmware_bridge.prusalink.filament import Used
from firmware_bridge.prusalink.parser import AT_JOB, JobFile, JobShown, Status
from floor.meter import Quantity
from floor.words import JobOutcome

SLACK_MS = 15_000
HALF_MS = 500
STALE_FRACTION = 0.05

OUTCOMES = {
    "FINISHED": JobOutcome.DONE,
    "STOPPED": JobOutcome.CANCELLED,
    "ERROR": JobOutcome.FAILED,
}


@dataclass(slots=True)
class JobTime:
    """The time of one job, in ms; `at_s` is a monotonic clock.

    `shown_ms` is what the machine showed last; None for a job that was joined, until it shows something.
    """

    at_s: float
    gap_s: float
    shown_ms: int | None
    earlier_ms: int = 0
    counted_ms: int = 0
    _machine_ms: float = 0.0
    _began_at_s: float = 0.0
    _shown_at_s: float = 0.0
    _printing: bool = False

    def __post_init__(self) -> None:
        self._began_at_s = self._shown_at_s = self.at_s

    def take(self, shown_s: int | None, printing: bool, at_s: float) -> None:
        """Take a poll. Two that are more than `gap_s` apart prove nothing between them but what is shown."""
        passed_s, self.at_s = max(0.0, at_s - self.at_s), at_s
        if printing and self._printing and passed_s <= self.gap_s:
            self.counted_ms += round(passed_s * 1000)
        self._printing = printing
        if shown_s is not None and shown_s * 1000 != self.shown_ms:
            self._shown(shown_s * 1000, at_s)

    def end(self, at_s: float) -> None:
        """The job was over by now: of the time since the last poll, half is its own, HALF_MS at most."""
        passed_s = max(0.0, at_s - self.at_s)
        if self._printing and passed_s <= self.gap_s:
            self.counted_ms += min(HALF_MS, round(passed_s * 500))

    def _shown(self, shown_ms: int, at_s: float) -> None:
        before, self.shown_ms = self.shown_ms, shown_ms
        passed_ms, self._shown_at_s = (at_s - self._shown_at_s) * 1000, at_s
        if before is None:
            self.earlier_ms = max(0, shown_ms - self.counted_ms)
        elif 0 < shown_ms - before <= passed_ms + SLACK_MS:
            self._machine_ms += min(shown_ms - before, passed_ms + 1000)
            most_ms = (at_s - self._began_at_s) * 1000
            self.counted_ms = max(self.counted_ms, round(min(self._machine_ms, most_ms)))
            return
        self._machine_ms = self.counted_ms


@dataclass(slots=True)
class Job:
    """The running job. The driver fills in `file` and `used`, what was asked for, when it has read them.

    `broke_off` is the progress of a job of the same number that broke off: this one may go on with it, and
    then was counted as a job already (`goes_on`).
    """

    job_id: str
    number: int
    time: JobTime
    joined: bool
    broke_off: float = 0.0
    goes_on: bool = False
    asked: int = 0
    file: JobFile | None = None
    used: Used | None = None
    fraction: float = 0.0
    joined_fraction: float = 0.0
    _first: float | None = field(default=None)

    def progress(self, fraction: float | None) -> None:
        """Take the progress that the printer shows; at first it may still be that of the job before."""
        if fraction is None or (self.broke_off and not fraction):
            return
        if self._first is None:
            self._first = fraction
            self.goes_on = 0 < self.broke_off <= fraction
            self.joined = self.joined or self.goes_on
            if self.joined:
                self.joined_fraction = self.fraction = fraction
        if not self.joined and fraction == self._first and fraction > STALE_FRACTION:
            return
        self._first = -1.0
        self.fraction = max(self.fraction, fraction)


class Tracker:
    """Follows one PrusaLink over connections. `job` is the one that runs.

    `run` makes ids of jobs unique over restarts; polls are at most `gap_s` apart.
    """

    def __init__(self, run: str, gap_s: float) -> None:
        self.job: Job | None = None
        self.gauges: tuple[Gauge, ...] = ()
        self._run = run
        self._gap_s = gap_s
        self._count = 0
        self._idle_at_s: float | None = None
        self._broke_off: Job | None = None
        self._gap = False
        self._said: ActivityChanged | None = None
        self._done = dict.fromkeys(
            (Quantity.JOB_TIME_MS, Quantity.FILAMENT_UM, Quantity.FILAMENT_MG, Quantity.JOBS), 0
        )

    def lost(self) -> None:
        """Forget what was said: after a lost connection the next status speaks anew."""
        self._said, self._gap, self.gauges = None, True, ()

    def ends_job(self, now: Status) -> bool:
        """Whether this status ends the running job: its file is to be read before it is received."""
        return self.job is not None and (not now.at_job or self._another(self.job, now.job))

    def receive(self, now: Status, at_s: float) -> list[MachineEvent]:
        """Take one status, at a monotonic time, and return what follows from it."""
        events: list[MachineEvent] = []
        self.gauges = now.heat
        if self.job and self.ends_job(now):
            events += self._end(now, at_s)
        if now.at_job and now.job is not None:
            events += self._progress(now, now.job, at_s)
        elif now.state not in AT_JOB:
            self._idle_at_s = at_s
        said = ActivityChanged(now.activity, now.words)
        if said != self._said:
            self._said = said
            events.append(said)
        self._gap = False
        return events

    def named(self, file: JobFile) -> list[MachineEvent]:
        """Take the name of the running job: now it is said to have started."""
        job = self.job
        if job is None or job.file is not None or job.number != file.number:
            return []
        job.file = file
        return [JobStarted(job.job_id, file.name, None), self.reading()]

    def reading(self) -> ReadingTaken:
        """Return the counters as they stand."""
        counters = dict(self._done)
        for name, amount in self._used().items():
            counters[name] += amount
        return ReadingTaken(counters)

    @staticmethod
    def _another(job: Job, shown: JobShown | None) -> bool:
        return shown is not None and shown.number != job.number

    def _progress(self, now: Status, shown: JobShown, at_s: float) -> list[MachineEvent]:
        if self.job is None:
            self._count += 1
            # a job that was not there at the poll before began since; any other was joined on its way
            since_s, joined = self._idle_at_s, self._idle_at_s is None
            same = self._broke_off if self._broke_off and self._broke_off.number == shown.number else None
            shown_ms = None if joined or same else 0
            time = JobTime(at_s if since_s is None else since_s, self._gap_s, shown_ms)
            job_id = f"{shown.number}-{self._run}-{self._count}"
            self.job = Job(job_id, shown.number, time, joined, same.fraction if same else 0.0)
            self._idle_at_s = self._broke_off = None
        job = self.job
        job.time.take(shown.time_s, now.state == "PRINTING", at_s)
        job.progress(shown.fraction)
        if job.file is None:
            return []
        return [JobProgressed(job.job_id, job.fraction, shown.left_s), self.reading()]

    def _used(self) -> dict[Quantity, int]:
        job = self.job
        if job is None:
            return {}
        used = {Quantity.JOB_TIME_MS: job.time.counted_ms}
        if job.used is not None:
            um = max(0, job.used.upto_um(job.fraction) - job.used.upto_um(job.joined_fraction))
            used |= {Quantity.FILAMENT_UM: um, Quantity.FILAMENT_MG: job.used.mg(um)}
        return used

    def _end(self, now: Status, at_s: float) -> list[MachineEvent]:
        job = self.job
        assert job is not None
        outcome = OUTCOMES.get(now.state, JobOutcome.UNKNOWN)
        if self._another(job, now.job):
            outcome = JobOutcome.UNKNOWN
        words = now.words
        if outcome is JobOutcome.UNKNOWN:
            words = "its end was not seen"
        elif self._gap:
            words = f"{words}, while there was no connection"
        if not self._gap:
            job.time.end(at_s)
        if outcome is JobOutcome.DONE:
            job.fraction = 1.0
        if job.used is not None:
            words = f"{words}; filament from {job.used.how}"
        named = [] if job.file else [JobStarted(job.job_id, f"job {job.number}", None)]
        for name, amount in self._used().items():
            self._done[name] += amount
        self._done[Quantity.JOBS] += not job.goes_on
        self._broke_off = job if outcome in (JobOutcome.FAILED, JobOutcome.UNKNOWN) else None
        # what runs next began after this one was last seen
        self.job, self._idle_at_s = None, job.time.at_s
        time_ms = job.time.earlier_ms + job.time.counted_ms
        return [*named, self.reading(), JobEnded(job.job_id, outcome, time_ms, words)]

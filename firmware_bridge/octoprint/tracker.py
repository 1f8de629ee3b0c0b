"""The life of the jobs of one OctoPrint: facts in, machine events out. Pure; the driver reads the G-code.

Time is OctoPrint's (`PrintDone.time`, live `printTime`), filament is the G-code's up to the byte that
OctoPrint has sent (`fileposition`, live `filepos`): a job that ends early costs what was extruded until then.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    Noise,
    ReadingTaken,
)
from firmware_bridge.gauges import Gauge
from firmware_bridge.octoprint.parser import (
    Fact,
    FirmwareNamed,
    PrintEvent,
    PrintStage,
    ServerNamed,
    Snapshot,
)
from floor.gcode import FilamentUse
from floor.meter import Quantity
from floor.words import JobOutcome

# OctoPrint tells the end of a print from a thread of its own: idle snapshots may overtake it
END_PATIENCE = 6
# and a snapshot of a new job may overtake its PrintStarted
OVERTAKEN_MS = 2000
WHOLE_FILE = 1 << 62

OUTCOMES = {
    PrintStage.DONE: JobOutcome.DONE,
    PrintStage.FAILED: JobOutcome.FAILED,
    PrintStage.CANCELLED: JobOutcome.CANCELLED,
}


@dataclass(slots=True)
class Job:
    """The running job. `joined_*` is what it had used before this driver first saw it."""

    job_id: str
    path: str
    origin: str | None
    announced: bool
    time_ms: int = 0
    filepos: int = 0
    joined_ms: int = 0
    joined_filepos: int = 0
    use: FilamentUse | None = None
    idle_seen: int = 0


class Tracker:
    """Follows one OctoPrint over connections. `job` is the one that runs; the driver fills in its `use`."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.gauges: tuple[Gauge, ...] = ()
        self._server = "OctoPrint"
        self._at_ms = 0
        self._count = 0
        self._known = False
        self._stale = False
        self._said: ActivityChanged | None = None
        self._done = {
            Quantity.JOB_TIME_MS: 0,
            Quantity.FILAMENT_UM: 0,
            Quantity.FILAMENT_MG: 0,
            Quantity.JOBS: 0,
        }

    def lost(self) -> None:
        """Forget what was said: after a lost connection the next snapshot speaks anew."""
        self._said, self.gauges = None, ()

    def may_end_job(self, fact: Fact) -> bool:
        """Whether the driver is to have read the running job's G-code before this fact is received."""
        if self.job is None or not isinstance(fact, Snapshot):
            return self.job is not None and isinstance(fact, PrintEvent)
        return not fact.printing or self._another(self.job, fact)

    def receive(self, fact: Fact) -> list[MachineEvent]:
        """Take one fact and return what follows from it."""
        match fact:
            case Snapshot():
                return self._snapshot(fact)
            case PrintEvent(stage=PrintStage.STARTED):
                return self._started(fact)
            case PrintEvent():
                return self._ended(fact)
            case ServerNamed(version):
                self._server = f"OctoPrint {version}"
                return [Identified(self._server, "")]
            case FirmwareNamed(name):
                return [Identified(self._server, name)]
            case Noise():
                return [fact]
        return []

    def reading(self) -> ReadingTaken:
        """Return the counters as they stand."""
        counters = dict(self._done)
        for name, amount in self._used().items():
            counters[name] += amount
        return ReadingTaken(counters)

    def _used(self) -> dict[Quantity, int]:
        job = self.job
        if job is None:
            return {}
        used = {Quantity.JOB_TIME_MS: max(0, job.time_ms - job.joined_ms)}
        if job.use is not None:
            um = max(0, job.use.upto_um(job.filepos) - job.use.upto_um(job.joined_filepos))
            used |= {Quantity.FILAMENT_UM: um, Quantity.FILAMENT_MG: job.use.mg(um)}
        return used

    def _snapshot(self, now: Snapshot) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        first, self._known = not self._known, True
        self._at_ms = now.at_ms or self._at_ms
        self.gauges = self.gauges if now.heat is None else now.heat
        said = ActivityChanged(now.activity, now.words)
        if said != self._said:
            self._said = said
            events.append(said)
        if now.fresh or not now.printing:
            self._stale = False
        if not now.printing:
            return events + self._not_printing(now)
        if self._stale:  # held back by OctoPrint's rate limit since before the job ended
            return events
        if self.job is not None and self._another(self.job, now):
            events += self._abandon()
        joins = first and self.job is None
        if self.job is None:
            events += self._begin(now)
        job = self.job
        assert job is not None
        self._advance(job, now)
        if joins:
            job.joined_ms, job.joined_filepos = job.time_ms, job.filepos
        fraction = min(1.0, (now.completion or 0.0) / 100)
        return [*events, JobProgressed(job.job_id, fraction, now.left_s), self.reading()]

    @staticmethod
    def _another(job: Job, now: Snapshot) -> bool:
        # within a connection the events say so; over a gap only another file or a time that fell tells
        fell = now.time_s is not None and now.time_s * 1000 + 1000 < job.time_ms
        return now.fresh and (now.path != job.path or fell)

    @staticmethod
    def _advance(job: Job, now: Snapshot) -> None:
        job.idle_seen = 0
        # a late snapshot of another stage shows less: what was used stays used
        job.time_ms = max(job.time_ms, round((now.time_s or 0) * 1000))
        job.filepos = max(job.filepos, now.filepos or 0)

    def _not_printing(self, now: Snapshot) -> list[MachineEvent]:
        job = self.job
        if job is None:
            return []
        job.idle_seen += 1
        if not now.fresh and job.idle_seen < END_PATIENCE:
            return []
        if now.path == job.path and now.completion == 100.0:
            self._advance(job, now)
            job.filepos = WHOLE_FILE
            return self._end(JobOutcome.DONE, "it ended while there was no connection")
        return self._abandon()

    def _started(self, fact: PrintEvent) -> list[MachineEvent]:
        self._stale = False
        job = self.job
        if job and not job.announced and job.path == fact.path and job.time_ms < OVERTAKEN_MS:
            job.announced = True
            return []
        return [*self._abandon(), *self._begin(fact)]

    def _begin(self, seen: Snapshot | PrintEvent) -> list[MachineEvent]:
        assert seen.path is not None
        self._count += 1
        job_id = f"{seen.path}@{self._at_ms}-{self._count}"
        self.job = Job(job_id, seen.path, seen.origin, isinstance(seen, PrintEvent))
        return [JobStarted(job_id, seen.path.rpartition("/")[2], seen.user)]

    def _ended(self, fact: PrintEvent) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        if self.job is None or self.job.path != fact.path:
            return events  # PrintFailed follows each PrintCancelled
        job = self.job
        job.time_ms = max(job.time_ms, round((fact.time_s or 0) * 1000))
        if fact.stage is PrintStage.DONE:
            job.filepos = WHOLE_FILE
        elif fact.filepos is not None:
            job.filepos = max(job.filepos, fact.filepos)
        elif fact.progress is not None:
            job.filepos = max(job.filepos, round(fact.progress * (fact.size or 0)))
        return self._end(OUTCOMES[fact.stage], fact.words)

    def _abandon(self) -> list[MachineEvent]:
        return self._end(JobOutcome.UNKNOWN, "its end was not seen") if self.job else []

    def _end(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        job = self.job
        assert job is not None
        for name, amount in self._used().items():
            self._done[name] += amount
        self._done[Quantity.JOBS] += 1
        self.job, self._stale = None, True
        return [self.reading(), JobEnded(job.job_id, outcome, job.time_ms, words)]

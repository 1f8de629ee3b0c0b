"""The one job of a Marlin that may run, its meters, and what is said of it. Pure; facts: tracker.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, MachineEvent, ReadingTaken
from firmware_bridge.marlin.meter import PrintTimer, Spool, Stopwatch
from floor.gcode import Filament
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

READING_S = 1.0
CARD_GAP_S = 15.0
BUSY_GAP_S = 10.0


@dataclass(slots=True)
class Job:
    """One print, from the card or of a host. `proof_s` is when it was last seen at work."""

    job_id: str
    card: bool
    watch: Stopwatch
    proof_s: float
    used_um: int
    timer: PrintTimer = field(default_factory=PrintTimer)
    held: str = ""
    doubts: int = 0
    unseen: bool = False
    host_left: bool = False
    over: bool = False
    error: str = ""
    at: int = 0
    size: int = 0


class Jobs:
    """Begins, meters, holds and ends jobs, one at a time. `new_id` makes ids; times are monotonic seconds."""

    def __init__(self, new_id: Callable[[], str], filament: Filament) -> None:
        self._new_id = new_id
        self._job: Job | None = None
        self._done_s, self._jobs = 0.0, 0
        self._spool = Spool(filament)
        self._busy = Stopwatch(BUSY_GAP_S)
        self._cancelled = False
        self._said: ActivityChanged | None = None
        self._read_at_s = float("-inf")

    @property
    def job(self) -> str:
        """What runs: `card`, `host` or nothing."""
        return "" if self._job is None else "card" if self._job.card else "host"

    @property
    def held(self) -> bool:
        """Whether the job is on hold."""
        return self._job is not None and bool(self._job.held)

    def reading(self) -> ReadingTaken:
        """Return the counters as they stand."""
        time_ms = int((self._done_s + (self._job.watch.total_s if self._job else 0.0)) * 1000)
        return ReadingTaken(
            {
                Quantity.JOB_TIME_MS: time_ms,
                Quantity.BUSY_TIME_MS: time_ms + int(self._busy.total_s * 1000),
                Quantity.FILAMENT_UM: self._spool.used_um,
                Quantity.FILAMENT_MG: self._spool.used_mg,
                Quantity.JOBS: self._jobs,
            }
        )

    def hold(self, words: str) -> list[MachineEvent]:
        """Take note that the job was put on hold."""
        if self._job is None or self._job.held:
            return []
        self._job.held = words
        self._job.watch.rest()
        return [self.reading(), *self._say(Activity.HELD, words)]

    def resume(self, at_s: float) -> list[MachineEvent]:
        """Take note that the job goes on."""
        if self._job is None or not self._job.held:
            return []
        self._job.held, self._job.doubts = "", 0
        self._work(self._job, at_s)
        return self._say(Activity.BUSY, "prints")

    def cancel_asked(self) -> None:
        """Take note that the print from the card was told to stop."""
        self._cancelled = True

    def _work(self, job: Job, at_s: float) -> None:
        if not job.held:
            job.timer.gap |= job.card and at_s - job.proof_s > CARD_GAP_S
            job.watch.prove(at_s)
        job.proof_s = at_s

    def _begin(self, card: bool, name: str, at_s: float) -> list[MachineEvent]:
        watch = Stopwatch(CARD_GAP_S if card else float("inf"))
        self._job = Job(self._new_id(), card, watch, at_s, self._spool.used_um)
        self._cancelled = False
        watch.prove(at_s)
        return [JobStarted(self._job.job_id, name, None), *self._say(Activity.BUSY, "prints")]

    def _end(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        job, self._job, self._cancelled = self._job, None, False
        if job is None:
            return []
        self._done_s += job.watch.total_s
        self._busy.rest()
        if job.card or self._spool.used_um > job.used_um:  # moves by hand are no job to pay for
            self._jobs += 1
        return [self.reading(), JobEnded(job.job_id, outcome, int(job.watch.total_s * 1000), words)]

    def _over(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        return [*self._end(outcome, words), *self._say(Activity.IDLE, "")]

    def _say(self, activity: Activity, words: str) -> list[MachineEvent]:
        said = ActivityChanged(activity, words)
        if said == self._said:
            return []
        self._said = said
        return [said]

    def _progress(self, at_s: float) -> list[MachineEvent]:
        if at_s - self._read_at_s < READING_S:
            return []
        self._read_at_s = at_s
        return [self.reading()]

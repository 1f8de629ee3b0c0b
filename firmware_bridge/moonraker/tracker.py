"""The life of the jobs of one Klipper behind Moonraker: facts in, machine events out. Pure.

Klipper's print_stats say when a job runs and what it used, by Klipper's monotonic clock; Moonraker's history
says whose it is and, after a gap, how it ended. Time is `print_duration`: pauses, and what was before the
first extrusion, are not in it. Filament is the highest that `filament_used` came to, which is net.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from firmware_bridge.events import (
    ActivityChanged,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    Noise,
    ReadingTaken,
)
from firmware_bridge.gauges import Gauge, heaters, layers
from firmware_bridge.moonraker.parser import Fact, Klippy, KlippyState, Row, Status
from floor.gcode import Filament
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

# the history names a job in the same moment as print_stats; a Moonraker without it names none
ROW_PATIENCE = 8
AWAY = "it ended while there was no connection"
RUNNING = ("printing", "paused")
ENDS = {
    "complete": JobOutcome.DONE,
    "completed": JobOutcome.DONE,
    "cancelled": JobOutcome.CANCELLED,
    "standby": JobOutcome.CANCELLED,
    "error": JobOutcome.FAILED,
    "klippy_shutdown": JobOutcome.FAILED,
    "klippy_disconnect": JobOutcome.FAILED,
}
# Moonraker ended, and could not see how the job did: Klipper goes on without it
UNSEEN = ("server_exit", "interrupted")
# Klipper is gone, or has only dropped a Moonraker that stalled: what it says next tells
OPEN = ("klippy_disconnect",)
LOST = {
    Klippy.STARTUP: "Klipper is starting",
    Klippy.DISCONNECTED: "Moonraker has no connection to Klipper",
}


@dataclass(slots=True)
class Job:
    """The running job. `joined_*` is what it had used before this driver first saw it."""

    job_id: str
    path: str
    row: Row | None
    joined_ms: int = 0
    joined_um: int = 0
    print_ms: int = 0
    total_ms: int = 0
    used_um: int = 0
    mg: int = 0


class Tracker:
    """Follows one printer over connections, and over restarts of Moonraker.

    `filament` is what is loaded; `run` names jobs that Moonraker's history does not name, unlike other runs.
    """

    def __init__(self, filament: Filament, run: str = "") -> None:
        self.job: Job | None = None
        self._mg_per_um = Decimal(filament.area_mm2 * filament.density_g_cm3 / 1000)
        self._run = run
        self._now = Status(fresh=True)
        self._rows: list[Row] = []
        self._ended = ""
        self._known = False
        self._joining = False
        self._nameless = 0
        self._count = 0
        self._said: MachineEvent | None = None
        self._heat: dict[str, Mapping[str, float]] = {}
        self._told: list[MachineEvent] = []
        self._done = dict.fromkeys(
            (Quantity.JOB_TIME_MS, Quantity.FILAMENT_UM, Quantity.FILAMENT_MG, Quantity.JOBS), 0
        )

    def lost(self) -> None:
        """Forget what was said: after a lost connection the next status speaks anew."""
        self._said, self._heat = None, {}

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """What the heaters show, and the layer that is printed."""
        heat = {name: (one.get("temperature"), one.get("target")) for name, one in self._heat.items()}
        return (*heaters(heat), *layers(self._now.layer if self.job else None, self._now.layers))

    def receive(self, fact: Fact) -> list[MachineEvent]:
        """Take one fact and return what follows from it."""
        match fact:
            case Status():
                return [*self._status(fact), *self._activity()]
            case Row():
                return [*self._row(fact), *self._activity()]
            case KlippyState(Klippy.READY):
                return []  # a status follows
            case KlippyState():
                # whether a job ended with the connection, the history or the next status tells
                said = self._now.klippy_words if self._now.klippy is fact.state else ""
                self._now = replace(self._now, klippy=fact.state, klippy_words=fact.words or said)
                return [*([] if fact.state in LOST else self._halted()), *self._activity()]
            case Noise():
                return [fact]
        return []

    def remember(self, rows: Sequence[Row]) -> None:
        """Take the newest rows of the history, newest first, before the first status of a connection."""
        self._rows = list(rows)

    def _status(self, new: Status) -> list[MachineEvent]:
        was = Status(fresh=True) if new.fresh else self._now
        known = {name: value for name in Status.__slots__ if (value := getattr(new, name)) is not None}
        self._now = now = replace(was, **known)
        for name, changed in (new.heat or {}).items():
            self._heat[name] = {**self._heat.get(name, {}), **changed}
        events: list[MachineEvent] = []
        if self.job is not None and new.fresh and not self._goes_on(self.job):
            events += self._ended_unseen(self.job)
        if now.klippy is not Klippy.READY:
            return events + ([] if now.klippy is None or now.klippy in LOST else self._halted())
        if now.state not in RUNNING:
            self._known, self._nameless = True, 0
            return events + self._stopped(was)
        if self.job is not None and self._another(self.job):
            events += self._end(JobOutcome.CANCELLED, "another job took its place")
            self._nameless = ROW_PATIENCE  # what is not seen here, the history has not seen either
        if self.job is None:
            events += self._begin()
        return events + (self._advance(self.job) if self.job else [])

    def _goes_on(self, job: Job) -> bool:
        if self._now.klippy is not Klippy.READY or self._now.state not in RUNNING or self._another(job):
            return False
        newest = self._rows[0] if self._rows else None
        return not newest or newest.status != "in_progress" or not job.row or newest.job_id == job.job_id

    def _another(self, job: Job) -> bool:
        return self._now.path != job.path or (self._now.total_ms or 0) < job.total_ms

    def _begin(self) -> list[MachineEvent]:
        """Begin a job as soon as the history names it, or when it has had its time to do so."""
        now = self._now
        path, total_ms = now.path or "", now.total_ms or 0
        if self._nameless == 0:
            self._joining, self._known = not self._known, True
        row = self._rows[0] if self._rows else None
        # Moonraker may have missed the name of the file, when Klipper had just started
        if row and (row.path not in ("", path) or row.total_ms > total_ms):
            row = None
        runs = row and (row.status == "in_progress" or (self._joining and row.status in UNSEEN))
        if row and (row.job_id == self._ended or not runs):
            row = None
        if row is None and self._nameless < ROW_PATIENCE:
            self._nameless += 1
            return []
        self._nameless = 0
        self._count += 1
        job_id = row.job_id if row else f"{path[:200]}@{self._run}-{self._count}"
        self.job = job = Job(job_id, path, row)
        if self._joining:
            job.joined_ms, job.joined_um = now.print_ms or 0, now.used_um or 0
        self._joining = False
        return [JobStarted(job_id, path.rpartition("/")[2] or path, row.user if row else None)]

    def _advance(self, job: Job) -> list[MachineEvent]:
        self._use(job, self._now.print_ms, self._now.total_ms, self._now.used_um)
        fraction = float(self._now.progress or 0)
        progress = JobProgressed(job.job_id, fraction, self._left_s(job, fraction))
        told: list[MachineEvent] = [progress, self.reading()]
        if told == self._told:
            return []
        self._told = told
        return told

    @staticmethod
    def _left_s(job: Job, fraction: float) -> int | None:
        passed_s, estimated_s = job.print_ms // 1000, job.row.estimated_s if job.row else 0
        if estimated_s > passed_s:
            return estimated_s - passed_s
        return int(passed_s * (1 - fraction) / fraction) if fraction > 0.01 else None

    def _use(self, job: Job, print_ms: int | None, total_ms: int | None, used_um: int | None) -> None:
        job.print_ms = max(job.print_ms, print_ms or 0)
        job.total_ms = max(job.total_ms, total_ms or 0)
        job.used_um = max(job.used_um, used_um or 0)
        each_mg = job.row.mg_per_um if job.row and job.row.mg_per_um else self._mg_per_um
        job.mg = max(job.mg, round(max(0, job.used_um - job.joined_um) * each_mg))

    def _row(self, row: Row) -> list[MachineEvent]:
        self._rows = [row, *(other for other in self._rows if other.job_id != row.job_id)][:ROW_PATIENCE]
        job = self.job
        if job is None:
            ready = self._now.klippy is Klippy.READY and self._now.state in RUNNING
            begun = self._begin() if ready else []
            return begun + (self._advance(self.job) if self.job else [])
        if job.row.job_id != row.job_id if job.row else job.path != row.path:
            return []
        job.row = row  # the slicer's words may come late
        if row.status not in ENDS or row.status in OPEN:
            return []
        self._use(job, row.print_ms, row.total_ms, row.used_um)
        return self._end(ENDS[row.status], row.status.replace("_", " "))

    def _stopped(self, was: Status) -> list[MachineEvent]:
        job, now = self.job, self._now
        if job is None:
            return []
        if now.path == job.path and (now.total_ms or 0) >= job.total_ms:
            # Klipper shows the pause in which a job is cancelled as print time (print_stats.py, _note_finish)
            print_ms = None if was.state == "paused" else now.print_ms
            self._use(job, print_ms, now.total_ms, now.used_um)
        words = now.words if now.state == "error" else ""
        return self._end(ENDS.get(now.state or "", JobOutcome.UNKNOWN), words or "")

    def _halted(self) -> list[MachineEvent]:
        """Klipper is not ready: whatever it did is over, and nothing that it said before is true."""
        events: list[MachineEvent] = []
        if self.job is not None:
            events = self._end(JobOutcome.FAILED, self._now.klippy_words or "Klipper stopped")
        self._now = Status(fresh=True, klippy=self._now.klippy, klippy_words=self._now.klippy_words)
        self._known, self._nameless = True, 0
        return events

    def _ended_unseen(self, job: Job) -> list[MachineEvent]:
        row = next((row for row in self._rows if row.job_id == job.job_id), None)
        now = self._now
        if row and row.status in ENDS:
            job.row = row
            self._use(job, row.print_ms, row.total_ms, row.used_um)
            return self._end(ENDS[row.status], f"{AWAY}: {row.status.replace('_', ' ')}")
        if now.path == job.path and (now.total_ms or 0) >= job.total_ms and now.state in ENDS:
            # of a job that did not come to its end, nobody says how long it was paused
            done = now.state == "complete"
            self._use(job, now.print_ms if done else None, now.total_ms, now.used_um)
            return self._end(ENDS[now.state], f"{AWAY}: {now.state}")
        return self._end(JobOutcome.UNKNOWN, "its end was not seen")

    def _end(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        job = self.job
        assert job is not None
        for name, amount in self._used().items():
            self._done[name] += amount
        self._done[Quantity.JOBS] += 1
        self.job, self._ended = None, job.job_id
        return [self.reading(), JobEnded(job.job_id, outcome, job.print_ms, words)]

    def reading(self) -> ReadingTaken:
        """Return the counters as they stand."""
        used = self._used()
        return ReadingTaken({name: amount + used.get(name, 0) for name, amount in self._done.items()})

    def _used(self) -> dict[Quantity, int]:
        job = self.job
        if job is None:
            return {}
        return {
            Quantity.JOB_TIME_MS: max(0, job.print_ms - job.joined_ms),
            Quantity.FILAMENT_UM: max(0, job.used_um - job.joined_um),
            Quantity.FILAMENT_MG: job.mg,
        }

    def _activity(self) -> list[MachineEvent]:
        now = self._now
        if now.klippy is None:
            return []
        if now.klippy is not Klippy.READY:
            activity = Activity.UNREACHABLE if now.klippy in LOST else Activity.FAULTED
            said = ActivityChanged(activity, now.klippy_words or LOST.get(now.klippy, now.klippy))
        elif now.state == "paused":
            said = ActivityChanged(Activity.HELD, now.state)
        else:
            activity = Activity.BUSY if now.state == "printing" else Activity.IDLE
            said = ActivityChanged(activity, ": ".join(filter(None, (now.state, now.words))))
        if said == self._said:
            return []
        self._said = said
        return [said]

"""The life of the jobs of one Bambu Lab printer: reports in, machine events out. Pure.

Time is counted by the caller's clock between two reports, where the first of them said RUNNING: a pause costs
nothing, and neither does what nobody heard, but for what the printer's own remaining time proves.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.bambu.parser import Sent, Status
from firmware_bridge.bambu.sliced import Sliced
from firmware_bridge.bambu.wording import CANCELLED, describe, describe_error
from firmware_bridge.events import (
    ActivityChanged,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    ReadingTaken,
)
from firmware_bridge.gauges import Gauge, heaters, layers
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

END_PATIENCE_S = 5.0
ERROR_LASTS_S = 30.0
AT_WORK = frozenset(["RUNNING", "PAUSE"])
GETS_READY = frozenset(["PREPARE", "SLICING"])
MAX_WORDS = 200

_NOTHING_SENT = Sent("", None, None, ())
NO_CHAMBER_C = (0, 5)
"""What printers without a thermometer of the chamber tell of it: P1 and A1 five degrees for ever."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a print is: percent (0 to 100) and layer (0 before the first)."""

    percent: int = 0
    layer: int = 0

    def later(self, percent: int | None, layer: int | None) -> Position:
        """Return the further of this and what a report said."""
        return Position(max(self.percent, percent or 0), max(self.layer, layer or 0))


@dataclass(slots=True)
class Job:
    """The running job. `joined` is how far it was when this driver first saw it; `sliced` comes later."""

    job_id: str
    key: tuple[str, ...]
    started: str
    name: str
    files: tuple[str, ...]
    plate: int | None
    layers: int | None
    trays: tuple[int, ...]
    joined: Position = Position()
    at: Position = Position()
    done: bool = False
    time_ms: float = 0.0
    left_min: int | None = None
    left_since_ms: float = 0.0
    error: int = 0
    error_s: float = 0.0
    failed_s: float | None = None
    failed_before: int = 0
    sliced: Sliced | None = None
    said: JobProgressed | None = None

    def advance(self, now: Status, at_s: float) -> None:
        """Take what a report says of this job."""
        self.at = self.at.later(now.percent, now.layer)
        self.layers = now.layers or self.layers
        if now.left_min != self.left_min:
            self.left_min, self.left_since_ms = now.left_min, self.time_ms
        if now.error:
            self.error, self.error_s = now.error, at_s

    def over_a_gap(self, left_min: int | None, gap_s: float) -> None:
        """Count of a gap what the printer's remaining minutes prove to have been printed in it."""
        if left_min is not None and self.left_min is not None:
            proven_ms = (self.left_min - left_min) * 60_000 - (self.time_ms - self.left_since_ms)
            self.time_ms += min(max(0.0, proven_ms), gap_s * 1000)

    def used(self) -> list[tuple[int, int]]:
        """Return µm and mg of each filament that were used since it was joined."""
        if self.sliced is None:
            return []
        until = 1.0 if self.done else self.sliced.share(self.at.percent, self.at.layer)
        share = max(0.0, until - self._before())
        return [(round(one.um * share), round(one.mg * share)) for one in self.sliced.filaments]

    def _before(self) -> float:
        if self.sliced is None or self.joined == Position():
            return 0.0
        return self.sliced.share(self.joined.percent, self.joined.layer)


class Tracker:
    """Follows one printer over connections. `run` makes its job ids unlike those of any other start."""

    def __init__(self, run: str) -> None:
        self.job: Job | None = None
        self.status = Status()
        self.stopping = False
        """Whether the driver itself told the printer to stop."""
        self._run = run
        self._count = 0
        self._known = False
        self._fresh = True
        self._heard_s = 0.0
        self._sent = _NOTHING_SENT
        self._said: ActivityChanged | None = None
        self._done = dict.fromkeys(
            (Quantity.JOB_TIME_MS, Quantity.FILAMENT_UM, Quantity.FILAMENT_MG, Quantity.JOBS), 0
        )

    def connected(self) -> None:
        """Forget what was said: on a new connection the printer tells all anew."""
        self.status, self._said, self._fresh, self._sent = Status(), None, True, _NOTHING_SENT

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """What the heaters show, and the layer that is printed."""
        now = self.status
        heat = {
            "tool0": (now.nozzle_c, now.nozzle_goal_c),
            "bed": (now.bed_c, now.bed_goal_c),
            "chamber": (None if now.chamber_c in NO_CHAMBER_C else now.chamber_c, None),
        }
        return (*heaters(heat), *(layers(now.layer, now.layers) if self.job else ()))

    def may_end_job(self, said: Status) -> bool:
        """Whether the driver is to have read the running job's file before this is received."""
        return self.job is not None and said.state not in (None, *AT_WORK)

    def sent(self, fact: Sent) -> None:
        """Remember what somebody sent, for the job that begins with it."""
        self._sent = fact

    def receive(self, said: Status, at_s: float) -> list[MachineEvent]:
        """Take one report, heard at `at_s` (monotonic seconds), and return what follows from it."""
        before = self.status
        self.status = now = before.merged(said)
        if not now.whole:
            return []
        events: list[MachineEvent] = []
        if self._fresh:
            events += self._meet(at_s)
        elif self.job:
            if before.state == "RUNNING":
                self.job.time_ms += max(0.0, at_s - self._heard_s) * 1000
            events += self._follow(self.job, at_s)
        if self.job is None and now.state in AT_WORK:
            events.append(self._begin(at_s))
        self._fresh, self._known, self._heard_s = False, True, at_s
        return events + self._tell()

    def tick(self, at_s: float) -> list[MachineEvent]:
        """Time passes: a job that failed, and whose reason does not come, ends without one."""
        job = self.job
        if job is None or job.failed_s is None or at_s - job.failed_s < END_PATIENCE_S:
            return []
        return self._end(JobOutcome.FAILED, "it did not say why")

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
        used = job.used()
        return {
            Quantity.JOB_TIME_MS: round(job.time_ms),
            Quantity.FILAMENT_UM: sum(um for um, _ in used),
            Quantity.FILAMENT_MG: sum(mg for _, mg in used),
        }

    def _meet(self, at_s: float) -> list[MachineEvent]:
        """The first whole report of a connection: what became of the job that ran before?"""
        job, now = self.job, self.status
        if job is None:
            return []
        same = _key(now) == job.key and not (_runs(now.started) and _runs(job.started) != _runs(now.started))
        gap_s = max(0.0, at_s - self._heard_s)
        if same and now.state in AT_WORK and job.at.later(now.percent, now.layer) == _position(now):
            job.over_a_gap(now.left_min, gap_s)
            job.advance(now, at_s)
            return []
        if same and now.state == "FINISH":
            job.over_a_gap(0, gap_s)
            return self._finish("it ended while there was no connection")
        if same and now.state == "FAILED" and (now.error or _why(now, job)):
            job.advance(now, at_s)
            return self._fail(job, at_s)
        return self._end(JobOutcome.UNKNOWN, "its end was not seen")

    def _follow(self, job: Job, at_s: float) -> list[MachineEvent]:
        now = self.status
        if now.state in AT_WORK and job.failed_s is None:
            if _another(job.key, _key(now)):
                return self._end(JobOutcome.UNKNOWN, "its end was not seen")
            job.advance(now, at_s)
            return []
        if now.state == "FINISH":
            return self._finish("")
        if now.state == "FAILED":
            if now.error:
                job.error, job.error_s = now.error, at_s
            return self._fail(job, at_s)
        if now.state in GETS_READY or now.state in AT_WORK:
            return self._end(JobOutcome.UNKNOWN, "another followed it, and its end was not seen")
        if job.at.percent == 100:
            return self._finish("")
        outcome = JobOutcome.CANCELLED if now.state == "IDLE" else JobOutcome.UNKNOWN
        return self._end(outcome, f"it went from printing to {now.state}")

    def _finish(self, words: str) -> list[MachineEvent]:
        assert self.job is not None
        self.job.done = True
        return self._end(JobOutcome.DONE, words)

    def _fail(self, job: Job, at_s: float) -> list[MachineEvent]:
        """A cancelled print is FAILED too; which it was, an error says, a little before or after."""
        if self.stopping:
            return self._end(JobOutcome.CANCELLED, "Makerfloor stopped it")
        error = job.error if at_s - job.error_s <= ERROR_LASTS_S else 0
        error = error or _why(self.status, job)
        if not error:
            job.failed_s = at_s if job.failed_s is None else job.failed_s
            return self.tick(at_s)
        outcome = JobOutcome.CANCELLED if error in CANCELLED else JobOutcome.FAILED
        return self._end(outcome, describe_error(error))

    def _begin(self, at_s: float) -> MachineEvent:
        now, sent = self.status, self._sent if self._sent.name == self.status.name else _NOTHING_SENT
        self._count += 1
        name = now.name or (now.file or "").rpartition("/")[2] or f"{now.print_type or 'unnamed'} print"
        self.job = Job(
            job_id=f"{name}@{self._run}-{self._count}",
            key=_key(now),
            started=now.started or "",
            name=name,
            files=_files(now, sent.file),
            plate=sent.plate or now.plate,
            layers=now.layers,
            trays=sent.trays,
            # what was printed before this driver was made is nobody's here
            joined=Position() if self._known else _position(now),
            failed_before=now.fail_reason or 0,
        )
        self._sent, self.stopping = _NOTHING_SENT, False
        self.job.advance(now, at_s)
        return JobStarted(self.job.job_id, name, None)

    def _end(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        job = self.job
        assert job is not None
        for name, amount in self._used().items():
            self._done[name] += amount
        self._done[Quantity.JOBS] += 1
        told = "; ".join(filter(None, (words, *self._spools(job))))[:MAX_WORDS]
        self.job, self.stopping = None, False
        return [self.reading(), JobEnded(job.job_id, outcome, round(job.time_ms), told)]

    def _spools(self, job: Job) -> list[str]:
        """Say which spool gave how much, where the printer was heard to say so."""
        told = []
        for one, (_, mg) in zip(job.sliced.filaments if job.sliced else (), job.used(), strict=True):
            slot = job.trays[one.number - 1] if 0 < one.number <= len(job.trays) else -1
            if slot >= 0:
                tray = self.status.tray(slot)
                spool = f" of spool {tray.uuid}" if tray.uuid else ""
                told.append(f"{mg / 1000:.2f} g {tray.material or one.material}{spool} in tray {slot + 1}")
        return told

    def _tell(self) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        said = ActivityChanged(_activity(self.status), describe(self.status))
        if said != self._said:
            self._said = said
            events.append(said)
        job = self.job
        if job is None:
            return events
        left_s = None if self.status.left_min is None else self.status.left_min * 60
        progress = JobProgressed(job.job_id, job.at.percent / 100, left_s)
        if progress != job.said:
            job.said = progress
            events.append(progress)
        return [*events, self.reading()]


def _activity(now: Status) -> Activity:
    if now.state == "PAUSE":
        return Activity.HELD
    if now.state == "RUNNING" or now.state in GETS_READY:
        return Activity.BUSY
    if now.state == "OFFLINE":
        return Activity.UNREACHABLE
    failed = now.state == "FAILED" and now.error and now.error not in CANCELLED
    return Activity.FAULTED if failed else Activity.IDLE


def _key(now: Status) -> tuple[str, ...]:
    return (now.task or "", now.subtask or "", now.name or "")


def _another(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    # within a connection a value may come late; one that changes is another job
    return any(before and after and before != after for before, after in zip(one, two, strict=True))


def _runs(started: str | None) -> str:
    return (started or "").strip("0")


def _position(now: Status) -> Position:
    return Position(now.percent or 0, now.layer or 0)


def _why(now: Status, job: Job) -> int:
    """Return why the print failed, where the printer says it anew; else 0."""
    return now.fail_reason if now.fail_reason and now.fail_reason != job.failed_before else 0


def _files(now: Status, sent: str | None) -> tuple[str, ...]:
    """Where the file may lie: where it was sent to, or as ha-bambulab and bambu-rs saw it."""
    if now.print_type == "system":  # the printer's own calibration
        return ()
    said = (now.file or "").rpartition("/")[2]
    names = [said] if said.endswith(".3mf") else []
    if name := (now.name or "").rpartition("/")[2]:
        names += [name] if name.endswith(".3mf") else [f"{name}.gcode.3mf", f"{name}.3mf"]
    likely = [f"{folder}{name}" for name in names for folder in ("/", "/cache/", "/model/")]
    return tuple(dict.fromkeys([sent, *likely] if sent else likely))

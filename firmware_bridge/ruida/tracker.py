"""What a controller's answers mean for jobs and counters. Pure: facts in, events out.

Of the status only 0x1 (a job runs) begins and ends jobs. 0x01000000 (it moves) and 0x2 tell a pause, as far
as they can: 0x2 means "paused" to ruida-pa (its author checked an RDC6442S) and in MeerK40t's emulator, but
"part end" in MeerK40t's driver, and the emulator sets it when idle too.
Sources: MeerK40t 0.9.9100, ruida/rdjob.py (MACHINE_STATUS_*) and ruida/emulator.py (21, 22, 23);
StevenIsaacs/ruida-pa, protocols/ruida/ruida_protocol.py (MACHINE_STATUS_PAUSED).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, MachineEvent, Noise, ReadingTaken
from firmware_bridge.ruida import codec
from firmware_bridge.ruida.meter import GAP_S, Seconds, WorkTime
from firmware_bridge.ruida.parser import Value
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

RUNS, LAYER_END_OR_PAUSED, MOVES = 0x1, 0x2, 0x0100_0000
HELD_S = 2.0
NAME_S = 15.0
STOP_S = 30.0
PAUSE_S = 10.0
READING_S = 1.0


@dataclass(slots=True)
class _Job:
    job_id: str
    counted: int
    time_s: float = 0.0
    seen_s: float = 0.0
    moved: bool = False
    unseen: bool = False
    ending_s: float | None = None


@dataclass(slots=True)
class _Status:
    at_s: float
    running: bool
    held: bool


@dataclass(slots=True)
class Tracker:
    """The jobs of one controller, kept over connections. `at_s` are monotonic seconds.

    A job is over when the controller says for `settle_s` that none runs: by then its counters were read.
    """

    new_id: Callable[[], str]
    settle_s: float = 1.0
    running: bool = False
    paused: bool = False
    _last: _Status | None = None
    _said: ActivityChanged | None = None
    _job: _Job | None = None
    _work: WorkTime = field(default_factory=WorkTime)
    _tube: Seconds = field(default_factory=Seconds)
    _tube_s: int = 0
    _busy_s: float = 0.0
    _jobs: int = 0
    _count: int = -1
    _still_since_s: float | None = None
    _pause_at_s: float = float("-inf")
    _stop_at_s: float = float("-inf")
    _name: tuple[str, float] = ("", float("-inf"))
    _read_at_s: float = float("-inf")

    @property
    def working(self) -> bool:
        """Whether there is something to watch closely: a job, or one that has just ended."""
        return self._job is not None

    def lost(self) -> None:
        """Take note of a lost connection: what happened meanwhile only counters tell."""
        self._last = self._said = self._still_since_s = None
        self.running = self.paused = False
        if self._job:
            self._job.unseen = True

    def stop_asked(self, at_s: float) -> None:
        """Take note that somebody stopped the job: it is cancelled."""
        self._stop_at_s = at_s

    def pause_asked(self, asked: bool, at_s: float) -> None:
        """Take note that somebody paused the job, or resumed it: a status that says so is believed."""
        self._pause_at_s = at_s if asked else float("-inf")

    def named(self, name: str, at_s: float) -> None:
        """Take note that a file of this name has arrived: the job that begins within NAME_S is called so."""
        self._name = name, at_s

    def reading(self) -> ReadingTaken:
        """Return the counters as they stand."""
        counters = {
            Quantity.JOB_TIME_MS: int(self._work.total_s * 1000),
            Quantity.BUSY_TIME_MS: int(self._busy_s * 1000),
            Quantity.JOBS: self._jobs,
        }
        if self._tube.seen:
            counters[Quantity.LASER_TIME_MS] = self._tube_s * 1000
        return ReadingTaken(counters)

    def receive(self, fact: Value, at_s: float) -> list[MachineEvent]:
        """Take what stood at a place of the memory at `at_s`."""
        added: float = 0
        words = ""
        match fact.address:
            case codec.STATUS:
                return self._status(fact.value, at_s)
            case codec.WORK_TIME:
                added, words = self._work.take(fact.value, at_s)
                self._credit(added)
            case codec.TUBE_TIME | codec.TUBE_TIME_ELSEWHERE:
                added, words = self._tube.take(fact.value, at_s)
                self._tube_s += int(added)
            case codec.JOB_COUNT:
                return self._counted(fact.value)
        noise: list[MachineEvent] = [Noise(f"{fact.address:04x}: {words}")] if words else []
        return [*noise, self.reading()] if added and self._job is None else noise

    def _credit(self, added_s: float) -> None:
        if self._job:
            self._job.time_s += added_s

    def _counted(self, shown: int) -> list[MachineEvent]:
        """A count that rose while nobody looked proves an end."""
        rose, self._count = 0 <= self._count < shown, shown
        if rose and self._job and self._job.unseen:
            return self._end(JobOutcome.DONE, "it ended while there was no connection")
        return []

    def _status(self, bits: int, at_s: float) -> list[MachineEvent]:
        running, moves = bool(bits & RUNS), bool(bits & MOVES)
        held = self._held(bits, at_s)
        events: list[MachineEvent] = []
        job = self._job
        if running and job and job.ending_s is not None and self._count > job.counted >= 0:
            events += self._over(job, at_s)  # the next one follows at once
        if running and self._job is None:
            events += self._begin(at_s)
        self._observe(running, held, at_s)
        self.running, self.paused = running, held
        job = self._job
        if job and running:
            job.ending_s, job.unseen = None, False
            job.moved |= moves
            job.counted = self._count  # what rose while it still ran is not of its end
        elif job and job.unseen:
            events += self._end(JobOutcome.UNKNOWN, "its end was not seen")
        elif job:
            job.ending_s = at_s if job.ending_s is None else job.ending_s
            if at_s - job.ending_s >= self.settle_s:
                events += self._over(job, at_s)
        return events + self._say(running, held, moves) + self._read(at_s)

    def _held(self, bits: int, at_s: float) -> bool:
        """Tell a pause: it stands still, unlike before, and for HELD_S unless a pause was asked for."""
        tells = bool(bits & LAYER_END_OR_PAUSED) or bool(self._job and self._job.moved)
        if not bits & RUNS or bits & MOVES or not tells:
            self._still_since_s = None
            return False
        if self._still_since_s is None:
            self._still_since_s = at_s
        asked = at_s - self._pause_at_s <= PAUSE_S
        return asked or self.paused or at_s - self._still_since_s >= HELD_S

    def _observe(self, running: bool, held: bool, at_s: float) -> None:
        """Time between two statuses counts half as the one and half as the other says, up to GAP_S."""
        last, self._last = self._last, _Status(at_s, running, held)
        if last is None or not 0 < at_s - last.at_s <= GAP_S:
            return
        half_s = (at_s - last.at_s) / 2
        span_s = half_s * (int(last.running and not last.held) + int(running and not held))
        self._busy_s += span_s
        if self._job and span_s:
            self._job.seen_s += span_s
            self._credit(self._work.run(span_s))

    def _begin(self, at_s: float) -> list[MachineEvent]:
        name, came_s = self._name
        self._name = "", float("-inf")
        self._stop_at_s = self._pause_at_s = float("-inf")
        self._job = _Job(self.new_id(), self._count)
        fresh = name if at_s - came_s <= NAME_S else ""
        return [JobStarted(self._job.job_id, fresh or "job of Ruida", None)]

    def _over(self, job: _Job, at_s: float) -> list[MachineEvent]:
        self._credit(self._work.ended(job.seen_s, job.time_s))
        if at_s - self._stop_at_s <= STOP_S:
            return self._end(JobOutcome.CANCELLED, "it was stopped")
        if self._count > job.counted >= 0:
            return self._end(JobOutcome.DONE, "")
        return self._end(JobOutcome.UNKNOWN, "the controller does not say that it was done")

    def _end(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        job, self._job = self._job, None
        assert job is not None
        self._jobs += 1
        return [self.reading(), JobEnded(job.job_id, outcome, int(job.time_s * 1000), words)]

    def _say(self, running: bool, held: bool, moves: bool) -> list[MachineEvent]:
        if held:
            said = ActivityChanged(Activity.HELD, "paused")
        elif running or self._job:  # a job that ends is told before the machine is idle
            said = ActivityChanged(Activity.BUSY, "a job runs")
        else:
            said = ActivityChanged(Activity.IDLE, "moves without a job" if moves else "idle")
        if said == self._said:
            return []
        self._said = said
        return [said]

    def _read(self, at_s: float) -> list[MachineEvent]:
        if self._job is None or at_s - self._read_at_s < READING_S:
            return []
        self._read_at_s = at_s
        return [self.reading()]

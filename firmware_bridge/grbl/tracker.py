"""The life of the jobs of one GRBL: facts in, machine events out. Pure; the driver has port and clock.

GRBL knows no jobs. One begins with the first Run, and ends when every line is acknowledged, the machine is
Idle, and it said `[MSG:Pgm End]` or was quiet for a while: a dwell (G4) reports Idle, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from firmware_bridge.grbl.codes import LOCKED, alarm_words, error_words, family
from firmware_bridge.grbl.meter import Meter, Sample
from firmware_bridge.grbl.parser import (
    Acknowledged,
    Alarm,
    Axes,
    Build,
    Fact,
    Greeting,
    Message,
    Report,
    Setting,
)
from firmware_bridge.grbl.path import Path, Point, Went
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

RESET_S = 5.0
READING_S = 1.0
MM_PER_INCH = 25.4
ABORTED = 3
SILENT_ALARMS = frozenset({1, 2, 10, 17, 20})
"""After these GRBL answers nothing until it is reset (interface.md, "Real-time Status reports")."""

PROGRAM_ENDS = ("pgm end", "program end")
"""GRBL and grblHAL say the one, FluidNC the other."""

DOORS = {0: "door closed, ready to resume", 1: "door open", 2: "door opened", 3: "door closed, resuming"}


@dataclass(slots=True)
class _Job:
    job_id: str
    time_s: float = 0.0
    tail_s: float = 0.0  # quiet since it was last seen at work: no part of it, unless work follows
    active_at_s: float = 0.0
    program_ended: bool = False
    sender_left: bool = False
    unseen: bool = False
    fired: bool = False
    error: str = ""


class Tracker:
    """Follows one GRBL over connections. `new_id` makes ids of jobs; times are monotonic seconds."""

    def __init__(self, new_id: Callable[[], str], quiet_s: float = 3.0, laser: str = "auto") -> None:
        self._new_id = new_id
        self._quiet_s = quiet_s
        self._auto = laser == "auto"
        self._meter = Meter(laser == "yes")
        self._path = Path()
        self._offset: Axes | None = None
        self._job: _Job | None = None
        self._done_s, self._jobs = 0.0, 0
        self._inches = False
        self._alarm: int | None = None
        self._reset_at_s = float("-inf")
        self._said: ActivityChanged | None = None
        self._read_at_s = float("-inf")
        self._family, self._greeting, self._version = "grbl", "", ""
        self.state = ""
        self.gauges: tuple[Gauge, ...] = ()
        self._sub: int | None = None

    @property
    def working(self) -> bool:
        """Whether there is something to watch closely."""
        return self._job is not None or self.state in ("Run", "Hold", "Jog", "Home", "Door")

    @property
    def slowing(self) -> bool:
        """Whether a hold has begun and the machine still moves: a reset would lose its position."""
        return self.state == "Hold" and self._sub == 1

    @property
    def silenced(self) -> bool:
        """Whether the machine is in an alarm in which it answers nothing until it is reset."""
        return self._alarm in SILENT_ALARMS

    def lost(self) -> None:
        """Take note of a lost connection: what happened meanwhile nobody knows."""
        self._said, self.state, self._alarm, self.gauges = None, "", None, ()
        self._meter.lost()
        self._path.lose()
        if self._job:
            self._job.unseen = True

    def surprised_by_reset(self, at_s: float) -> bool:
        """Whether a reset now breaks off a job, and nobody asked for it: its rest must not follow."""
        return self._job is not None and not self._asked(at_s)

    def reset_asked(self, at_s: float) -> None:
        """Take note that somebody asked for a reset: what it breaks off is cancelled, and no fault."""
        self._reset_at_s = at_s

    def sender_left(self) -> None:
        """Take note that the program which sends the job has gone."""
        if self._job:
            self._job.sender_left = True

    def sender_came(self, lines: Sequence[str]) -> None:
        """Take note that a program which sends is there, and of the lines that passed to the machine."""
        for line in lines:
            self._path.told(line)
        if self._job:
            self._job.sender_left = False

    def identity(self) -> Identified:
        """Say which firmware answers, as far as it said so."""
        return Identified(self._greeting.partition("[")[0].strip() or "GRBL", self._version)

    def reading(self) -> ReadingTaken:
        """Return the counters as they stand."""
        time_s = self._done_s + (self._job.time_s if self._job else 0.0)
        counters = {Quantity.JOB_TIME_MS: int(time_s * 1000), Quantity.JOBS: self._jobs}
        if self._meter.laser or self._meter.laser_s:
            counters[Quantity.LASER_TIME_MS] = int(self._meter.laser_s * 1000)
        counters[Quantity.TRAVEL_UM] = int(self._meter.travel_um)
        return ReadingTaken(counters)

    def receive(self, fact: Fact, at_s: float, waiting: int = 0) -> list[MachineEvent]:
        """Take one fact that came at `at_s`, while `waiting` lines of a sender are not acknowledged."""
        match fact:
            case Report():
                return self._report(fact, at_s, waiting)
            case Greeting(text):
                return self._greeted(text, at_s)
            case Alarm(code):
                return self._alarmed(code, at_s)
            case Acknowledged(error):
                if error is not None:
                    self._path.lose()
                if self._job:
                    self._at_work(self._job, at_s)
                    self._job.error = error_words(error) if error else self._job.error
            case Message(text) if self._job and text.lower().endswith(PROGRAM_ENDS):
                self._at_work(self._job, at_s)
                self._job.program_ended = True
            case Setting(number, value):
                self._setting(number, value)
            case Build("VER", text):
                self._version = text.strip(":")
            case Noise():
                return [fact]
        return []

    def _setting(self, number: int, value: str) -> None:
        if number == 13:
            self._inches = value == "1"
        elif number == 32 and self._auto:
            self._meter.laser = value == "1"
        elif number == 110 and value.replace(".", "", 1).isdecimal() and float(value) > 0:
            self._path.rapid_mm_min = float(value)

    def _greeted(self, text: str, at_s: float) -> list[MachineEvent]:
        self._greeting, self._family = text, family(text)
        self._alarm, self.state = None, ""
        self._meter.lost()
        self._path.reset()
        if self._asked(at_s):
            self._reset_at_s = float("-inf")
            return self._end(JobOutcome.CANCELLED, "it was stopped")
        return self._end(JobOutcome.FAILED, "the machine started anew in the middle of the job")

    def _asked(self, at_s: float) -> bool:
        return at_s - self._reset_at_s <= RESET_S

    def _alarmed(self, code: int, at_s: float) -> list[MachineEvent]:
        self._meter.lost()
        words = alarm_words(code, self._family)
        if code == ABORTED and self._asked(at_s):
            return self._end(JobOutcome.CANCELLED, words)
        events = self._end(JobOutcome.FAILED, words)
        if code in LOCKED.get(self._family, ()):
            return events
        self._alarm = code
        return [*events, *self._say(Activity.FAULTED, words)]

    def _report(self, now: Report, at_s: float, waiting: int) -> list[MachineEvent]:
        ran, self.state, self._sub = self.state == "Run", now.state, now.sub
        running = now.state == "Run"
        scale = MM_PER_INCH if self._inches else 1.0
        feed_um_s = max(0.0, now.feed or 0.0) * scale * 1000 / 60
        on = (now.speed or 0.0) > 0
        self.gauges = _gauges(now, scale)
        went = self._went(now, at_s, waiting, scale)
        span_s = self._meter.take(Sample(at_s, running, feed_um_s, on), went)
        if now.state == "Alarm":
            return self._alarm_report(now.sub, at_s)
        self._alarm = None
        events: list[MachineEvent] = []
        job = self._job
        if job is None and running:
            events += self._begin(now, span_s, at_s)
        elif job is not None:
            if running:
                self._at_work(job, at_s)
                job.time_s += span_s if ran else span_s / 2
                job.unseen = job.program_ended = False
            else:
                job.time_s += span_s / 2 if ran else 0.0
                if now.state == "Idle":
                    job.tail_s += span_s / 2 if ran else span_s
                    if waiting:
                        self._at_work(job, at_s)
            events += self._maybe_over(job, now, at_s, waiting)
        if self._job and running and on:
            self._job.fired = True
        return events + self._say(*self._activity(now, waiting)) + self._progress(now, at_s)

    def _went(self, now: Report, at_s: float, waiting: int, scale: float) -> Went | None:
        """Say how the machine came here since its last report, where its sender's lines tell."""
        self._offset = now.offset or self._offset
        at = _position(now, self._offset, scale)
        if at is None:
            return None
        on = None if now.speed is None or now.state != "Run" else now.speed > 0
        went = self._path.went(at, self._meter.since(at_s) or 0.0, on)
        if now.state == "Idle" and not waiting:
            self._path.stands(at)
        return went

    @staticmethod
    def _at_work(job: _Job, at_s: float) -> None:
        job.time_s, job.tail_s, job.active_at_s = job.time_s + job.tail_s, 0.0, at_s

    def _begin(self, now: Report, span_s: float, at_s: float) -> list[MachineEvent]:
        self._reset_at_s = float("-inf")
        self._job = _Job(self._new_id(), time_s=span_s / 2, active_at_s=at_s)
        name = now.card[1].rpartition("/")[2] if now.card else "job of GRBL"
        return [JobStarted(self._job.job_id, name, None)]

    def _maybe_over(self, job: _Job, now: Report, at_s: float, waiting: int) -> list[MachineEvent]:
        if now.state not in ("Idle", "Check", "Sleep") or waiting:
            return []
        if job.unseen:
            return self._end(JobOutcome.UNKNOWN, "its end was not seen")
        if self._asked(at_s):
            return self._end(JobOutcome.CANCELLED, "it was stopped")
        if job.program_ended:
            return self._end(JobOutcome.DONE, job.error)
        if at_s - job.active_at_s < self._quiet_s:
            return []
        if job.sender_left:
            return self._end(JobOutcome.UNKNOWN, "the sender left before the program ended")
        return self._end(JobOutcome.DONE, job.error)

    def _end(self, outcome: JobOutcome, words: str) -> list[MachineEvent]:
        job, self._job = self._job, None
        if job is None:
            return []
        self._done_s += job.time_s
        if job.fired or not self._meter.laser:  # a frame drawn without light is no job to pay for
            self._jobs += 1
        return [self.reading(), JobEnded(job.job_id, outcome, int(job.time_s * 1000), words)]

    def _alarm_report(self, sub: int | None, at_s: float) -> list[MachineEvent]:
        if sub and sub != self._alarm:
            return self._alarmed(sub, at_s) or self._locked()
        if self._alarm is not None:
            return self._say(Activity.FAULTED, alarm_words(self._alarm, self._family))
        asked = self._asked(at_s)
        ended = self._end(
            JobOutcome.CANCELLED if asked else JobOutcome.FAILED,
            "it was stopped" if asked else "the machine locked itself in the middle of the job",
        )
        return [*ended, *self._locked()]

    def _locked(self) -> list[MachineEvent]:
        return self._say(Activity.IDLE, "locked: home it ($H) or unlock it ($X)")

    @staticmethod
    def _activity(now: Report, waiting: int) -> tuple[Activity, str]:
        match now.state:
            case "Run" | "Jog" | "Home":
                return Activity.BUSY, now.state
            case "Hold":
                return Activity.HELD, "Hold" if now.sub != 1 else "Hold, still slowing down"
            case "Door":
                return (Activity.BUSY if now.sub == 3 else Activity.HELD), DOORS.get(
                    -1 if now.sub is None else now.sub, "door"
                )
            case "Tool":
                return Activity.HELD, "waits for a change of the tool"
            case "Idle" if waiting:
                return Activity.BUSY, "dwells"
        return Activity.IDLE, now.state

    def _say(self, activity: Activity, words: str) -> list[MachineEvent]:
        said = ActivityChanged(activity, words)
        if said == self._said:
            return []
        self._said = said
        return [said]

    def _progress(self, now: Report, at_s: float) -> list[MachineEvent]:
        if self._job is None or at_s - self._read_at_s < READING_S:
            return []
        self._read_at_s = at_s
        if now.card is None:
            return [self.reading()]
        return [self.reading(), JobProgressed(self._job.job_id, now.card[0] / 100, None)]


def _position(now: Report, offset: Axes | None, scale: float) -> Point | None:
    """Return where the machine is in the coordinates of its work, in mm; None before it said its offset."""
    if now.work and len(now.work) >= 2:
        return now.work[0] * scale, now.work[1] * scale
    if now.machine is None or offset is None or min(len(now.machine), len(offset)) < 2:
        return None
    return (now.machine[0] - offset[0]) * scale, (now.machine[1] - offset[1]) * scale


def _gauges(now: Report, scale: float) -> tuple[Gauge, ...]:
    """Return what a report shows of speeds. S is turns a minute of a spindle, or a laser's power: no unit."""
    feed = () if now.feed is None else (Gauge("feed", round(now.feed * scale), None, "mm/min"),)
    spindle = () if now.speed is None else (Gauge("spindle", round(now.speed), None, ""),)
    return feed + spindle

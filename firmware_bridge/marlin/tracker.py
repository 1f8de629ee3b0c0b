"""What becomes of what a Marlin says: facts in, machine events out. Pure; the driver has port and clock.

A print from the card is what M27 says. A print of a host begins with the first line that moves or waits for
heat, and ends when every line is acknowledged and none followed for `quiet_s`, or with M77.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_bridge.events import Identified, JobProgressed, MachineEvent, Noise
from firmware_bridge.gauges import Gauge, heaters
from firmware_bridge.marlin.jobs import Job, Jobs
from firmware_bridge.marlin.lines import Line
from firmware_bridge.marlin.parser import (
    Action,
    Busy,
    Capability,
    CurrentFile,
    DonePrinting,
    Fact,
    Failed,
    FileOpened,
    Firmware,
    Greeting,
    NotPrinting,
    Ok,
    Printing,
    PrintTime,
    Temperatures,
)
from floor.gcode import Filament
from floor.words import Activity, JobOutcome

DOUBTS = 3
HOST_JOB = "print of a host"
CARD_JOB = "print from the card"
RESET = "the machine started anew in the middle of the job"
STOPPED = "it was stopped"
WAITS = "paused for"
LEFT = "the host left before the print ended"
UNSEEN = "its end was not seen"


class Tracker(Jobs):
    """Follows one Marlin over connections; a host that is quiet for `quiet_s` ended its job."""

    def __init__(
        self, new_id: Callable[[], str], quiet_s: float = 10.0, filament: Filament | None = None
    ) -> None:
        super().__init__(new_id, filament or Filament())
        self._quiet_s = quiet_s
        self._file = ""
        self._free_s: float | None = None
        self.fault = ""
        self.firmware = Firmware("", "Marlin", 1)
        self.capabilities: set[str] = set()
        self.temperatures: Temperatures | None = None

    @property
    def host_prints(self) -> bool:
        """Whether a job of the host that is connected runs."""
        return self._job is not None and not self._job.card and not self._job.host_left

    @property
    def waits(self) -> bool:
        """Whether the printer waits for a person in the middle of a job."""
        return self._job is not None and self._job.held.startswith(WAITS)

    @property
    def gap(self) -> bool:
        """Whether a print from the card was not watched for a while, which its own timer can fill."""
        return self._job is not None and self._job.card and self._job.timer.gap

    @property
    def doubtful(self) -> bool:
        """Whether M27 says that nothing prints, and only the open file can say whether that is a pause."""
        return self._job is not None and self._job.card and (self._job.doubts > 0 or bool(self._job.held))

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """What the heaters showed last."""
        return heaters(self.temperatures.heaters) if self.temperatures else ()

    @property
    def hot(self) -> bool:
        """Whether a heater has a target, by what the machine said last; so it is while nobody knows."""
        heaters = self.temperatures.heaters if self.temperatures else {}
        return not heaters or any(goal > 0 for _, goal in heaters.values())

    def lost(self) -> None:
        """Take note of a lost connection: what happened meanwhile nobody knows."""
        self._said, self.fault, self.temperatures = None, "", None
        self._busy.rest()
        self._free_s = None
        self._spool.restart(e_known=False)
        if self._job:
            self._job.unseen = self._job.timer.gap = True
            self._job.watch.rest()

    def identity(self) -> Identified:
        """Say which firmware answers, as far as it said so."""
        return Identified(self.firmware.machine or "Marlin", self.firmware.name)

    def passed(self, line: Line, at_s: float) -> list[MachineEvent]:
        """Take note of a line of a host that went to the machine."""
        if line.code == "M524":
            self._cancelled = True
        if line.harmless:
            return []
        events: list[MachineEvent] = []
        if self._job and self._job.host_left:
            events += self._over(JobOutcome.UNKNOWN, LEFT)
        if self._job is None and line.begins and not self.fault:
            return [*events, *self._begin(False, HOST_JOB, at_s)]
        if self._job and not self._job.card:
            events += self.resume(at_s)  # a host that goes on by itself after a pause at the printer
            self._work(self._job, at_s)
        return events

    def done(self, line: Line, at_s: float) -> list[MachineEvent]:
        """Take note of a line of a host that the machine acknowledged."""
        if line.code == "M999":
            self.fault = ""
        before_um, job = self._spool.used_um, self._job
        if not self.fault:  # a machine that stopped for an error says `ok`, and does nothing
            self._spool.done(line)
        if job is None:
            return [self.reading()] if self._spool.used_um > before_um else []
        if job.card:
            if line.code == "M25":
                return self.hold("paused by the host")
            return self.resume(at_s) if line.code == "M24" else []
        job.over |= line.code == "M77"
        if line.harmless:
            return []
        self._work(job, at_s)
        return self._progress(at_s)

    def cancelled(self) -> list[MachineEvent]:
        """Take note that the job was stopped."""
        return self._over(JobOutcome.CANCELLED, STOPPED)

    def host_left(self) -> None:
        """Take note that the host of the job has gone."""
        if self._job and not self._job.card:
            self._job.host_left, self._job.held = True, ""

    def silent(self, words: str) -> list[MachineEvent]:
        """Take note that nothing was heard for a while, though a line waits for its answer."""
        self._busy.rest()
        return self._say(Activity.UNREACHABLE, words)

    def tick(self, at_s: float, waiting: int) -> list[MachineEvent]:
        """Let time pass, while `waiting` lines of a host are not acknowledged."""
        job = self._job
        if job is None or job.card or waiting or job.held:
            return []
        if not job.over and at_s - job.proof_s < self._quiet_s:
            return []
        if job.host_left:
            return self._over(JobOutcome.UNKNOWN, LEFT)
        return self._over(JobOutcome.DONE, job.error)

    def receive(self, fact: Fact, at_s: float, works: bool = False) -> list[MachineEvent]:
        """Take one fact that came at `at_s`; with it, the machine `works` on a line of a host."""
        match fact:
            case Greeting():
                return self._greeted()
            case Failed(words, fatal):
                return self._failed(words, fatal)
            case Firmware():
                self.firmware = fact
            case Capability(name, on):
                (self.capabilities.add if on else self.capabilities.discard)(name)
            case FileOpened(name):
                self._file = name
            case Busy():
                return self._works(fact, at_s)
            case Ok(temperatures):
                self.temperatures = temperatures or self.temperatures
                return self._alive(at_s, works)
            case Temperatures(heaters):
                self.temperatures = fact if heaters else self.temperatures
                return self._alive(at_s, works)
            case Printing() | NotPrinting() | DonePrinting() | CurrentFile() | PrintTime() if not self.fault:
                return self._card(fact, at_s)
            case Action(words):
                return self._acted(words, at_s)
            case Noise():
                return [fact]
        return []

    def _greeted(self) -> list[MachineEvent]:
        self.fault, self._file, self.temperatures = "", "", None
        self._spool.restart(e_known=True)
        return self._end(JobOutcome.FAILED, RESET)

    def _failed(self, words: str, fatal: bool) -> list[MachineEvent]:
        if not fatal:
            if self._job:
                self._job.error = words
            return []
        self.fault = self.fault or words
        return [*self._end(JobOutcome.FAILED, words), *self._say(Activity.FAULTED, self.fault)]

    def _acted(self, words: str, at_s: float) -> list[MachineEvent]:
        match words.split(" ")[0]:
            case "pause" | "paused":
                return self.hold("paused at the printer")
            case "resume" | "resumed":
                return self.resume(at_s)
            case "cancel":
                self._cancelled |= self.job == "card"
        return []

    def _works(self, busy: Busy, at_s: float) -> list[MachineEvent]:
        job = self._job
        if self.fault:
            return []
        if busy.waits:
            return self.hold(busy.words) if job else self._say(Activity.HELD, busy.words)
        if job is None:
            self._busy.prove(at_s)
            return self._say(Activity.BUSY, busy.words)
        if self.waits:
            return self.resume(at_s)
        if job.held:
            return []
        self._work(job, at_s)
        return [*self._say(Activity.BUSY, "prints"), *self._progress(at_s)]

    def _alive(self, at_s: float, works: bool) -> list[MachineEvent]:
        """Something was answered: so it is there, and perhaps at work on a line of a host."""
        job = self._job
        if self.fault or (job and job.card):
            return []
        if job is None:
            self._busy.rest()
            return self._say(Activity.IDLE, "")
        if job.unseen:
            return self._over(JobOutcome.UNKNOWN, UNSEEN)
        if job.held:
            return self._say(Activity.HELD, job.held)
        if works:
            self._work(job, at_s)
        return self._say(Activity.BUSY, "prints")

    def _card(
        self, fact: Printing | NotPrinting | DonePrinting | CurrentFile | PrintTime, at_s: float
    ) -> list[MachineEvent]:
        job = self._job if self._job and self._job.card else None
        match fact:
            case Printing(at, size):
                return self._printing(job, at, size, at_s)
            case NotPrinting():
                return self._not_printing(job, at_s)
            case CurrentFile(name):
                self._file = name
                if job is None or not self.doubtful:
                    return []
                if not name:
                    return self._over(JobOutcome.CANCELLED, "it was stopped at the printer")
                job.doubts = 0
                return self.hold("paused at the printer")
            case PrintTime(seconds) if job:
                job.watch.total_s += job.timer.take(seconds, job.watch.total_s, at_s)
            case DonePrinting() if job:
                self._work(job, at_s)
                self._file = ""
                return self._over(JobOutcome.DONE, job.error)
        return []

    def _not_printing(self, job: Job | None, at_s: float) -> list[MachineEvent]:
        if job is None:
            self._free_s = at_s
            return self._alive(at_s, False)
        if self._cancelled:
            return self._over(JobOutcome.CANCELLED, STOPPED)
        if job.unseen:
            return self._over(JobOutcome.UNKNOWN, UNSEEN)
        if job.held:  # as most firmware says of a pause
            return self._say(Activity.HELD, job.held)
        job.doubts += 1
        if job.doubts <= DOUBTS:
            return []
        return self._over(JobOutcome.UNKNOWN, "it ended, and the printer did not say how")

    def _printing(self, job: Job | None, at: int, size: int, at_s: float) -> list[MachineEvent]:
        if self._job and job is None:
            return []  # a host prints: one job at a time
        events: list[MachineEvent] = []
        if job and job.size and (at < job.at or size != job.size):
            events, job = self._end(JobOutcome.UNKNOWN, UNSEEN), None
        if job is None:
            events += self._begin(True, self._file or CARD_JOB, at_s)
            job = self._job
            if job and self._free_s is not None:
                job.timer.began_after(self._free_s)
        assert job is not None
        moved = at > job.at
        job.unseen, job.at, job.size = False, at, size
        if not job.held:
            job.doubts = 0
            self._work(job, at_s)
            events += self._say(Activity.BUSY, "prints")
        else:
            # some firmware goes on saying the byte of a pause, and reads one line more: twice is going on
            job.doubts = job.doubts + 1 if moved else 0
            events += self.resume(at_s) if job.doubts > 1 else self._say(Activity.HELD, job.held)
        if size and (progress := self._progress(at_s)):
            events += [*progress, JobProgressed(job.job_id, min(1.0, at / size), None)]
        return events

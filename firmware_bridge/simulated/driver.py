"""A simulated machine with the events of a real one; whoever holds it plays its user and its fate."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    ReadingTaken,
)
from firmware_bridge.orders import NoGate
from firmware_bridge.settings import setting
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity, add
from floor.print_estimate import Estimate, NotGcode, PrintReader
from floor.words import Activity, JobOutcome

MAX_WAITING = 1000
PULLED = "the cable is out"


@dataclass(frozen=True, slots=True)
class SimulatedSettings:
    """`speed`: machine seconds in one second; `tick_s`: real seconds between two reports of progress."""

    speed: float = setting(1.0, least=0.001, most=100000.0)
    tick_s: float = setting(0.5, least=0.01, most=60.0)


@dataclass(slots=True)
class _Job:
    job_id: str
    name: str
    user: str | None
    duration_s: float
    quantities: Mapping[Quantity, int]
    ran_s: float = 0.0

    def used(self) -> dict[Quantity, int]:
        share = min(1.0, self.ran_s / self.duration_s)
        used = {name: int(amount * share) for name, amount in self.quantities.items()}
        return used | {Quantity.JOB_TIME_MS: round(self.ran_s * 1000)}


class SimulatedMachine(NoGate):
    """See Driver. A job runs in the machine's time: `clock` (monotonic seconds) times the speed.

    While the cable is out the job goes on, as a printer's does; plugged in, the machine says where it stands.
    """

    def __init__(
        self,
        settings: SimulatedSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        name: str = "simulated machine",
    ) -> None:
        self.name = name
        self.last_message = ""
        self._settings = settings or SimulatedSettings()
        self._clock = clock
        self._then_s = clock()
        self._said = ActivityChanged(Activity.IDLE)
        self._job: _Job | None = None
        self._count = 0
        self._plugged = True
        self._done: dict[Quantity, int] = {Quantity.JOB_TIME_MS: 0, Quantity.JOBS: 0}
        first = (Identified(name, "simulated"), self._said)
        self._waiting: deque[MachineEvent] = deque(first, maxlen=MAX_WAITING)
        self._kept: deque[MachineEvent] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()

    @property
    def activity(self) -> Activity:
        """What the machine does, known to its simulator even while the cable is out."""
        return self._said.activity

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        if not self._waiting:  # a second reader is told where the machine stands
            yield Identified(self.name, "simulated")
            yield self._said if self._plugged else ActivityChanged(Activity.UNREACHABLE, PULLED)
        while True:
            self._advance()
            self._report()
            self._news.clear()
            while self._waiting:
                yield self._waiting.popleft()
            try:
                async with asyncio.timeout(self._settings.tick_s):
                    await self._news.wait()
            except TimeoutError:
                continue

    def start_job(
        self, name: str, user: str | None, duration_s: float, quantities: Mapping[Quantity, int]
    ) -> str:
        """Start a job that is done after `duration_s` (> 0, machine time) and will have used `quantities`.

        Returns its id. Raises ValueError while another job is there.
        """
        self._advance()
        if self._job is not None:
            raise ValueError(f"{self.name} has a job already: {self._job.name}")
        if duration_s <= 0:
            raise ValueError(f"a job takes some time, not {duration_s} s")
        self._count += 1
        self._job = _Job(f"{name}@{self._count}", name, user, duration_s, quantities)
        self._say(JobStarted(self._job.job_id, name, user))
        self.set_activity(Activity.BUSY)
        return self._job.job_id

    def finish(self) -> None:
        """The job is done now, all of its quantities used. Without a job nothing happens."""
        self._advance()
        if self._job is not None:
            self._job.ran_s = self._job.duration_s
            self._end(JobOutcome.DONE, "", Activity.IDLE)

    def fail(self, words: str) -> None:
        """The machine faults; a running job fails with these words."""
        self._advance()
        if self._job is not None:
            self._end(JobOutcome.FAILED, words, Activity.FAULTED)
        self.set_activity(Activity.FAULTED, words)

    def set_activity(self, activity: Activity, words: str = "") -> None:
        """The machine does this now; a job's time runs while it is BUSY."""
        self._advance()
        if ActivityChanged(activity, words) != self._said:
            self._said = ActivityChanged(activity, words)
            self._say(self._said)

    def pull_cable(self) -> None:
        """Nothing more is heard of the machine, and no order reaches it."""
        self._advance()
        self._say(ActivityChanged(Activity.UNREACHABLE, PULLED))
        self._plugged = False

    def plug_in(self) -> None:
        """The machine is heard again: what it does now, and the end of a job that ended meanwhile."""
        self._advance()
        self._plugged = True
        self._waiting.extend(self._kept)
        self._kept.clear()
        self._say(self._said)
        self._report()

    async def hold(self) -> None:
        """Pause the job; see Driver.hold."""
        self._order()
        self.set_activity(Activity.HELD)

    async def resume(self) -> None:
        """Go on with the job; see Driver.resume."""
        self._order()
        self.set_activity(Activity.BUSY)

    async def cancel(self) -> None:
        """Cancel the job; see Driver.cancel."""
        self._order()
        self._end(JobOutcome.CANCELLED, "", Activity.IDLE)

    async def print_file(self, name: str, file: Path) -> None:
        """Print what a file says: its time, or a minute, and its filament; see TakesFiles.print_file."""
        self._reach()
        try:
            estimate = await asyncio.to_thread(_read, file)
            used = {each: estimate.quantities[each] for each in (Quantity.FILAMENT_UM, Quantity.FILAMENT_MG)}
            self.start_job(name, None, (estimate.time_ms or 60_000) / 1000, used)
        except (OSError, NotGcode, ValueError) as error:
            raise MachineFault(f"{self.name} does not print {name}: {error}") from error

    async def message(self, text: str) -> None:
        """Keep the text as `last_message`; see Driver.message."""
        self._reach()
        self.last_message = text

    async def aclose(self) -> None:
        """Do nothing; see Driver.aclose."""

    def _reach(self) -> None:
        self._advance()
        if not self._plugged:
            raise MachineUnreachable(f"{self.name}: {PULLED}")

    def _order(self) -> None:
        self._reach()
        if self._job is None:
            raise MachineFault(f"{self.name} has no job")

    def _advance(self) -> None:
        now_s = self._clock()
        passed_s, self._then_s = now_s - self._then_s, now_s
        job = self._job
        if job is None or self._said.activity is not Activity.BUSY:
            return
        job.ran_s = min(job.duration_s, job.ran_s + passed_s * self._settings.speed)
        if job.ran_s >= job.duration_s:
            self._end(JobOutcome.DONE, "", Activity.IDLE)

    def _report(self) -> None:
        job = self._job
        if self._plugged and job is not None and self._said.activity is Activity.BUSY:
            left_s = round(job.duration_s - job.ran_s)
            self._say(JobProgressed(job.job_id, job.ran_s / job.duration_s, left_s))
            self._say(ReadingTaken(add(self._done, job.used())))

    def _end(self, outcome: JobOutcome, words: str, then: Activity) -> None:
        job, self._job = self._job, None
        assert job is not None
        self._done = add(add(self._done, job.used()), {Quantity.JOBS: 1})
        self._said = ActivityChanged(then, words)
        self._say(ReadingTaken(dict(self._done)))
        self._say(JobEnded(job.job_id, outcome, round(job.ran_s * 1000), words))
        self._say(self._said)

    def _say(self, event: MachineEvent) -> None:
        if self._plugged:
            self._waiting.append(event)
            self._news.set()
        elif not isinstance(event, ActivityChanged):
            self._kept.append(event)


def _read(file: Path) -> Estimate:
    reader = PrintReader()
    with file.open("rb") as pieces:
        while piece := pieces.read(1 << 16):
            reader.receive_data(piece)
    return reader.close()

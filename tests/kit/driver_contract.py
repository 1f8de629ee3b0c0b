"""What every driver goes through. A driver's test subclasses `DriverContract` and brings its bench.

A bench is one machine, real or scripted, with hands to do to it what happens on a floor. What a machine
cannot show (a plug has no jobs) stands in its bench's `lacks` and, in the same words, under `lacks` in the
driver's quality.yaml: the contract holds the two against each other, and passes over nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path

import pytest
import yaml

from firmware_bridge.driver import Driver
from firmware_bridge.events import ActivityChanged, Identified, JobEnded, JobProgressed, JobStarted
from floor.errors import MachineError
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.kit.watch import Watch, watching

ROOT = Path(__file__).resolve().parents[2]


class Lack(StrEnum):
    """What a kind of machine may be unable to show or do."""

    NAME = "name"
    JOBS = "jobs"
    USER = "user"
    PROGRESS = "progress"
    HOLD = "hold"
    CANCEL = "cancel"
    FAULT = "fault"
    COUNTERS = "counters of its own"
    CLOCK = "clock of its own"
    NOISE = "noise"


class Bench(ABC):
    """One machine. `quantity` is the counter that its work raises. Each hand returns when it was done."""

    kind: str
    quantity: Quantity
    lacks: frozenset[Lack] = frozenset()
    member: str | None = None
    """The user whose job `start` starts, as the machine names them; None where it knows of none."""

    @abstractmethod
    def driver(self) -> Driver:
        """Make a driver of this machine, quick to try again."""

    @abstractmethod
    async def start(self) -> None:
        """Work begins, as a member would begin it, and goes on until told otherwise."""

    @abstractmethod
    async def finish(self) -> None:
        """The work comes to its good end soon."""

    async def abort(self) -> None:
        """Somebody cancels the job at the machine."""
        raise AssertionError(f"{self.kind} lacks this, and its bench does not say so")

    async def fault(self) -> None:
        """The machine faults."""
        raise AssertionError(f"{self.kind} lacks this, and its bench does not say so")

    async def clear(self) -> None:
        """The fault is cleared; the machine is idle."""
        raise AssertionError(f"{self.kind} lacks this, and its bench does not say so")

    @abstractmethod
    async def power_cut(self) -> None:
        """The machine loses its power in the middle of what it does."""

    @abstractmethod
    async def power_up(self) -> None:
        """Power is back; the machine starts, idle."""

    @abstractmethod
    async def unplug(self) -> None:
        """The line to the machine breaks; what it does goes on."""

    @abstractmethod
    async def plug_in(self) -> None:
        """The line is whole again."""

    @abstractmethod
    async def mute(self) -> None:
        """The line holds, but nothing comes any more, as from a machine that hangs."""

    @abstractmethod
    async def unmute(self) -> None:
        """The machine speaks again."""

    async def noise(self) -> None:
        """The machine says what no machine says: bytes or messages that mean nothing."""
        raise AssertionError(f"{self.kind} lacks this, and its bench does not say so")

    async def reset_counters(self) -> None:
        """The machine's own counters begin at zero again while it works."""
        raise AssertionError(f"{self.kind} lacks this, and its bench does not say so")

    async def wrong_clock(self) -> None:
        """The machine's own clock jumps a day while it works."""
        raise AssertionError(f"{self.kind} lacks this, and its bench does not say so")


class DriverContract(ABC):
    """Subclass it as `TestContract`, and let `bench` open the machine for one test."""

    @abstractmethod
    def bench(self, tmp_path: Path) -> AbstractAsyncContextManager[Bench]:
        """Open a machine that is idle."""

    @asynccontextmanager
    async def idle(self, tmp_path: Path) -> AsyncIterator[tuple[Bench, Watch]]:
        """Open the machine and read its driver until it is idle."""
        async with self.bench(tmp_path) as bench, watching(bench.driver()) as watch:
            await watch.activity(Activity.IDLE)
            yield bench, watch

    async def work(self, bench: Bench, watch: Watch) -> JobStarted | None:
        """Begin work, and see it: a job where there are jobs, busy where there are none."""
        before = watch.counter(bench.quantity)
        await bench.start()
        job = await watch.next(JobStarted) if Lack.JOBS not in bench.lacks else None
        if not any(isinstance(e, ActivityChanged) and e.activity is Activity.BUSY for e in watch.seen):
            await watch.activity(Activity.BUSY)
        await watch.counted(bench.quantity, before + 1)
        return job

    async def rest(self, bench: Bench, watch: Watch) -> None:
        """Let the work end well, and see it."""
        await bench.finish()
        if Lack.JOBS not in bench.lacks:
            ended = await watch.next(JobEnded)
            assert ended.outcome in (JobOutcome.DONE, JobOutcome.UNKNOWN)
        await watch.activity(Activity.IDLE)

    async def test_it_names_itself_and_is_idle_without_a_job(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.NAME not in bench.lacks:
                named = [e for e in watch.seen if isinstance(e, Identified)] or [await watch.next(Identified)]
                assert named[0].name
            assert not [e for e in watch.seen if isinstance(e, JobStarted)]

    async def test_what_it_lacks_is_what_its_quality_says(self, tmp_path: Path) -> None:
        async with self.bench(tmp_path) as bench:
            quality = yaml.safe_load((ROOT / "firmware_bridge" / bench.kind / "quality.yaml").read_text())
            assert sorted(quality.get("lacks", [])) == sorted(bench.lacks)

    async def test_a_job_by_a_member_progresses_and_is_done(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            job = await self.work(bench, watch)
            if job and Lack.USER not in bench.lacks:
                assert job.user == bench.member
            if job and Lack.PROGRESS not in bench.lacks:
                await watch.next(JobProgressed, lambda e: e.job_id == job.job_id and 0 <= e.fraction <= 1)
            await self.rest(bench, watch)

    async def test_a_job_is_cancelled_at_the_machine(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.JOBS in bench.lacks:
                return
            await self.work(bench, watch)
            await bench.abort()
            ended = await watch.next(JobEnded)
            assert ended.outcome in (JobOutcome.CANCELLED, JobOutcome.FAILED, JobOutcome.UNKNOWN)

    async def test_it_holds_goes_on_and_cancels_or_says_that_it_cannot(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await self.work(bench, watch)
            if Lack.HOLD in bench.lacks:
                with pytest.raises(MachineError, match="cannot be told"):
                    await watch.driver.hold()
            else:
                await watch.driver.hold()
                await watch.activity(Activity.HELD)
                await watch.driver.resume()
                await watch.activity(Activity.BUSY)
            if Lack.CANCEL in bench.lacks:
                with pytest.raises(MachineError, match="cannot be told"):
                    await watch.driver.cancel()
            else:
                await watch.driver.cancel()
                assert (await watch.next(JobEnded)).outcome in (JobOutcome.CANCELLED, JobOutcome.FAILED)

    async def test_a_fault_is_told_in_its_own_words_and_clears(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.FAULT in bench.lacks:
                return
            await self.work(bench, watch)
            await bench.fault()
            assert (await watch.activity(Activity.FAULTED)).words
            await bench.clear()
            await watch.activity(Activity.IDLE)

    async def test_a_power_cut_ends_the_job_and_the_next_is_metered(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await self.work(bench, watch)
            await bench.power_cut()
            await watch.activity(Activity.UNREACHABLE)
            await bench.power_up()
            await watch.activity(Activity.IDLE)
            done = [e for e in watch.seen if isinstance(e, JobEnded) and e.outcome is JobOutcome.DONE]
            assert not done, f"a job that lost its power was done: {done}"
            await self.work(bench, watch)
            await self.rest(bench, watch)

    async def test_a_line_that_breaks_is_said_and_its_job_is_counted_once(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await self.work(bench, watch)
            await bench.unplug()
            assert (await watch.activity(Activity.UNREACHABLE)).words
            await bench.plug_in()
            await watch.next(ActivityChanged, lambda e: e.activity is not Activity.UNREACHABLE)
            await bench.finish()
            await watch.activity(Activity.IDLE)
            assert watch.counter(Quantity.JOBS) <= 1

    async def test_silence_is_unreachable_and_is_never_busy(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await bench.mute()
            await watch.activity(Activity.UNREACHABLE)
            before = watch.counter(bench.quantity)
            await bench.unmute()
            await watch.activity(Activity.IDLE)
            assert watch.counter(bench.quantity) == before

    async def test_noise_is_passed_over(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.NOISE in bench.lacks:
                return
            await bench.noise()
            await self.work(bench, watch)
            await self.rest(bench, watch)

    async def test_counters_of_the_machine_that_begin_anew_take_nothing_back(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.COUNTERS in bench.lacks:
                return
            await self.work(bench, watch)
            before = watch.counter(bench.quantity)
            await bench.reset_counters()
            await watch.counted(bench.quantity, before + 1)
            await self.rest(bench, watch)

    async def test_a_wrong_clock_of_the_machine_lengthens_nothing(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.CLOCK in bench.lacks:
                return
            await self.work(bench, watch)
            await bench.wrong_clock()
            await self.rest(bench, watch)
            an_hour_ms = 3_600_000
            assert watch.counter(Quantity.JOB_TIME_MS) < an_hour_ms
            assert watch.counter(Quantity.BUSY_TIME_MS) < an_hour_ms

"""What every driver goes through. A driver's test subclasses `DriverContract` and brings its bench.

A bench is one machine, real or scripted, with hands to do to it what happens on a floor. What a machine
cannot show (a plug has no jobs) stands in its bench's `lacks` and, in the same words, under `lacks` in the
driver's quality.yaml: the contract holds the two against each other, and passes over nothing else.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path

import pytest
import yaml

from firmware_bridge.driver import Driver
from firmware_bridge.events import Identified, JobEnded, JobProgressed, JobStarted
from floor.errors import MachineError
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.kit.accuracy import within
from tests.kit.cable import Cable
from tests.kit.watch import Watch, watching

ROOT = Path(__file__).resolve().parents[2]


class Lack(StrEnum):
    """What a kind of machine may be unable to show or do."""

    NAME = "name"
    JOBS = "jobs"
    USER = "user"
    PROGRESS = "progress"
    OUTCOME = "outcome"
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

    def now_s(self) -> float:
        """The clock that the machine lives by, for one that lives faster than the wall's."""
        return time.monotonic()

    async def worked_s(self) -> float | None:
        """How long the machine truly worked on the jobs of this test, where it can be asked."""
        return None

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


class OnCable(Bench):
    """A machine at the end of a cable, which breaks and falls silent for it."""

    cable: Cable

    async def unplug(self) -> None:
        self.cable.cut()

    async def plug_in(self) -> None:
        self.cable.mend()

    async def mute(self) -> None:
        self.cable.mute()

    async def unmute(self) -> None:
        self.cable.unmute()


class DriverContract(ABC):
    """Subclass it as `TestContract`, and let `bench` open the machine for one test."""

    @abstractmethod
    def bench(self, tmp_path: Path) -> AbstractAsyncContextManager[Bench]:
        """Open a machine that is idle."""

    @asynccontextmanager
    async def idle(self, tmp_path: Path) -> AsyncIterator[tuple[Bench, Watch]]:
        """Open the machine and read its driver until it is idle."""
        async with self.bench(tmp_path) as bench, watching(bench.driver()) as watch:
            await watch.settled(Activity.IDLE)
            yield bench, watch

    async def work(self, bench: Bench, watch: Watch) -> JobStarted | None:
        """Begin work, and see it: a job where there are jobs, busy, and what is metered."""
        before = watch.counter(bench.quantity)
        await bench.start()
        job = await watch.next(JobStarted) if Lack.JOBS not in bench.lacks else None
        await watch.settled(Activity.BUSY)
        await watch.counted(bench.quantity, before + 1)
        return job

    async def rest(self, bench: Bench, watch: Watch) -> JobEnded | None:
        """Let the work end well, and see it."""
        await bench.finish()
        ended = await watch.next(JobEnded) if Lack.JOBS not in bench.lacks else None
        if ended:
            good = JobOutcome.UNKNOWN if Lack.OUTCOME in bench.lacks else JobOutcome.DONE
            assert ended.outcome is good
        await watch.settled(Activity.IDLE)
        return ended

    async def test_it_names_itself_and_is_idle_without_a_job(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.NAME not in bench.lacks:
                await watch.until(lambda: bool(watch.of(Identified)), "its name")
                assert watch.of(Identified)[0].name
            watch.driver.authorise(True)
            await watch.driver.message("Ada pays 5 €;\nM112 $H")
            assert not watch.of(JobStarted)
            assert not any(watch.counters().values())

    async def test_what_it_lacks_is_what_its_quality_says(self, tmp_path: Path) -> None:
        async with self.bench(tmp_path) as bench:
            quality = yaml.safe_load((ROOT / "firmware_bridge" / bench.kind / "quality.yaml").read_text())
            assert sorted(quality.get("lacks", [])) == sorted(bench.lacks)

    async def test_a_job_by_a_member_progresses_and_is_done(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            began_s = bench.now_s()
            job = await self.work(bench, watch)
            if job and Lack.USER not in bench.lacks:
                assert job.user == bench.member
            if job and Lack.PROGRESS not in bench.lacks:
                await watch.next(JobProgressed, lambda e: e.job_id == job.job_id)
            ended = await self.rest(bench, watch)
            took_ms, counters = (bench.now_s() - began_s) * 1000, watch.counters()
            for time_ms in (Quantity.JOB_TIME_MS, Quantity.BUSY_TIME_MS):
                assert counters.get(time_ms, 0) <= took_ms + 1000
            if ended and Quantity.JOB_TIME_MS in counters:
                assert abs(counters[Quantity.JOB_TIME_MS] - ended.job_time_ms) <= 1
                worked_s = await bench.worked_s()
                off_at_most_s = within("job time, where the machine can be asked")
                assert worked_s is None or abs(ended.job_time_ms / 1000 - worked_s) <= off_at_most_s
            if ended and Quantity.JOBS in counters:
                assert counters[Quantity.JOBS] == 1

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
                for order in (watch.driver.hold, watch.driver.resume):
                    with pytest.raises(MachineError, match="cannot be told"):
                        await order()
            else:
                await watch.driver.hold()
                await watch.settled(Activity.HELD)
                await watch.driver.resume()
                await watch.settled(Activity.BUSY)
            if Lack.CANCEL in bench.lacks:
                with pytest.raises(MachineError, match="cannot be told"):
                    await watch.driver.cancel()
            else:
                await watch.driver.cancel()
                assert (await watch.next(JobEnded)).outcome in (JobOutcome.CANCELLED, JobOutcome.FAILED)
                await watch.settled(Activity.IDLE)

    async def test_a_fault_is_told_in_its_own_words_and_clears(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.FAULT in bench.lacks:
                return
            await self.work(bench, watch)
            await bench.fault()
            assert (await watch.settled(Activity.FAULTED)).words
            assert not [ended for ended in watch.of(JobEnded) if ended.outcome is JobOutcome.DONE]
            await bench.clear()
            await watch.settled(Activity.IDLE)

    async def test_a_power_cut_ends_the_job_and_the_next_is_metered(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await self.work(bench, watch)
            await bench.power_cut()
            await watch.settled(Activity.UNREACHABLE)
            with pytest.raises(MachineError):
                await watch.driver.hold()
            await bench.power_up()
            await watch.settled(Activity.IDLE)
            if Lack.JOBS not in bench.lacks:
                lost = await watch.next(JobEnded)
                assert lost.outcome is not JobOutcome.DONE, "a job that lost its power was done"
            await self.work(bench, watch)
            await self.rest(bench, watch)

    async def test_a_line_that_breaks_is_said_and_its_job_is_counted_once(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await self.work(bench, watch)
            await bench.unplug()
            assert (await watch.settled(Activity.UNREACHABLE)).words
            await bench.plug_in()
            await watch.settled(Activity.IDLE, Activity.BUSY, Activity.HELD)
            await bench.finish()
            await watch.settled(Activity.IDLE)
            assert watch.counter(Quantity.JOBS) <= 1

    async def test_a_driver_that_comes_late_counts_from_where_it_came(self, tmp_path: Path) -> None:
        async with self.bench(tmp_path) as bench:
            async with watching(bench.driver()) as first:
                await first.settled(Activity.IDLE)
                await self.work(bench, first)
            driver, began_s = bench.driver(), bench.now_s()
            if driver is first.driver:
                return  # the machine is its driver
            async with watching(driver) as late:
                await late.settled(Activity.BUSY)
                await self.rest(bench, late)
            took_ms = (bench.now_s() - began_s) * 1000
            for time_ms in (Quantity.JOB_TIME_MS, Quantity.BUSY_TIME_MS):
                assert late.counter(time_ms) <= took_ms + 1000

    async def test_silence_is_unreachable_and_is_never_busy(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await bench.mute()
            await watch.settled(Activity.UNREACHABLE)
            await bench.unmute()
            await watch.settled(Activity.IDLE)
            assert watch.counter(bench.quantity) == 0
            assert not watch.of(JobStarted)

    async def test_silence_in_a_job_meters_nothing_and_counts_the_job_once(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            await self.work(bench, watch)
            await bench.mute()
            await watch.settled(Activity.UNREACHABLE)
            before = dict(watch.counters())
            await asyncio.sleep(0.3)
            assert watch.counters() == before
            assert watch.now
            assert watch.now.activity is Activity.UNREACHABLE
            await bench.unmute()
            await watch.settled(Activity.IDLE, Activity.BUSY, Activity.HELD)
            await bench.finish()
            await watch.settled(Activity.IDLE)
            assert watch.counter(Quantity.JOBS) <= 1

    async def test_noise_is_passed_over(self, tmp_path: Path) -> None:
        async with self.idle(tmp_path) as (bench, watch):
            if Lack.NOISE in bench.lacks:
                return
            await bench.noise()
            await self.work(bench, watch)
            await bench.noise()
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

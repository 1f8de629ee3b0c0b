"""The OctoPrint driver against a real OctoPrint 1.11.8 with its virtual printer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.driver import TakesFiles
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
from firmware_bridge.octoprint.driver import OctoPrintDriver, OctoPrintSettings
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.octoprint_peer import OctoPrintPeer, dwelling_gcode, start_octoprint

DEADLINE_S = 60.0
E = TypeVar("E")


class Watch:
    """Keeps every event of a driver, and waits for the next of a kind."""

    def __init__(self, driver: OctoPrintDriver) -> None:
        self.driver = driver
        self.seen: list[MachineEvent] = []
        self._from = 0
        self._news = asyncio.Condition()

    async def run(self) -> None:
        async with aclosing(self.driver.events()) as events:
            async for event in events:
                async with self._news:
                    self.seen.append(event)
                    self._news.notify_all()

    async def next(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
        """Return the first event of the kind that fits, after the one that was returned before."""
        try:
            async with asyncio.timeout(DEADLINE_S), self._news:
                while True:
                    while self._from < len(self.seen):
                        event = self.seen[self._from]
                        self._from += 1
                        if isinstance(event, kind) and fits(event):
                            return event
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"no {kind.__name__} came within {DEADLINE_S:g} s; the last were {self.seen[-8:]}")

    async def activity(self, activity: Activity) -> ActivityChanged:
        return await self.next(ActivityChanged, lambda event: event.activity is activity)

    def counters(self) -> dict[Quantity, int]:
        readings = [dict(event.counters) for event in self.seen if isinstance(event, ReadingTaken)]
        for before, after in pairwise(readings):
            assert all(after[name] >= amount for name, amount in before.items()), "a counter fell"
        return readings[-1]


@asynccontextmanager
async def watching(peer: OctoPrintPeer, key: str | None = None) -> AsyncIterator[Watch]:
    settings = OctoPrintSettings(peer.url, key or peer.admin_key)
    driver = OctoPrintDriver(settings, backoff=Backoff(0.1, 0.5))
    watch = Watch(driver)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await driver.aclose()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OctoPrintPeer]:
    peer = start_octoprint(tmp_path_factory.mktemp("octoprint"), users=("ada",))
    try:
        yield peer
    finally:
        peer.stop()


def extruding(peer: OctoPrintPeer) -> int:
    return sum(" E1.0 " in line for line in peer.sent_lines())


@pytest.fixture
def octoprint(server: OctoPrintPeer) -> Iterator[OctoPrintPeer]:
    yield server
    server.settle()


async def test_a_members_job_is_metered_by_octoprints_time_and_the_gcodes_filament(
    octoprint: OctoPrintPeer,
) -> None:
    footer = "G1 E-2\nG1 E2\n; filament used [mm] = 15.0\n; filament used [g] = 0.5\n"
    async with watching(octoprint) as watch:
        assert (await watch.next(Identified)).name == "OctoPrint 1.11.8"
        assert (await watch.activity(Activity.IDLE)).words == "Operational"
        await asyncio.to_thread(
            octoprint.upload,
            "part one é.gcode",
            dwelling_gcode(10, footer=footer),
            start=True,
            key=octoprint.keys["ada"],
        )
        started = await watch.next(JobStarted)
        assert started.user == "ada"
        assert started.name.startswith("part one")
        await watch.next(JobProgressed, lambda event: 0 < event.fraction < 1)
        live = await watch.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] > 0)
        assert live.counters[Quantity.FILAMENT_UM] < 15_000
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        assert ended.job_time_ms >= 2_400
        await watch.activity(Activity.IDLE)
        assert watch.counters() == {
            Quantity.JOB_TIME_MS: ended.job_time_ms,
            Quantity.FILAMENT_UM: 15_000,
            Quantity.FILAMENT_MG: 500,
            Quantity.JOBS: 1,
        }
        assert not [event for event in watch.seen if isinstance(event, Noise)]


async def test_a_job_is_held_resumed_and_cancelled_and_costs_what_it_extruded(
    octoprint: OctoPrintPeer,
) -> None:
    async with watching(octoprint) as watch:
        await watch.activity(Activity.IDLE)
        before = extruding(octoprint)
        await asyncio.to_thread(octoprint.upload, "long.gcode", dwelling_gcode(200, 1.0), start=True)
        await watch.next(JobStarted)
        await watch.driver.hold()  # at once, as the gateway holds a job that is nobody's
        assert (await watch.activity(Activity.HELD)).words
        await watch.driver.message("held;\nM104 S250")
        await watch.driver.resume()
        await watch.activity(Activity.BUSY)
        await watch.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 4_000)
        await watch.driver.cancel()
        ended = await watch.next(JobEnded)
        assert ended.outcome is JobOutcome.CANCELLED
        counters = watch.counters()
        # the serial log is the oracle: what OctoPrint read from the file, it sent, but for one line in flight
        sent_um = (extruding(octoprint) - before) * 1_000
        assert counters[Quantity.FILAMENT_UM] >= 4_000
        assert abs(counters[Quantity.FILAMENT_UM] - sent_um) <= 1_000
        assert counters[Quantity.JOB_TIME_MS] == ended.job_time_ms
        await watch.activity(Activity.IDLE)
        with pytest.raises(MachineFault, match="neither printing nor paused"):
            await watch.driver.cancel()
        assert len([event for event in watch.seen if isinstance(event, JobEnded)]) == 1


async def test_a_file_is_handed_over_and_printed_once_the_printer_is_ready(
    octoprint: OctoPrintPeer, tmp_path: Path
) -> None:
    file = tmp_path / "019b-a-name-of-ours.gcode"
    file.write_text(dwelling_gcode(8))
    async with watching(octoprint) as watch:
        assert isinstance(watch.driver, TakesFiles)
        await watch.activity(Activity.IDLE)
        await watch.driver.print_file("queue-gear.gcode", file)
        started = await watch.next(JobStarted)
        assert started.name == "queue-gear.gcode"
        with pytest.raises(MachineFault, match="at work"):
            await watch.driver.print_file("queue-gear.gcode", file)
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        assert watch.counters()[Quantity.FILAMENT_UM] == 12_000
        await asyncio.to_thread(octoprint.disconnect_printer)
        await watch.activity(Activity.UNREACHABLE)
        with pytest.raises(MachineFault, match="not operational"):
            await watch.driver.print_file("queue-gear.gcode", file)
        await asyncio.to_thread(octoprint.connect_printer)
        await watch.activity(Activity.IDLE)


async def test_a_printer_that_goes_offline_and_one_that_faults_fail_their_jobs(
    octoprint: OctoPrintPeer,
) -> None:
    async with watching(octoprint) as watch:
        await watch.activity(Activity.IDLE)
        await asyncio.to_thread(octoprint.upload, "cut.gcode", dwelling_gcode(200, 1.0), start=True)
        await watch.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 2_000)
        await asyncio.to_thread(octoprint.disconnect_printer)
        states = {await watch.next(ActivityChanged | JobEnded) for _ in range(2)}
        ended = next(event for event in states if isinstance(event, JobEnded))
        assert ended.outcome is JobOutcome.FAILED
        assert ActivityChanged(Activity.UNREACHABLE, "Offline") in states
        assert watch.counters()[Quantity.FILAMENT_UM] >= 2_000
        with pytest.raises(MachineFault, match="not operational"):
            await watch.driver.hold()

        await asyncio.to_thread(octoprint.connect_printer)
        assert (await watch.next(Identified, lambda event: bool(event.firmware))).firmware
        await watch.activity(Activity.IDLE)
        await asyncio.to_thread(octoprint.command, "!!DEBUG:trigger_fatal_error_marlin")
        faulted = await watch.activity(Activity.FAULTED)
        assert "Thermal Runaway" in faulted.words
        await asyncio.to_thread(octoprint.connect_printer)
        await watch.activity(Activity.IDLE)


async def test_a_killed_octoprint_is_unreachable_and_comes_back(octoprint: OctoPrintPeer) -> None:
    async with watching(octoprint) as watch:
        await watch.activity(Activity.IDLE)
        await asyncio.to_thread(octoprint.upload, "lost.gcode", dwelling_gcode(200, 1.0), start=True)
        started = await watch.next(JobStarted)
        await watch.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 2_000)
        await asyncio.to_thread(octoprint.kill)
        assert (await watch.activity(Activity.UNREACHABLE)).words
        with pytest.raises(MachineUnreachable):
            await watch.driver.hold()
        await asyncio.to_thread(octoprint.start)
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.UNKNOWN)
        assert watch.counters()[Quantity.FILAMENT_UM] >= 2_000
        assert watch.seen.count(ActivityChanged(Activity.IDLE, "Operational")) >= 2


async def test_a_driver_that_joins_a_running_job_counts_from_where_it_joined(
    octoprint: OctoPrintPeer,
) -> None:
    async with watching(octoprint) as first:
        await first.activity(Activity.IDLE)
        await asyncio.to_thread(octoprint.upload, "joined.gcode", dwelling_gcode(200, 1.0), start=True)
        await first.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 6_000)
        before = first.counters()[Quantity.FILAMENT_UM]
    async with watching(octoprint) as second:
        await second.next(JobStarted)
        await second.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 1_000)
        await second.driver.cancel()
        ended = await second.next(JobEnded)
        assert second.counters()[Quantity.JOB_TIME_MS] < ended.job_time_ms
        # first and second together never count a millimetre twice: the job ran about a line in 250 ms
        lines = ended.job_time_ms // 250 + 2
        assert before + second.counters()[Quantity.FILAMENT_UM] <= lines * 1_000


async def test_a_wrong_key_is_said_in_clear_words(octoprint: OctoPrintPeer) -> None:
    async with watching(octoprint, key="0" * 32) as watch:
        assert "refuses the API key" in (await watch.activity(Activity.UNREACHABLE)).words
        with pytest.raises(MachineFault):
            await watch.driver.cancel()

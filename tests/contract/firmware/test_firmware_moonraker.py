"""The Moonraker driver against a real Moonraker 0.11.0 and a real Klipper 0.12 in file-output mode."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.driver import TakesFiles
from firmware_bridge.events import JobEnded, JobProgressed, JobStarted
from firmware_bridge.gauges import Shows
from firmware_bridge.moonraker.driver import MoonrakerDriver, MoonrakerSettings
from floor.errors import MachineFault
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.moonraker_peer import MoonrakerPeer, looping_gcode, start_moonraker
from tests.contract.firmware.websocket_line import Line, line_to
from tests.kit.driver_contract import Bench, DriverContract
from tests.kit.watch import watching

NOISE = ("", "hello", "[", '{"jsonrpc": "2.0"}', '{"jsonrpc": "2.0", "method": "notify_status_update"}')


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoonrakerPeer]:
    peer = start_moonraker(tmp_path_factory.mktemp("m"), users=("ada",))
    try:
        peer.upload("work.gcode", looping_gcode())
        yield peer
    finally:
        peer.stop()


def driver_at(url: str, pair: MoonrakerPeer, deadline_s: float = 5.0) -> MoonrakerDriver:
    return MoonrakerDriver(
        MoonrakerSettings(url, pair.api_key, deadline_s=deadline_s), backoff=Backoff(0.1, 0.3)
    )


class MoonrakerBench(Bench):
    kind = "moonraker"
    quantity = Quantity.FILAMENT_UM
    member = "ada"

    def __init__(self, pair: MoonrakerPeer, line: Line) -> None:
        self.pair, self.line = pair, line

    def driver(self) -> MoonrakerDriver:
        return driver_at(self.line.url, self.pair, 1.5)

    async def start(self) -> None:
        await asyncio.to_thread(
            self.pair.request, "POST", "/printer/print/start", {"filename": "work.gcode"}, "ada"
        )

    async def finish(self) -> None:
        await asyncio.to_thread(self.pair.finish)

    async def abort(self) -> None:
        await asyncio.to_thread(self.pair.request, "POST", "/printer/print/cancel", None, "ada")

    async def fault(self) -> None:
        await asyncio.to_thread(self.pair.request, "POST", "/printer/emergency_stop")

    async def clear(self) -> None:
        await asyncio.to_thread(self.pair.restart_firmware)

    async def power_cut(self) -> None:
        # one after the other, as when a supply sags: that Klipper has gone is still said
        self.pair.kill(self.pair.klipper)
        while await asyncio.to_thread(self.pair.klippy_state) != "disconnected":
            await asyncio.sleep(0.02)
        self.pair.kill(self.pair.moonraker)

    async def power_up(self) -> None:
        await asyncio.to_thread(self.pair.start)

    async def unplug(self) -> None:
        await self.line.cut()

    async def plug_in(self) -> None:
        await self.line.mend()

    async def mute(self) -> None:
        # the harder case: Moonraker lives and speaks, and an idle Klipper is silent anyway
        self.pair.signal(self.pair.klipper, signal.SIGSTOP)

    async def unmute(self) -> None:
        self.pair.signal(self.pair.klipper, signal.SIGCONT)

    async def noise(self) -> None:
        for text in NOISE:
            await self.line.say(text)

    async def reset_counters(self) -> None:
        await self.finish()
        while (await asyncio.to_thread(self.pair.last_job))["status"] != "completed":
            await asyncio.sleep(0.02)
        await self.start()  # print_stats begin at zero with every job

    async def wrong_clock(self) -> None:
        self.pair.signal(self.pair.moonraker, signal.SIGUSR1)


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def shared(self, pair: MoonrakerPeer) -> Iterator[None]:
        self.pair = pair
        yield
        pair.settle()

    def bench(self, tmp_path: Path) -> AbstractAsyncContextManager[Bench]:
        return self._bench()

    @asynccontextmanager
    async def _bench(self) -> AsyncIterator[Bench]:
        async with line_to(self.pair.port) as line:
            yield MoonrakerBench(self.pair, line)


@pytest.fixture
def machine(pair: MoonrakerPeer) -> Iterator[MoonrakerPeer]:
    yield pair
    pair.settle()


async def start(machine: MoonrakerPeer, name: str = "work.gcode", user: str | None = "ada") -> None:
    await asyncio.to_thread(machine.request, "POST", "/printer/print/start", {"filename": name}, user)


async def test_a_sliced_file_is_printed_and_metered_without_its_pauses(
    machine: MoonrakerPeer, tmp_path: Path
) -> None:
    words = "; filament used [mm] = 1000.0\n; total filament used [g] = 4.0\n"
    words += "; estimated printing time (normal mode) = 2h 0m 0s\n"
    file = tmp_path / "file"
    file.write_text(f"; generated by PrusaSlicer 2.5.0 on 2026-01-01\n{looping_gcode(footer=words)}")
    async with watching(driver_at(machine.url, machine)) as watch:
        await watch.activity(Activity.IDLE)
        await watch.driver.message("Ada;\nM112 {x}")
        await cast(TakesFiles, watch.driver).print_file("part-one.gcode", file)
        started = await watch.next(JobStarted)
        assert (started.name, started.user) == ("part-one.gcode", None)
        assert 7100 < ((await watch.next(JobProgressed)).left_s or 0) <= 7200
        assert {one.name for one in cast(Shows, watch.driver).gauges()} == {"nozzle"}
        with pytest.raises(MachineFault, match="at work"):
            await cast(TakesFiles, watch.driver).print_file("other.gcode", file)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)
        await asyncio.sleep(0.3)
        await watch.driver.resume()
        await watch.activity(Activity.BUSY)
        await asyncio.to_thread(machine.finish)
        ended = await watch.next(JobEnded)
        await watch.activity(Activity.IDLE)
        job, counters = await asyncio.to_thread(machine.last_job), watch.counters()
        await cast(TakesFiles, watch.driver).print_file("part-one.gcode", file)  # in place of the first
        assert (await watch.next(JobStarted)).job_id != started.job_id
        await watch.driver.cancel()
        await watch.next(JobEnded)
        assert watch.counter(Quantity.JOBS) == 2
    used_um = round(job["filament_used"] * 1000)
    assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
    assert abs(ended.job_time_ms - job["print_duration"] * 1000) <= 1
    assert job["total_duration"] - job["print_duration"] >= 0.3
    # the net of a job that retracts and returns is what it extruded: a whole number of millimetres
    assert used_um % 1000 == 0
    assert counters == {
        Quantity.JOB_TIME_MS: ended.job_time_ms,
        Quantity.FILAMENT_UM: used_um,
        Quantity.FILAMENT_MG: used_um * 4 // 1000,
        Quantity.JOBS: 1,
    }


async def test_a_pause_before_a_cancel_costs_nothing_and_wrong_gcode_fails_its_job(
    machine: MoonrakerPeer,
) -> None:
    async with watching(driver_at(machine.url, machine)) as watch:
        await watch.activity(Activity.IDLE)
        await asyncio.to_thread(machine.script, "PAUSE")  # Klipper remembers it, and would not pause any more
        await start(machine)
        await watch.next(JobStarted)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)
        await asyncio.sleep(0.3)
        await watch.driver.cancel()
        ended = await watch.next(JobEnded)
        assert ended.outcome is JobOutcome.CANCELLED
        stats, job = await asyncio.to_thread(lambda: (machine.print_stats(), machine.last_job()))
        assert watch.counter(Quantity.JOB_TIME_MS) == ended.job_time_ms
        assert watch.counter(Quantity.FILAMENT_UM) == round(job["filament_used"] * 1000)
        await asyncio.to_thread(machine.upload, "bad.gcode", "M83\nG1 E1\nG4 P300\nG1 E999\n", start=True)
        failed = await watch.next(JobEnded)
        assert (failed.outcome, failed.words[:27]) == (JobOutcome.FAILED, "Extrude only move too long ")
        assert "too long" in (await watch.activity(Activity.IDLE)).words
    assert stats["print_duration"] >= job["print_duration"] + 0.3, "Klipper shows the pause as print time"
    assert abs(ended.job_time_ms - job["print_duration"] * 1000) <= 1


async def test_a_job_outlives_its_moonraker_and_is_counted_once_by_both_who_watch(
    machine: MoonrakerPeer,
) -> None:
    async with watching(driver_at(machine.url, machine)) as first:
        await first.activity(Activity.IDLE)
        await start(machine)
        started = await first.next(JobStarted)
        await first.counted(Quantity.FILAMENT_UM, 1)
        await asyncio.to_thread(machine.restart_moonraker)
        await first.activity(Activity.UNREACHABLE)
        await first.activity(Activity.BUSY)
        assert (await asyncio.to_thread(machine.last_job))["status"] == "server_exit"
        async with watching(driver_at(machine.url, machine)) as second:
            joined = await second.next(JobStarted)
            assert (joined.job_id, joined.user) == (started.job_id, "ada")
            await second.counted(Quantity.FILAMENT_UM, 1)
            await first.driver.cancel()
            ended = [await one.next(JobEnded) for one in (first, second)]
    assert [(one.job_id, one.outcome) for one in ended] == [(started.job_id, JobOutcome.CANCELLED)] * 2
    used_um = round((await asyncio.to_thread(machine.print_stats))["filament_used"] * 1000)
    assert first.counter(Quantity.FILAMENT_UM) == used_um
    assert 0 < second.counter(Quantity.FILAMENT_UM) < used_um
    assert second.counter(Quantity.JOB_TIME_MS) < ended[1].job_time_ms


async def test_a_klipper_that_restarts_in_a_job_has_failed_it_and_the_next_is_another(
    machine: MoonrakerPeer,
) -> None:
    async with watching(driver_at(machine.url, machine)) as watch:
        await watch.activity(Activity.IDLE)
        await start(machine)
        started = await watch.next(JobStarted)
        await watch.counted(Quantity.FILAMENT_UM, 1)
        await asyncio.to_thread(machine.restart_firmware)
        failed = await watch.next(JobEnded)
        assert (failed.job_id, failed.outcome) == (started.job_id, JobOutcome.FAILED)
        job = await asyncio.to_thread(machine.last_job)
        assert job["status"] == "klippy_disconnect"
        assert abs(failed.job_time_ms - job["print_duration"] * 1000) <= 1
        assert watch.counter(Quantity.FILAMENT_UM) == round(job["filament_used"] * 1000)
        await start(machine)
        assert (await watch.next(JobStarted)).job_id != started.job_id
        await watch.driver.cancel()
        await watch.next(JobEnded)
    stats = await asyncio.to_thread(machine.print_stats)
    used_mm = job["filament_used"] + stats["filament_used"]
    assert watch.counter(Quantity.FILAMENT_UM) == round(used_mm * 1000)
    assert watch.counter(Quantity.JOBS) == 2


async def test_a_wrong_key_is_said_in_clear_words(pair: MoonrakerPeer) -> None:
    driver = MoonrakerDriver(MoonrakerSettings(pair.url, "0" * 32), backoff=Backoff(0.1, 0.3))
    async with watching(driver) as watch:
        assert "refuses the API key" in (await watch.activity(Activity.UNREACHABLE)).words
        with pytest.raises(MachineFault, match="refuses the API key"):
            await watch.driver.cancel()

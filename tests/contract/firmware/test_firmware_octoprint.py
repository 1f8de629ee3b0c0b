"""The OctoPrint driver against a real OctoPrint 1.11.8 with its virtual printer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.driver import TakesFiles
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobRefused,
    JobStarted,
    Noise,
    ReadingTaken,
)
from firmware_bridge.gauges import Shows
from firmware_bridge.octoprint.driver import OctoPrintDriver, OctoPrintSettings
from firmware_bridge.transports.real import RealTransports
from firmware_bridge.transports.websocket import WebSocketTransport
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.marlin_host import driven, port_of
from tests.contract.firmware.marlin_peers import serial_to, virtual_printer
from tests.contract.firmware.octoprint_peer import OctoPrintPeer, dwelling_gcode, start_octoprint
from tests.kit.cable import Cable, cable
from tests.kit.driver_contract import Bench, DriverContract, Lack, OnCable
from tests.kit.watch import DEADLINE_S, Watch, watching


class Quick(RealTransports):
    """Sockets that are missed sooner than those of a floor."""

    def websockets(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> WebSocketTransport:
        return WebSocketTransport(url, headers, 3.0)


def driver(url: str, key: str) -> OctoPrintDriver:
    return OctoPrintDriver(OctoPrintSettings(url, key), transports=Quick(), backoff=Backoff(0.1, 0.5))


def watched(peer: OctoPrintPeer, key: str | None = None) -> AbstractAsyncContextManager[Watch]:
    return watching(driver(peer.url, key or peer.admin_key))


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
    async with watched(octoprint) as watch:
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
        heat = {one.name: one for one in cast(Shows, watch.driver).gauges()}
        assert heat["nozzle"].unit == heat["bed"].unit == "°C"
        await watch.activity(Activity.IDLE)
        assert watch.counters() == {
            Quantity.JOB_TIME_MS: ended.job_time_ms,
            Quantity.FILAMENT_UM: 15_000,
            Quantity.FILAMENT_MG: 500,
            Quantity.JOBS: 1,
        }
        assert not [event for event in watch.seen if isinstance(event, Noise)]


async def test_octoprint_as_the_host_of_a_marlin_is_gated_held_and_metered_by_the_proxy(
    octoprint: OctoPrintPeer, tmp_path: Path
) -> None:
    with virtual_printer(
        tmp_path, sendBusy=False
    ) as printer:  # else it dwells for as long as OctoPrint's M113
        async with (
            driven(printer.url, mode="proxy", gate="authorised", quiet_s=1.0) as watch,
            serial_to(await port_of(watch)) as line,
        ):
            await asyncio.to_thread(octoprint.move_to, line)
            try:
                await asyncio.to_thread(
                    octoprint.upload, "a.gcode", dwelling_gcode(20, dwell_ms=50), start=True
                )
                await watch.next(JobRefused)
                await asyncio.to_thread(octoprint.settle)  # it cancelled by itself
                assert not watch.of(JobStarted)
                watch.driver.authorise(True)
                await asyncio.to_thread(
                    octoprint.upload, "b.gcode", dwelling_gcode(20, dwell_ms=50), start=True
                )
                await watch.next(JobStarted)
                await watch.counted(Quantity.FILAMENT_UM, 3_000)
                await watch.driver.hold()
                await watch.activity(Activity.HELD)
                await watch.driver.resume()
                ended = await watch.next(JobEnded)
                assert ended.outcome is JobOutcome.DONE
                assert watch.counter(Quantity.FILAMENT_UM) == 30_000
                assert watch.counter(Quantity.JOBS) == 1
            finally:
                await asyncio.to_thread(octoprint.move_to)


async def test_a_job_is_held_resumed_and_cancelled_and_costs_what_it_extruded(
    octoprint: OctoPrintPeer,
) -> None:
    async with watched(octoprint) as watch:
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
    async with watched(octoprint) as watch:
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
    async with watched(octoprint) as watch:
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
    async with watched(octoprint) as watch:
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
    async with watched(octoprint) as first:
        await first.activity(Activity.IDLE)
        await asyncio.to_thread(octoprint.upload, "joined.gcode", dwelling_gcode(200, 1.0), start=True)
        await first.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 6_000)
        before = first.counters()[Quantity.FILAMENT_UM]
    async with watched(octoprint) as second:
        await second.next(JobStarted)
        await second.next(ReadingTaken, lambda event: event.counters[Quantity.FILAMENT_UM] >= 1_000)
        await second.driver.cancel()
        ended = await second.next(JobEnded)
        assert second.counters()[Quantity.JOB_TIME_MS] < ended.job_time_ms
        # first and second together never count a millimetre twice: the job ran about a line in 250 ms
        lines = ended.job_time_ms // 250 + 2
        assert before + second.counters()[Quantity.FILAMENT_UM] <= lines * 1_000


async def test_a_wrong_key_is_said_in_clear_words(octoprint: OctoPrintPeer) -> None:
    async with watched(octoprint, key="0" * 32) as watch:
        assert "refuses the API key" in (await watch.activity(Activity.UNREACHABLE)).words
        with pytest.raises(MachineFault):
            await watch.driver.cancel()


class OctoPrintBench(OnCable):
    """The real OctoPrint at the end of a cable; its virtual printer waits a second after each move."""

    kind = "octoprint"
    quantity = Quantity.FILAMENT_UM
    lacks = frozenset({Lack.COUNTERS})
    member = "ada"

    def __init__(self, peer: OctoPrintPeer, line: Cable) -> None:
        self.peer, self.cable = peer, line

    def driver(self) -> OctoPrintDriver:
        return driver(f"http://127.0.0.1:{self.cable.port}", self.peer.admin_key)

    async def start(self) -> None:
        await asyncio.to_thread(self.peer.command, "!!DEBUG:sleep_after G1 1")
        job = "M83\n" + "G1 X1 E1\n" * 20
        await asyncio.to_thread(
            self.peer.upload, "contract.gcode", job, start=True, key=self.peer.keys["ada"]
        )

    async def finish(self) -> None:
        await asyncio.to_thread(self.peer.command, "!!DEBUG:sleep_after G1 0")

    async def worked_s(self) -> float:
        """Return what OctoPrint keeps of the file's last print, a moment after its end."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                file = await asyncio.to_thread(self.peer.request, "GET", "/api/files/local/contract.gcode")
                if kept := file.get("prints"):
                    return float(kept["last"]["printTime"])
                await asyncio.sleep(0.1)

    async def abort(self) -> None:
        await asyncio.to_thread(self.peer.request, "POST", "/api/job", {"command": "cancel"})

    async def fault(self) -> None:
        await asyncio.to_thread(self.peer.command, "!!DEBUG:trigger_fatal_error_marlin")

    async def clear(self) -> None:
        await asyncio.to_thread(self.peer.connect_printer)

    async def power_cut(self) -> None:
        await asyncio.to_thread(self.peer.disconnect_printer)

    async def power_up(self) -> None:
        await asyncio.to_thread(self.peer.connect_printer)

    async def noise(self) -> None:
        await asyncio.to_thread(self.peer.command, "!!DEBUG:send ok \x00 T:nan \ufffd E:?")

    async def wrong_clock(self) -> None:
        """Let every serverTime that comes from now on be some thirty years late."""
        self.cable.edit = lambda data: re.sub(rb'("serverTime": *)1', rb"\g<1>2", data)


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def _peer(self, octoprint: OctoPrintPeer) -> None:
        self.peer = octoprint

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        async with cable(self.peer.port) as line:
            yield OctoPrintBench(self.peer, line)

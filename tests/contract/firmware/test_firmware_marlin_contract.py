"""The Marlin driver, alone on the line of OctoPrint's VirtualPrinter, through the contract of drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import Identified, JobEnded, JobStarted
from firmware_bridge.marlin import driver as marlin
from firmware_bridge.marlin import gate, jobs
from firmware_bridge.marlin.driver import MarlinDriver, MarlinSettings
from floor.meter import Quantity
from floor.words import JobOutcome
from tests.contract.firmware.marlin_host import driven, host_of, print_of
from tests.contract.firmware.marlin_peers import Peer, virtual_printer
from tests.kit.driver_contract import Bench, DriverContract, Lack

ERRORS = ["12:resend", "25:checksum_mismatch", "35:resend"]
PART = "a-part-for-the-contract.gcode"


class VirtualPrinterBench(Bench):
    """Prints a file from its own card, which is long, until its end is reached by hand."""

    kind = "marlin"
    quantity = Quantity.JOB_TIME_MS
    lacks = frozenset({Lack.USER, Lack.CLOCK, Lack.COUNTERS})

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def driver(self) -> MarlinDriver:
        settings = MarlinSettings(self.peer.url, poll_s=0.1, silence_s=0.8, settle_s=0.05)
        return MarlinDriver(settings, backoff=Backoff(0.05, 0.1))

    async def start(self) -> None:
        self.peer.tell(f"card {PART}")

    async def finish(self) -> None:
        self.peer.tell("card_end")

    async def abort(self) -> None:
        self.peer.tell("card_stop")

    async def fault(self) -> None:
        self.peer.tell("debug trigger_fatal_error_marlin")

    async def clear(self) -> None:
        self.peer.tell("debug reset")

    async def power_cut(self) -> None:
        self.peer.tell("power_cut")

    async def power_up(self) -> None:
        self.peer.tell("power_up")

    async def unplug(self) -> None:
        self.peer.tell("unplug")

    async def plug_in(self) -> None:
        self.peer.tell("plug_in")

    async def mute(self) -> None:
        self.peer.tell("mute")

    async def unmute(self) -> None:
        self.peer.tell("unmute")

    async def noise(self) -> None:
        self.peer.tell("noise")


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("marlin")
    (folder / "card").mkdir()
    moves = "".join(f"G1 X{10 if number % 2 else -10} E1 F1200\n" for number in range(4000))
    (folder / "card" / PART).write_text(f"M83\n{moves}")
    # it reports by itself once a second at most: asked, it is quicker
    quick = {"AUTOREPORT_TEMP": True, "AUTOREPORT_SD_STATUS": False}
    with virtual_printer(folder, capabilities=quick, simulated_errors=ERRORS) as peer:
        yield peer


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def _machine(self, printer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.printer = printer
        monkeypatch.setattr(marlin, "TICK_S", 0.05)
        monkeypatch.setattr(jobs, "READING_S", 0.05)
        monkeypatch.setattr(gate, "LOST_S", 0.5)

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[VirtualPrinterBench]:
        yield VirtualPrinterBench(self.printer)
        self.printer.tell("power_cut")
        self.printer.tell("power_up")


async def test_a_host_that_counts_and_numbers_prints_on_octoprints_virtual_printer(
    printer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marlin, "HOST_QUIET_S", 0.1)
    async with driven(printer.url, mode="proxy", gate="authorised") as watch:
        host = await host_of(watch)
        assert (await watch.next(Identified)).firmware.startswith("Virtual Marlin")
        await host.say("M110 N0")
        await host.say("M105")
        watch.driver.authorise(True)
        await host.send(print_of(40), numbered=True)
        started = await watch.next(JobStarted)
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        assert started.user is None
        assert host.resends == len(ERRORS)
        assert host.oks == host.sent
        assert watch.counter(Quantity.FILAMENT_UM) == 20_000
        assert watch.counter(Quantity.FILAMENT_MG) == round(20 * 2.98254)
        assert watch.counter(Quantity.JOBS) == 1
        assert not any("SD printing" in line for line in host.others)  # asked by us, not by the host

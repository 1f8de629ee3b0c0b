"""The PrusaLink driver: through the contract with a PrusaLink of ours, then with real ones (0.8.1).

A real one needs 9 s to start, in which our own is tried, and 11 s after each print: so two run, one a print.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.driver import Driver, TakesFiles
from firmware_bridge.events import Identified, JobEnded, JobProgressed, JobStarted, Noise
from firmware_bridge.gauges import Gauge, Shows
from firmware_bridge.prusalink import driver as driver_module
from firmware_bridge.prusalink.driver import PrusaLinkDriver, PrusaLinkSettings
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.prusalink_peer import KEY, PASSWORD, USERNAME, PrusaLinkPeer
from tests.contract.firmware.prusalink_sim import KEY as OUR_KEY
from tests.contract.firmware.prusalink_sim import SimulatedPrusaLink, simulated_prusalink
from tests.kit.accuracy import within
from tests.kit.driver_contract import Bench, DriverContract, Lack
from tests.kit.watch import watching


@pytest.fixture(scope="module", autouse=True)
def both() -> Iterator[list[PrusaLinkPeer]]:
    peers: list[PrusaLinkPeer] = []
    try:
        for _ in range(2):
            peers.append(PrusaLinkPeer())
        yield peers
    finally:
        for peer in peers:
            peer.stop()


@pytest.fixture
def real(both: list[PrusaLinkPeer]) -> PrusaLinkPeer:
    both[0].ready()
    return both[0]


@pytest.fixture
def another(both: list[PrusaLinkPeer]) -> PrusaLinkPeer:
    both[1].ready()
    return both[1]


def quick(url: str, poll_s: float = 0.05, **settings: str) -> PrusaLinkDriver:
    pace = {"poll_s": poll_s, "idle_poll_s": poll_s, "deadline_s": 0.5}
    return PrusaLinkDriver(PrusaLinkSettings(url, **settings, **pace), backoff=Backoff(0.02, 0.1))  # type: ignore[arg-type]


class PrusaLinkBench(Bench):
    """Our own PrusaLink; `progress` grows by itself while a job runs, as the machine's clock does."""

    kind = "prusalink"
    quantity = Quantity.JOB_TIME_MS
    lacks = frozenset({Lack.USER})

    def __init__(self, machine: SimulatedPrusaLink) -> None:
        self.machine = machine

    def driver(self) -> Driver:
        return quick(self.machine.url, api_key=OUR_KEY)

    async def start(self) -> None:
        self.machine.start()

    async def finish(self) -> None:
        self.machine.end("FINISHED")

    async def abort(self) -> None:
        self.machine.end("STOPPED")

    async def fault(self) -> None:
        self.machine.end("ERROR", "Firmware detected a hardware issue")

    async def clear(self) -> None:
        self.machine.dismiss()

    async def power_cut(self) -> None:
        await self.machine.silence()
        self.machine.dismiss()

    async def power_up(self) -> None:
        await self.machine.listen()

    async def unplug(self) -> None:
        await self.machine.silence()

    async def plug_in(self) -> None:
        await self.machine.listen()

    async def mute(self) -> None:
        self.machine.mute()

    async def unmute(self) -> None:
        self.machine.unmute()

    async def noise(self) -> None:
        self.machine.said = b'{"printer": {"state": ["PRINTING"]}}'
        await asyncio.sleep(0.1)
        self.machine.said = None

    async def reset_counters(self) -> None:
        assert self.machine.job
        self.machine.jump(-1000)

    async def wrong_clock(self) -> None:
        self.machine.jump(86_400)


class TestContract(DriverContract):
    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        async with simulated_prusalink() as machine:
            yield PrusaLinkBench(machine)


class TestContractOfPrintersThemselves(DriverContract):
    """The shapes of the specification for printers that speak it in their firmware: never seen."""

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        async with simulated_prusalink(buddy=True) as machine:
            yield PrusaLinkBench(machine)


# --- the real one; after each of its prints it starts nothing for 11 s ---


def gcode(lines: int = 60, dwell_ms: int = 20) -> str:
    """A print of 1.5 mm a line, for a printer that moves in no time."""
    moves = "".join(f"M73 P{n * 100 // lines} R1\nG1 X{n} E1.5 F1200\nG4 P{dwell_ms}\n" for n in range(lines))
    return f"; made for a test\nM83\n{moves}; filament used [mm] = 90.0\n; filament used [g] = 0.27\n"


async def test_wrong_logins_are_said_in_clear_words(real: PrusaLinkPeer) -> None:
    for wrong in ({"api_key": "no"}, {"username": USERNAME, "password": "no"}):
        async with watching(quick(real.url, **wrong)) as watch:
            assert "refuses the key or password" in (await watch.activity(Activity.UNREACHABLE)).words
            with pytest.raises(MachineFault, match="refuses"):
                await watch.driver.cancel()


async def test_a_file_is_printed_held_resumed_and_metered(real: PrusaLinkPeer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(gcode())
    async with watching(quick(real.url, 0.1, username=USERNAME, password=PASSWORD)) as watch:
        named = await watch.next(Identified)
        assert (named.name, named.firmware) == ("PrusaLink I3MK3S MuadDib", "3.14.1-8237")
        assert (await watch.activity(Activity.IDLE)).words == "IDLE"
        assert isinstance(watch.driver, Shows)
        async with asyncio.timeout(30):  # PrusaLink asks its printer for them when it has settled
            while not watch.driver.gauges():
                await asyncio.sleep(0.1)
        assert watch.driver.gauges() == (Gauge("nozzle", 25), Gauge("bed", 60, 60))
        with pytest.raises(MachineFault, match="has no job"):
            await watch.driver.hold()
        assert isinstance(watch.driver, TakesFiles)
        await watch.driver.print_file("part one é.gcode", tmp_path / "file")
        started = await watch.next(JobStarted)
        assert started.name == "part one é.gcode"
        await watch.next(JobProgressed, lambda event: 0.1 < event.fraction < 1)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)
        with pytest.raises(MachineFault, match="takes no file: it is PAUSED"):
            await watch.driver.print_file("second.gcode", tmp_path / "file")
        await asyncio.sleep(0.4)
        await watch.driver.resume()
        await watch.activity(Activity.BUSY)
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        assert "M73 marks" in ended.words
        printed = await asyncio.to_thread(real.printed)
        assert abs(ended.job_time_ms - printed.time_ms) / 1000 <= within("job time of a PrusaLink")
        assert watch.counter(Quantity.JOB_TIME_MS) == ended.job_time_ms
        assert watch.counter(Quantity.FILAMENT_UM) == printed.extruded_um == 90_000
        assert watch.counter(Quantity.FILAMENT_MG) == 270
        assert watch.counter(Quantity.JOBS) == 1
        assert (await watch.activity(Activity.IDLE)).words == "FINISHED"
        assert not [event for event in watch.seen if isinstance(event, Noise)]


async def test_after_a_print_nothing_starts_for_a_while(
    real: PrusaLinkPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "START_S", 0.2)
    monkeypatch.setattr(driver_module, "START_AGAIN_S", 0.1)
    (tmp_path / "file").write_text(gcode(2))
    driver = quick(real.url, api_key=KEY)
    with pytest.raises(MachineFault, match="ot in state to print"):
        await driver.print_file("next.gcode", tmp_path / "file")
    await driver.aclose()


async def test_a_cancelled_print_costs_what_it_used(another: PrusaLinkPeer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(gcode(400, 20))
    async with watching(quick(another.url, 0.1, api_key=KEY)) as watch:
        await watch.activity(Activity.IDLE)
        assert isinstance(watch.driver, TakesFiles)
        await watch.driver.print_file("next.gcode", tmp_path / "file")
        await watch.counted(Quantity.FILAMENT_UM, 60_000)
        await watch.driver.cancel()
        ended = await watch.next(JobEnded)
        assert (ended.outcome, ended.words[:7]) == (JobOutcome.CANCELLED, "STOPPED")
        printed = await asyncio.to_thread(another.printed)
        # a mark of the slicer in four lines, a poll in 100 ms, and the lines that PrusaLink has sent ahead
        short_um = printed.extruded_um - watch.counter(Quantity.FILAMENT_UM)
        assert 0 <= short_um <= 30_000
        assert abs(ended.job_time_ms - printed.time_ms) / 1000 <= within("job time of a PrusaLink")


async def test_a_broken_line_and_a_printer_that_halts(another: PrusaLinkPeer) -> None:
    async with watching(quick(another.url, 0.1, api_key=KEY)) as watch:
        await watch.activity(Activity.IDLE)
        for broken, whole in (("unplug", "plug"), ("mute", "plug")):
            another.tell(broken)
            assert (await watch.activity(Activity.UNREACHABLE)).words
            with pytest.raises(MachineUnreachable):
                await watch.driver.cancel()
            another.tell(whole)
            await watch.activity(Activity.IDLE)
        # PrusaLink runs on, and its printer says that it has stopped itself
        another.tell("say Error: HOTEND THERMAL RUNAWAY")
        another.tell("say Error:Printer halted. kill() called!")
        faulted = await watch.activity(Activity.FAULTED)
        assert "hardware issue" in faulted.words

"""Queued prints at a station: what a tap starts, on whose account, and what is said when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.driver import TakesFiles
from firmware_bridge.orders import NoOrders
from firmware_bridge.simulated.driver import SimulatedMachine, SimulatedSettings
from floor.access import AccountStanding, MemberStanding
from floor.errors import MachineFault
from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, Holding
from floor.wire.journal import AccountChosen, AlarmRaised, Fact, JobFinished, PrintFailed, PrintSent
from floor.wire.roster import QueuedPrint, RosterMachine
from floor.words import Activity, JobOutcome
from gateway.config import ServerConfig
from gateway.print_files import FOLDER, PrintFiles
from gateway.prints import START_S
from tests.kit.gateway import BEN, TARIFF, Bench

GCODE = b"; estimated printing time (normal mode) = 20s\nM83\nG1 X1 E1000\n; filament used [g] = 3.0\n"
POLICY = MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB)
ROBOTS = AccountStanding("robots", "Robots")
MEMBERS = {
    "ada": MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}, others=(ROBOTS,)),
    "ben": MemberStanding("ben", "Ben", "standard", "ben", allowed={"laser": 0}),
}


def queued(id: str, member: str = "ada", account: str = "") -> QueuedPrint:
    return QueuedPrint(
        id=id,
        member=member,
        account=account or member,
        name=f"{id}.gcode",
        sha256=hashlib.sha256(GCODE).hexdigest(),
        size=len(GCODE),
        token="00" * 16,
    )


class Printer(SimulatedMachine):
    """A printer that can be made slow to take a file, or unwilling."""

    taken: list[str]
    refuses = ""
    gate: asyncio.Event

    async def print_file(self, name: str, file: Path) -> None:
        self.taken.append(name)
        if self.refuses:
            raise MachineFault(self.refuses)
        await self.gate.wait()
        await super().print_file(name, file)


class Shop(Bench):
    """A station with a simulated printer in the bench's time, its orders carried out, its prints on disk."""

    printer: Printer

    def queue(self, n: int, *prints: QueuedPrint, here: bool = True) -> None:
        entry = RosterMachine(id="laser", name="Laser", policy=POLICY, tariffs=[TARIFF], prints=list(prints))
        self.roster.take(self.server.roster(n=n, members=MEMBERS, machines=[entry]))
        (self.folder / FOLDER).mkdir(exist_ok=True)
        if here:
            for one in prints:
                (self.folder / FOLDER / f"{one.id}.gcode").write_bytes(GCODE)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Make files and station anew, as a process does that begins."""
        self.prints = PrintFiles(self.folder, self.files_from, self.roster, self.metrics)
        self.rebuild()

    async def until(self, holds: Callable[[], bool], seconds: int = 30) -> None:
        """Let time pass until something holds."""
        for _ in range(seconds):
            for _ in range(20):
                if holds():
                    return
                await asyncio.sleep(0.005)
            await self.pass_s(1)
        raise AssertionError(f"not within {seconds} s; the panel says {self.said!r}")

    async def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in await self.facts() if isinstance(fact, kind)]

    async def alarms_told(self) -> list[str]:
        return [fact.code for fact in await self.facts() if isinstance(fact, AlarmRaised)]


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Shop]:
    bench = Shop(folder, POLICY, files_from=ServerConfig("http://127.0.0.1:1"))
    bench.printer = Printer(SimulatedSettings(1.0, 0.01), clock=lambda: bench.clock.monotonic / 1000)
    bench.printer.taken, bench.printer.gate = [], asyncio.Event()
    bench.printer.gate.set()
    bench.driver = bench.printer
    bench.queue(2)

    async def obey() -> None:
        while True:  # whichever station stands now
            station = bench.station
            task = asyncio.create_task(station.hands.run())
            while bench.station is station:
                await asyncio.sleep(0.005)
            task.cancel()

    async def listen() -> None:
        async for event in bench.printer.events():
            await bench.station.handle(event, 0.0)

    tasks = [asyncio.create_task(obey()), asyncio.create_task(listen())]
    try:
        yield bench
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        bench.journal.close()


def runs(bench: Shop) -> bool:
    return bench.station.side.job is not None


async def ready(bench: Shop, *prints: QueuedPrint, here: bool = True) -> None:
    bench.queue(3, *prints, here=here)
    bench.printer.set_activity(Activity.HELD)
    bench.printer.set_activity(Activity.IDLE)
    await bench.until(lambda: bench.station.side.reachable)


async def test_a_tap_starts_the_members_own_first_print_and_its_account_pays(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("b1", "ben"), queued("a1", account="robots"), queued("a2"))
        await bench.tap()
        assert bench.relay.is_on
        assert bench.said == "Your print begins soon: a1.gcode"
        await bench.until(lambda: runs(bench))
        assert bench.printer.taken == ["queue-a1.gcode"]
        session = bench.station.session_id
        assert await bench.of(PrintSent) == [PrintSent(print_id="a1", session_id=session or "")]
        assert [fact.account for fact in await bench.of(AccountChosen)] == ["robots"]
        await bench.tap()
        assert isinstance(bench.station.state, Holding)
        await bench.until(lambda: isinstance(bench.station.state, Free), seconds=180)
        (done,) = await bench.of(JobFinished)
        assert (done.session_id, done.name, done.outcome) == (session, "queue-a1.gcode", JobOutcome.DONE)
        await bench.tap()
        await bench.until(lambda: runs(bench))
        assert bench.printer.taken[1:] == ["queue-a2.gcode"], "the roster has the first one still"
        assert (tmp_path / FOLDER / "a1.sent").is_file()


async def test_what_was_printed_is_not_printed_again_by_a_process_that_begins_anew(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"))
        await bench.tap()
        await bench.until(lambda: (tmp_path / FOLDER / "a1.sent").is_file())
        bench.printer.finish()
        await bench.until(lambda: not runs(bench))
        bench.begin_anew()
        bench.printer.set_activity(Activity.HELD)
        bench.printer.set_activity(Activity.IDLE)
        await bench.until(lambda: bench.station.side.reachable)
        await bench.tap()
        assert not bench.station.prints.begins


async def test_a_printer_that_boots_has_time(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"))
        bench.printer.pull_cable()
        await bench.until(lambda: not bench.station.side.reachable)
        await bench.tap()
        await bench.pass_s(START_S - 20)
        bench.printer.plug_in()
        await bench.until(lambda: runs(bench))
        assert await bench.of(PrintFailed) == []


@pytest.mark.parametrize(
    ("here", "why"), [(True, "the machine is unreachable (the cable is out)"), (False, "has not come")]
)
async def test_what_does_not_start_in_time_is_said_and_waits_for_another_tap(
    tmp_path: Path, here: bool, why: str
) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"), here=here)
        bench.printer.pull_cable()
        await bench.until(lambda: not bench.station.side.reachable)
        await bench.tap()
        session = bench.station.session_id
        await bench.pass_s(START_S + 2)
        (failed,) = await bench.of(PrintFailed)
        assert (failed.print_id, failed.session_id) == ("a1", session)
        assert why in failed.words
        assert "print_not_started" in await bench.alarms_told()
        assert any("Your print did not begin: a1.gcode" in screen.lines for screen in bench.panel.screens)
        assert bench.station.session_id == session, "the machine may be used all the same"
        bench.printer.plug_in()
        await bench.tap()
        bench.queue(4, queued("a1"))
        bench.printer.set_activity(Activity.HELD)
        bench.printer.set_activity(Activity.IDLE)
        await bench.until(lambda: bench.station.side.reachable)
        await bench.tap()
        await bench.until(lambda: runs(bench))


async def test_a_printer_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"))
        bench.printer.refuses = "the bed is not clear"
        await bench.tap()
        await bench.until(lambda: not bench.station.prints.begins)
        await bench.pass_s(30)
        assert bench.printer.taken == ["queue-a1.gcode"]
        assert [fact.words for fact in await bench.of(PrintFailed)] == ["the bed is not clear"]


async def test_who_taps_out_while_the_file_is_on_the_way_has_it_cancelled(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"))
        bench.printer.gate.clear()
        await bench.tap()
        await bench.until(lambda: bool(bench.printer.taken))
        await bench.tap()
        assert isinstance(bench.station.state, Free)
        bench.printer.gate.set()
        await bench.until(lambda: bench.printer.activity is Activity.IDLE and not bench.station.prints.begins)
        await bench.until(lambda: not runs(bench))
        assert await bench.of(PrintSent) == []
        assert [fact.words for fact in await bench.of(PrintFailed)] == [
            "the session ended while its file was on the way"
        ]


async def test_who_taps_out_before_has_nothing_started(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"))
        bench.printer.pull_cable()
        await bench.until(lambda: not bench.station.side.reachable)
        await bench.tap()
        await bench.pass_s(2)
        await bench.tap()
        bench.printer.plug_in()
        await bench.pass_s(5)
        assert (bench.printer.taken, await bench.of(PrintFailed)) == ([], [])


async def test_an_account_that_is_not_theirs_any_more_leaves_the_default(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("b1", "ben", account="robots"))
        await bench.tap(BEN)
        await bench.until(lambda: runs(bench))
        assert await bench.of(AccountChosen) == []
        assert bench.station.lease
        assert bench.station.lease.account == "ben"


async def test_no_print_is_laid_over_another_job(tmp_path: Path) -> None:
    async with shop(tmp_path) as bench:
        await ready(bench, queued("a1"))
        bench.printer.start_job("somebody's.gcode", None, 60.0, {})
        await bench.until(lambda: runs(bench))
        await bench.tap()
        await bench.pass_s(90)
        assert bench.printer.taken == []


async def test_a_station_says_whether_files_can_be_handed_over(tmp_path: Path) -> None:
    class Deaf(NoOrders):
        name = "deaf"

        async def events(self):
            yield  # never read

    async with shop(tmp_path) as bench:
        assert isinstance(bench.printer, TakesFiles)
        assert not isinstance(Deaf(), TakesFiles)
        assert bench.station.view.wire().prints == "ready"
        bench.files_from = ServerConfig()
        bench.begin_anew()
        assert bench.station.view.wire().prints == "no_server"
        bench.driver = Deaf()
        bench.begin_anew()
        assert bench.station.view.wire().prints == "none"

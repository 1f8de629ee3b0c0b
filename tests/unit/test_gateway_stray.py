"""Jobs that begin while nobody has tapped, orders to machines, and codes in the names of jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.driver import Driver
from firmware_bridge.events import JobRefused
from firmware_bridge.orders import NoGate
from firmware_bridge.simulated.driver import SimulatedMachine, SimulatedSettings
from floor.access import AccountStanding, MemberStanding
from floor.errors import MachineFault
from floor.job_codes import code_of, codes_in
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnLeave, OnUnclaimedJob
from floor.session import Free, Holding, Running
from floor.wire.journal import AccountChosen, AlarmRaised, JobFinished, SessionEnded
from floor.words import Activity
from gateway.hands import MAX_WAITING, Hands
from tests.kit.gateway import BEN, Bench

TEAMS = (AccountStanding("robo-club", "Robo club"), AccountStanding("arts", "Arts"))
ADA = MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}, others=TEAMS, number="M-17")
BOTH = {"ada": ADA, "ben": MemberStanding("ben", "Ben", "standard", "ben", allowed={"laser": 0}, number="18")}


class Shop(Bench):
    """A station whose simulated printer runs in the time of the bench, with its orders carried out."""

    machine: SimulatedMachine

    async def print(self, name: str, seconds: float = 600.0) -> None:
        self.machine.start_job(name, None, seconds, {Quantity.FILAMENT_UM: 60_000})
        await self.settle()

    async def settle(self) -> None:
        """Let orders be carried out and their echo be heard."""
        for _ in range(3):
            await asyncio.sleep(0.03)

    async def alarms_told(self) -> list[str]:
        return [fact.code for fact in await self.facts() if isinstance(fact, AlarmRaised)]


@asynccontextmanager
async def shop(folder: Path, on_unclaimed: OnUnclaimedJob, *, seen_idle: bool = True) -> AsyncIterator[Shop]:
    policy = MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB, on_unclaimed_job=on_unclaimed, claim_s=60)
    bench = Shop(folder, policy)
    settings = SimulatedSettings(1.0, 0.01)
    bench.machine = SimulatedMachine(settings, clock=lambda: bench.clock.monotonic / 1000)
    bench.driver = bench.machine
    bench.rebuild()
    bench.roster.take(bench.server.roster(n=2, policy=policy, members=BOTH))

    async def listen() -> None:
        async for event in bench.machine.events():
            await bench.station.handle(event, 0.0)

    if not seen_idle:
        async with aclosing(bench.machine.events()) as before:  # nobody told the station that it was idle
            await anext(before)
            await anext(before)
        bench.machine.start_job("ran before.gcode", None, 600.0, {})
    tasks = [asyncio.create_task(bench.station.hands.run()), asyncio.create_task(listen())]
    await bench.settle()
    try:
        yield bench
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        bench.journal.close()


async def test_a_stray_job_is_reported_and_goes_on(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.REPORT) as bench:
        await bench.print("a.gcode")
        assert await bench.alarms_told() == ["job_without_session"]
        assert bench.machine.activity is Activity.BUSY
        await bench.pass_s(50)
        await bench.tap()
        assert isinstance(bench.station.state, Running)
        assert bench.station.state.job, "whoever taps answers for the job that runs"
        assert bench.station.side.used(bench.clock.monotonic)[Quantity.BUSY_TIME_MS] == 0


async def test_a_stray_job_is_cancelled(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.CANCEL) as bench:
        await bench.print("a.gcode")
        assert bench.machine.activity is Activity.IDLE
        facts = await bench.facts()
        assert [fact.session_id for fact in facts if isinstance(fact, JobFinished)] == [None]
        assert isinstance(bench.station.state, Free)


async def test_a_stray_job_is_held_until_a_tap_that_owns_all_of_it(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.HOLD) as bench:
        await bench.print("a.gcode")
        assert bench.machine.activity is Activity.HELD
        assert bench.said == "A job waits: tap to go on"
        await bench.pass_s(3600)
        await bench.tap()
        await bench.settle()
        assert bench.machine.activity is Activity.BUSY
        await bench.pass_s(600)
        await bench.settle()
        await bench.tap()
        used = next(fact.counters for fact in await bench.facts() if isinstance(fact, SessionEnded))
        assert used[Quantity.FILAMENT_UM] == 60_000
        assert used[Quantity.JOBS] == 1


@pytest.mark.parametrize(("waited_s", "theirs"), [(60, True), (61, False)])
async def test_the_next_tap_within_a_minute_claims_a_job_from_its_start(
    tmp_path: Path, waited_s: int, theirs: bool
) -> None:
    async with shop(tmp_path, OnUnclaimedJob.CLAIM) as bench:
        await bench.print("a.gcode")
        assert await bench.alarms_told() == ["job_without_session"]
        await bench.pass_s(waited_s)
        await bench.settle()
        await bench.tap()
        used = bench.station.side.used(bench.clock.monotonic)
        assert used.get(Quantity.FILAMENT_UM, 0) == (6_000 if theirs else 0)
        assert used[Quantity.BUSY_TIME_MS] == (waited_s * 1000 if theirs else 0)
        assert used[Quantity.MACHINE_TIME_MS] == 0, "power is paid from the tap on"
        await bench.tap()
        assert isinstance(bench.station.state, Holding), "the job that was claimed holds the machine"


async def test_a_job_with_a_code_is_claimed_by_those_it_names_alone(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.HOLD) as bench:
        await bench.print("hull_mf-roboclub.gcode")
        await bench.tap(BEN)
        assert bench.machine.activity is Activity.HELD
        assert "in_use" in [getattr(fact, "reason", "") for fact in await bench.facts()]
        await bench.tap()
        await bench.settle()
        assert bench.machine.activity is Activity.BUSY
        chosen = [fact.account for fact in await bench.facts() if isinstance(fact, AccountChosen)]
        assert chosen == ["robo-club"]


async def test_a_members_own_number_is_a_code_and_changes_no_account(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.CLAIM) as bench:
        await bench.print("cup mf-M17.gcode")
        await bench.tap(BEN)
        assert isinstance(bench.station.state, Free)
        await bench.tap()
        assert isinstance(bench.station.state, Running)
        assert bench.station.state.lease.account == "ada"


async def test_a_job_that_begins_in_a_session_is_paid_by_the_team_in_its_name(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.CANCEL) as bench:
        await bench.tap()
        await bench.print("poster_mf-arts_v2.gcode")
        assert isinstance(bench.station.state, Running)
        assert bench.station.state.lease.account == "arts"
        assert bench.machine.activity is Activity.BUSY


async def test_a_job_that_ran_before_the_gateway_began_is_not_cut(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.CANCEL, seen_idle=False) as bench:
        assert bench.machine.activity is Activity.BUSY
        assert await bench.alarms_told() == ["job_without_session"]


async def test_an_order_that_fails_is_told(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.HOLD) as bench:
        bench.station.hands.give("hold", lambda driver: driver.hold())
        await bench.settle()
        alarms = [fact for fact in await bench.facts() if isinstance(fact, AlarmRaised)]
        assert [(alarm.code, alarm.words) for alarm in alarms] == [
            ("order_failed", "hold: simulated machine has no job")
        ]


async def test_work_that_a_gate_kept_away_is_told(tmp_path: Path) -> None:
    async with shop(tmp_path, OnUnclaimedJob.REPORT) as bench:
        await bench.station.handle(JobRefused("G1 X10"), 0.0)
        assert await bench.alarms_told() == ["job_refused"]


class Gated(NoGate):
    """A driver of which only the gate is used."""

    def __init__(self) -> None:
        self.gate: list[bool] = []

    def authorise(self, allowed: bool) -> None:
        self.gate.append(allowed)


async def test_the_gate_is_open_while_a_session_has_power(tmp_path: Path) -> None:
    driver = Gated()
    bench = Bench(tmp_path, driver=driver)  # type: ignore[arg-type]
    await bench.tap()
    assert driver.gate == [True]
    await bench.tap()
    assert driver.gate == [True, False]
    bench.journal.close()


async def test_orders_are_bounded_and_a_slow_machine_keeps_nobody_waiting() -> None:
    failed: list[tuple[str, str]] = []
    hands = Hands(SimulatedMachine(), lambda what, why: failed.append((what, why)))

    async def refuse(_: Driver) -> None:
        raise MachineFault("not now")

    for _ in range(MAX_WAITING + 1):
        hands.give("hold", refuse)
    assert failed == [("hold", f"{MAX_WAITING} orders wait already")]
    task = asyncio.create_task(hands.run())
    await asyncio.sleep(0)
    task.cancel()
    assert failed[1:] == [("hold", "not now")] * MAX_WAITING


@pytest.mark.parametrize(
    ("job", "codes"),
    [
        ("bracket_mf-robots.gcode", {"robots"}),
        ("MF-Robots cup.gcode", {"robots"}),
        ("a mf-r2 b[mf-17].gcode", {"r2", "17"}),
        ("lmf-robots.gcode", set()),
        ("mf-.gcode", set()),
        ("mf-" + "x" * 33 + ".gcode", set()),
        ("plain.gcode", set()),
    ],
)
def test_codes_in_the_names_of_jobs(job: str, codes: set[str]) -> None:
    assert codes_in(job) == codes


def test_the_code_of_a_name() -> None:
    assert (code_of("Robo-Club_2"), code_of("M-17"), code_of("机器人")) == ("roboclub2", "m17", "")

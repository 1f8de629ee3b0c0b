"""A session that the process before left running: it goes on when that is proven, else it ends there."""

from dataclasses import replace

import pytest

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, ReadingTaken
from firmware_bridge.simulated.driver import SimulatedMachine
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, Holding, LockedOut, Running
from floor.wire.messages import LockOut, Stop
from floor.words import Activity, InputRole, JobOutcome, StopType, Trip
from gateway import adoption
from gateway.wiring import Ordered
from hardware.simulated import SimulatedInput
from tests.kit.gateway import Bench

PRINTER = MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB)
BUSY = ActivityChanged(Activity.BUSY)
GEAR = JobStarted("1", "gear.gcode", None)


class Restart:
    """A bench on which a session runs, and the bench of the process that comes after it."""

    def __init__(self, folder, driver=True):
        self.folder, self.driver = folder, driver
        self.before = self.make()

    def make(self):
        return Bench(self.folder, PRINTER, SimulatedMachine() if self.driver else None, keeps=True)

    async def use(self, *events, seconds=45):
        """Tap, let the machine say this, and let time pass."""
        await self.before.tap()
        for event in events:
            await self.before.station.handle(event, 0.0)
        await self.before.pass_s(seconds)

    async def cut(self, gone_s=100, **clock):
        """End the process; return the next one's bench, after so many seconds."""
        before = self.before
        await before.facts()
        before.journal.close()
        after = self.make()
        vars(after.clock).update(vars(before.clock) | clock)
        after.clock.pass_s(gone_s)
        after.relay = before.relay
        after.rebuild()
        (self.record,) = after.journal.sessions()
        assert adoption.offer([self.record], {"laser": after.station}) == {"laser": self.record}
        after.station.adoption.offer(self.record)
        self.before = after
        return after


@pytest.fixture
async def printer(tmp_path):
    made = Restart(tmp_path)
    yield made
    made.before.journal.close()


@pytest.fixture
async def saw(tmp_path):
    made = Restart(tmp_path, driver=False)
    yield made
    made.before.journal.close()


async def ended(bench):
    (fact,) = [fact for fact in await bench.facts() if fact.type == "session_ended"]
    return fact


async def refuted(bench):
    """The session is over where it was proven last, and nothing has power."""
    assert bench.station.adoption.session_id is None
    assert isinstance(bench.station.state, Free)
    assert not bench.relay.is_on
    fact = await ended(bench)
    return fact.stop_type is StopType.POWER_LOST and fact.elapsed_ms


async def test_a_closed_contact_proves_the_session_of_a_machine_that_says_nothing(saw):
    await saw.use()
    after = await saw.cut(gone_s=100)
    history = list(after.relay.history)
    await after.pass_s(1)
    assert isinstance(after.station.state, Running)
    assert after.station.session_id == saw.record.lease.session_id
    assert after.station.lease.shown == "Ada"
    assert after.said == "Your session goes on"
    await after.pass_s(9)
    assert list(after.relay.history) == history, "nothing was switched"
    await after.tap()
    fact = await ended(after)
    assert (fact.stop_type, fact.elapsed_ms) == (StopType.TAP_OUT, 155_000)
    assert fact.counters == {Quantity.MACHINE_TIME_MS: 155_000}
    text = after.metrics.exposition().decode()
    assert 'powered_without_session_seconds_total{machine="laser"} 0.0' in text


async def test_a_session_goes_on_again_and_again_with_its_own_end(saw):
    await saw.use()
    for _ in range(2):
        after = await saw.cut(gone_s=100)
        await after.pass_s(1)
    most_s = saw.record.lease.max_duration_s
    await after.pass_s(1)
    after.clock.pass_s(most_s)
    await after.pass_s(1)
    fact = await ended(after)
    assert fact.stop_type is StopType.MAX_DURATION
    assert fact.session_id == saw.record.lease.session_id


@pytest.mark.parametrize(
    ("clock", "lasted_ms"),
    [
        ({"boot_id": "boot-2", "monotonic": 5_000}, 30_000 + 1_000),
        ({"boot_id": "boot-2", "monotonic": 5_000, "error": 50}, 30_000 + 15_000 + 102_000),
    ],
)
async def test_across_a_boot_the_wall_clock_counts_where_it_is_known(saw, clock, lasted_ms):
    error = clock.pop("error", None)
    saw.before.clock.error = error
    await saw.use()
    after = await saw.cut(gone_s=100, **clock)
    await after.pass_s(1)
    await after.pass_s(1)
    await after.tap()
    fact = await ended(after)
    assert fact.stop_type is StopType.TAP_OUT
    assert fact.elapsed_ms == lasted_ms


async def test_the_job_that_ran_must_run_still_and_its_counters_go_on(printer):
    used = {Quantity.FILAMENT_MG: 5_000}
    await printer.use(BUSY, GEAR, ReadingTaken(used), seconds=31)
    await printer.before.tap()
    assert isinstance(printer.before.station.state, Holding)
    after = await printer.cut()
    await after.pass_s(2)
    assert isinstance(after.station.state, Free), "nobody has heard of the job yet"
    assert after.relay.is_on
    for event in (BUSY, GEAR):
        await after.station.handle(event, 0.0)
    assert isinstance(after.station.state, Holding)
    await after.station.handle(ReadingTaken({Quantity.FILAMENT_MG: 700}), 0.0)
    await after.station.handle(JobEnded("1", JobOutcome.DONE, 9_000), 0.0)
    fact = await ended(after)
    assert fact.stop_type is StopType.JOB_DONE
    assert fact.counters[Quantity.FILAMENT_MG] == 5_700
    assert "job_without_session" not in [getattr(one, "code", "") for one in await after.facts()]


@pytest.mark.parametrize(
    "events",
    [
        (BUSY, JobStarted("1", "other.gcode", None)),
        (ActivityChanged(Activity.IDLE),),
        (ActivityChanged(Activity.FAULTED, "cold"),),
    ],
    ids=["another job", "no job", "a fault"],
)
async def test_another_job_or_none_ends_the_session_where_it_was_proven(printer, events):
    await printer.use(BUSY, GEAR)
    after = await printer.cut()
    for event in events:
        await after.station.handle(event, 0.0)
    await after.pass_s(1)
    assert not after.relay.is_on
    fact = await ended(after)
    assert (fact.stop_type, fact.elapsed_ms) == (StopType.POWER_LOST, 30_000)


async def test_a_machine_that_cannot_be_asked_proves_nothing(printer):
    await printer.use(BUSY, GEAR)
    after = await printer.cut()
    await after.pass_s(29)
    assert after.relay.is_on
    await after.pass_s(2)
    assert await refuted(after) == 30_000


async def test_a_contact_that_is_open_or_cannot_be_read_gets_no_power(saw):
    await saw.use()
    after = await saw.cut()
    after.relay.off()
    history = list(after.relay.history)
    await after.pass_s(1)
    assert await refuted(after) == 30_000
    assert list(after.relay.history) == history


async def test_nobody_begins_while_the_proof_is_awaited_and_staff_may_end_it(printer):
    await printer.use(BUSY, GEAR)
    after = await printer.cut()
    await after.tap()
    assert after.said == "Somebody else is using this machine."
    order = Stop(machine="laser", session_id=printer.record.lease.session_id)
    await after.station.handle(Ordered(order, "tech"), 0.0)
    assert await refuted(after) == 30_000


async def test_a_lockout_or_a_contact_that_tripped_ends_it(saw, tmp_path_factory):
    await saw.use()
    after = await saw.cut()
    await after.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    assert not after.relay.is_on
    await after.pass_s(1)
    assert (await ended(after)).stop_type is StopType.POWER_LOST
    assert adoption.offer([saw.record], {"laser": after.station}) == {}


async def test_an_emergency_stop_that_was_pressed_meanwhile_is_read_first(saw):
    await saw.use()
    after = await saw.cut()
    stop = SimulatedInput("stop", InputRole.EMERGENCY_STOP, active=True)
    after.station.devices = replace(after.station.devices, inputs=(stop,))
    await after.pass_s(1)
    assert not after.relay.is_on
    assert isinstance(after.station.state, LockedOut)
    fact = await ended(after)
    assert (fact.stop_type, fact.elapsed_ms) == (StopType.POWER_LOST, 30_000)


async def test_only_proven_power_of_a_session_is_left(saw):
    station = saw.before.station
    assert not adoption.leaves(station), "nobody uses it"
    await saw.use()
    assert type(saw.before.relay).__name__ == "SimulatedRelay"
    assert not adoption.leaves(station), "a simulated relay ends with its process"
    saw.before.relay.leave = lambda: None
    assert adoption.leaves(station)
    saw.before.roster.take(saw.before.server.roster(2, policy=MachinePolicy(hazardous=True)))
    assert not adoption.leaves(station)


async def test_what_was_told_to_open_is_not_left_closed(saw):
    await saw.use()
    saw.before.relay.leave = lambda: None
    assert adoption.leaves(saw.before.station)
    saw.before.station.inputs.latched = Trip.EMERGENCY_STOP
    assert not adoption.leaves(saw.before.station)
    saw.before.station.inputs.latched = None
    saw.before.relay.weld()
    saw.before.relay.off()
    assert not adoption.leaves(saw.before.station)

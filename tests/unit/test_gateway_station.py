"""A station with simulated devices: what a person sees, and what the journal says."""

import asyncio
import time

import pytest

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, ReadingTaken
from firmware_bridge.simulated.driver import SimulatedMachine
from floor.access import MemberStanding
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, Holding, LockedOut
from floor.wire.journal import AlarmRaised, SessionEnded, SessionStarted, TapRefused
from floor.wire.messages import Clear, LockOut, Stop
from floor.words import Activity, DenialReason, JobOutcome, StopType
from gateway.wiring import Ordered, RosterChanged
from hardware.ports import Lamp
from tests.kit.gateway import ADA, BEN, EVE, NOW_MS, Bench


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture
async def printer(tmp_path):
    policy = MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB, idle_after_s=600)
    made = Bench(tmp_path, policy, SimulatedMachine())
    yield made
    made.journal.close()


async def test_a_tap_gives_power_after_the_start_is_on_disk(bench):
    await bench.tap()
    assert bench.relay.is_on
    started = (await bench.facts())[0]
    assert isinstance(started, SessionStarted)
    assert (started.member, started.machine, started.late_journal) == ("ada", "laser", False)
    assert bench.panel.screens[-1].lamp is Lamp.GREEN


async def test_the_second_tap_takes_power_away_and_meters_the_time(bench):
    await bench.tap()
    await bench.pass_s(90)
    await bench.tap()
    assert not bench.relay.is_on
    ended = (await bench.facts())[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.stop_type, ended.elapsed_ms) == (StopType.TAP_OUT, 90_000)
    assert ended.counters[Quantity.MACHINE_TIME_MS] == 90_000


async def test_the_running_price_is_what_the_tariff_says(bench):
    await bench.tap()
    await bench.pass_s(90)
    assert bench.station.view.wire().price_micro == 1_500_000


@pytest.mark.parametrize(
    ("uid", "reason"), [(EVE, DenialReason.UNKNOWN_BADGE), (BEN, DenialReason.NOT_CERTIFIED)]
)
async def test_a_refusal_is_said_and_recorded(bench, uid, reason):
    await bench.tap(uid)
    assert not bench.relay.is_on
    refused = (await bench.facts())[0]
    assert isinstance(refused, TapRefused)
    assert refused.reason is reason
    assert bench.panel.screens[-1].lamp is Lamp.RED


async def test_a_member_is_refused_in_their_own_language(bench):
    standing = MemberStanding("ben", "Ben", "standard", "ben", language="zh")
    bench.roster.take(bench.server.delta(1, 2, members={"ben": standing}))
    await bench.tap(BEN)
    assert bench.said == "您需要先完成此设备的培训。"


async def test_an_expired_member_and_an_old_roster_are_refused(bench):
    standing = MemberStanding("ada", "Ada", "standard", "ada", until_ms=NOW_MS - 1, allowed={"laser": 0})
    bench.roster.take(bench.server.delta(1, 2, members={"ada": standing}))
    await bench.tap()
    bench.clock.pass_s(8 * 86_400)
    bench.roster.take(bench.server.roster(3))
    bench.clock.pass_s(8 * 86_400)
    await bench.tap()
    reasons = [fact.reason for fact in await bench.facts() if isinstance(fact, TapRefused)]
    assert reasons == [DenialReason.MEMBERSHIP_EXPIRED, DenialReason.ROSTER_TOO_OLD]


async def test_a_machine_that_does_not_answer_is_refused_where_the_policy_asks(tmp_path):
    bench = Bench(tmp_path, MachinePolicy(needs_machine_reachable=True), SimulatedMachine())
    await bench.station.handle(ActivityChanged(Activity.UNREACHABLE, "no route"), 0.0)
    await bench.tap()
    assert not bench.relay.is_on
    assert bench.said == "The machine does not answer. Staff have been told."
    bench.journal.close()


async def test_a_printer_finishes_its_job_after_its_member_left(printer):
    await printer.tap()
    await printer.station.handle(ActivityChanged(Activity.BUSY), 0.0)
    await printer.station.handle(JobStarted("1", "gear.gcode", None), 0.0)
    await printer.tap()
    assert isinstance(printer.station.state, Holding)
    assert printer.relay.is_on
    await printer.pass_s(60)
    used = {Quantity.FILAMENT_MG: 12_000, Quantity.JOB_TIME_MS: 61_000, Quantity.JOBS: 1}
    await printer.station.handle(ReadingTaken(used), 0.0)
    await printer.station.handle(JobEnded("1", JobOutcome.DONE, 61_000), 0.0)
    assert not printer.relay.is_on
    facts = {fact.type: fact for fact in await printer.facts()}
    assert facts["session_ended"].stop_type is StopType.JOB_DONE
    assert facts["session_ended"].counters[Quantity.FILAMENT_MG] == 12_000
    assert facts["session_ended"].counters[Quantity.BUSY_TIME_MS] == 60_000
    assert facts["job_finished"].session_id == facts["session_started"].session_id


async def test_a_job_that_nobody_authorised_is_reported(printer):
    await printer.station.handle(JobStarted("1", "secret.gcode", "root"), 0.0)
    alarms = [fact for fact in await printer.facts() if isinstance(fact, AlarmRaised)]
    assert [alarm.code for alarm in alarms] == ["job_without_session"]


async def test_an_idle_session_is_warned_and_ended(printer):
    await printer.station.handle(ActivityChanged(Activity.IDLE), 0.0)
    await printer.tap()
    await printer.pass_s(545)
    assert printer.said == "Still there? The session ends soon"
    await printer.pass_s(60)
    assert isinstance(printer.station.state, Free)
    assert (await printer.facts())[-1].stop_type is StopType.IDLE


async def test_a_fault_locks_the_machine_out_until_staff_clear_it(printer):
    await printer.tap()
    await printer.station.handle(ActivityChanged(Activity.FAULTED, "THERMAL RUNAWAY"), 0.0)
    assert not printer.relay.is_on
    assert printer.said == "THERMAL RUNAWAY"
    await printer.tap()
    assert printer.said == "Out of order. Staff have to clear this machine."
    await printer.station.handle(Ordered(Clear(machine="laser", reason="cleaned"), "tech"), 0.0)
    await printer.station.handle(ActivityChanged(Activity.IDLE), 0.0)
    await printer.tap()
    assert printer.relay.is_on


async def test_a_welded_relay_locks_the_machine_out(bench):
    await bench.tap()
    bench.relay.weld()
    await bench.tap()
    await bench.pass_s(3)
    assert isinstance(bench.station.state, LockedOut)
    assert "The relay did not open" in bench.said
    text = bench.metrics.exposition().decode()
    assert 'makerfloor_relay_mismatch{machine="laser"} 1.0' in text
    assert 'powered_without_session_seconds_total{machine="laser"} 3.0' in text


async def test_a_contact_that_was_seen_while_it_moved_keeps_nobody_out_once_it_is_there(bench):
    await bench.tap()
    bench.relay.weld()
    await bench.tap()
    await bench.pass_s(1)
    await bench.tap()
    assert (await bench.facts())[-1].reason is DenialReason.MACHINE_NOT_SAFE
    bench.relay.repair()
    await bench.tap()
    assert bench.relay.is_on
    bench.relay.stick_open()  # the next look comes while it moves, a second after the one that doubted it
    await bench.pass_s(1)
    assert not isinstance(bench.station.state, LockedOut)


async def test_a_dead_contactor_ends_the_session(bench):
    bench.relay.stick_open()
    await bench.tap()
    await bench.pass_s(3)
    assert isinstance(bench.station.state, LockedOut)
    assert not bench.relay.is_on


async def test_a_stop_names_its_session_and_a_late_one_ends_no_other(bench):
    await bench.tap()
    first = bench.station.session_id
    await bench.tap()
    await bench.tap()
    await bench.station.handle(Ordered(Stop(machine="laser", session_id=first), "tech"), 0.0)
    assert bench.relay.is_on
    second = bench.station.session_id
    await bench.station.handle(Ordered(Stop(machine="laser", session_id=second), "tech"), 0.0)
    assert not bench.relay.is_on


async def test_a_lockout_by_staff_is_known_after_a_restart(tmp_path):
    bench = Bench(tmp_path)
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    await bench.facts()
    bench.journal.close()
    again = Bench(tmp_path)
    assert again.journal.lockouts() == {"laser": "belt torn"}
    again.journal.close()


async def test_a_lockout_in_the_roster_is_obeyed_and_lifted_with_it(bench):
    bench.roster.take(bench.server.roster(2, lockout="lens broken"))
    await bench.station.handle(RosterChanged(), 0.0)
    assert isinstance(bench.station.state, LockedOut)
    bench.roster.take(bench.server.roster(3))
    await bench.station.handle(RosterChanged(), 0.0)
    assert isinstance(bench.station.state, Free)


async def test_spent_credit_is_warned_of_and_a_running_job_goes_on(bench):
    standing = MemberStanding(
        "ada", "Ada", "standard", "ada", spendable_micro=1_000_000, allowed={"laser": 0}
    )
    bench.roster.take(bench.server.delta(1, 2, members={"ada": standing}))
    await bench.tap()
    await bench.pass_s(61)
    assert bench.relay.is_on
    assert bench.said == "Your credit is used up; what follows is owed"


async def test_checkpoints_prove_activity(bench):
    await bench.tap()
    await bench.pass_s(65)
    metered = [fact for fact in await bench.facts() if fact.type == "session_metered"]
    assert [fact.elapsed_ms for fact in metered] == [30_000, 60_000]


async def test_a_session_cut_off_by_a_power_loss_ends_at_its_last_proven_activity(tmp_path):
    bench = Bench(tmp_path)
    await bench.tap()
    await bench.pass_s(45)
    await bench.facts()
    bench.journal.close()
    again = Bench(tmp_path)
    (found,) = again.journal.sessions()
    again.station.tab.restore(found.lease, found.marks)
    ended = (await again.facts())[-1]
    assert (ended.stop_type, ended.elapsed_ms) == (StopType.POWER_LOST, 30_000)
    assert not again.relay.is_on
    assert [found.ended.stop_type for found in again.journal.sessions()] == [StopType.POWER_LOST]
    again.journal.acknowledge(again.journal.next_seq - 1)
    assert list(again.journal.sessions()) == []
    again.journal.close()


async def test_a_step_of_the_wall_clock_changes_no_session(bench):
    await bench.tap()
    await bench.pass_s(10)
    bench.clock.wall -= 3 * 365 * 86_400_000
    await bench.pass_s(10)
    bench.clock.wall += 4 * 365 * 86_400_000
    await bench.tap()
    assert (await bench.facts())[-1].elapsed_ms == 20_000


async def test_whatever_fails_leaves_the_machine_without_power(bench, monkeypatch):
    task = asyncio.create_task(bench.station.run())
    await bench.tap()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.roster, "look_up", broken)
    from floor.words import BadgeKind
    from hardware.events import BadgeTapped

    await bench.station.put(BadgeTapped(ADA, BadgeKind.UID_125KHZ))
    deadline = time.monotonic() + 5
    while not isinstance(bench.station.state, LockedOut) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert isinstance(bench.station.state, LockedOut)
    assert not bench.relay.is_on
    task.cancel()

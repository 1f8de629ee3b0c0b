"""Who may tap when: supervisors, technicians, two at once, a run-on, an old roster. See docs/taps.md."""

import pytest

from firmware_bridge.events import ActivityChanged, JobStarted
from firmware_bridge.simulated.driver import SimulatedMachine
from floor.access import BadgeStanding, MemberStanding
from floor.ids import badge_reference
from floor.policy import DAY_S, MachinePolicy, OnCreditSpent
from floor.session import Free, LockedOut, Running, RunOn, Waiting
from floor.wire.messages import Clear, LockOut
from floor.words import Activity, BadgeKind, DenialReason, InputRole, Purpose, StopType, Trip
from gateway.wiring import Ordered, RosterChanged
from hardware.events import ButtonPressed, InputChanged
from hardware.simulated import SimulatedInput
from tests.kit.gateway import ADA, BADGE_KEY, BEN, EVE, TARIFF, Bench

MEMBERS = {
    "ada": MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}),
    "ben": MemberStanding("ben", "Ben", "standard", "ben", allowed={"laser": 0}, spendable_micro=0),
    "eve": MemberStanding("eve", "Eve", "standard", "eve", technician=True),
}
BADGES = {
    badge_reference(BADGE_KEY, uid): BadgeStanding(name, BadgeKind.UID_125KHZ)
    for uid, name in ((ADA, "ada"), (BEN, "ben"), (EVE, "eve"))
}


def benched(folder, policy=None, driver=None, **ben):
    """Ada may use the laser; so may Ben, who has no credit; Eve is a technician without training."""
    bench = Bench(folder, policy or MachinePolicy(), driver)
    members = MEMBERS | {"ben": MemberStanding(**{**fields_of(MEMBERS["ben"]), **ben})}
    bench.roster.take(bench.server.roster(2, policy=bench.policy, members=members, badges=BADGES))
    return bench


def fields_of(member):
    return {name: getattr(member, name) for name in member.__slots__}


@pytest.fixture
async def bench(tmp_path, request):
    made = benched(tmp_path, **getattr(request, "param", {}))
    yield made
    made.journal.close()


GUARDED = {"policy": MachinePolicy(needs_supervisor=True, run_on_s=60), "supervisor": True}


async def reasons(bench):
    return [fact.reason for fact in await bench.facts() if fact.type == "tap_refused"]


async def alarms(bench):
    return [fact for fact in await bench.facts() if fact.type == "alarm_raised"]


async def started(bench):
    return [fact for fact in await bench.facts() if fact.type == "session_started"]


@pytest.mark.parametrize("bench", [GUARDED], indirect=True)
async def test_a_supervisors_tap_begins_the_members_session(bench):
    await bench.tap(ADA)
    assert not bench.relay.is_on
    assert bench.said == "A supervisor has to tap now, within 30 s"
    await bench.pass_s(29)
    await bench.tap(BEN)
    assert bench.relay.is_on
    (fact,) = await started(bench)
    assert (fact.member, fact.supervisor) == ("ada", "ben")
    await bench.tap(ADA)
    assert not bench.relay.is_on
    await bench.tap(BEN)
    assert await reasons(bench) == [DenialReason.NO_CREDIT], "alone they pay, as everybody"


@pytest.mark.parametrize("bench", [GUARDED | {"spendable_micro": None}], indirect=True)
async def test_a_supervisor_begins_alone(bench):
    await bench.tap(BEN)
    assert bench.relay.is_on


@pytest.mark.parametrize("bench", [GUARDED], indirect=True)
async def test_without_a_supervisor_in_time_the_member_is_refused_with_its_own_reason(bench):
    await bench.tap(ADA)
    await bench.pass_s(31)
    assert bench.station.state == Free()
    assert bench.said == "No supervisor tapped in time. Tap again, then let them tap."
    (refused,) = [fact for fact in await bench.facts() if fact.type == "tap_refused"]
    assert (refused.reason, refused.member) == (DenialReason.NO_SUPERVISOR, "ada")
    assert refused.badge == badge_reference(BADGE_KEY, ADA)
    await bench.tap(BEN)
    assert not bench.relay.is_on, "too late"


@pytest.mark.parametrize("bench", [GUARDED], indirect=True)
async def test_neither_the_member_nor_who_is_not_trained_stands_by(bench):
    await bench.tap(ADA)
    await bench.tap(ADA)
    await bench.tap(EVE)
    assert isinstance(bench.station.state, Waiting)
    assert await reasons(bench) == [DenialReason.NOT_CERTIFIED]
    bench.station.inputs._heard = {}
    await bench.station.handle(ButtonPressed(InputRole.END), 0.0)
    assert bench.station.state == Free()


@pytest.mark.parametrize("bench", [{"spendable_micro": None}], indirect=True)
async def test_of_two_who_tap_at_once_one_has_the_machine(bench):
    for uid in (BEN, ADA):
        await bench.station.put(tapped(uid))
    for _ in range(2):
        since, event = bench.station._queue.get_nowait()
        await bench.station.handle(event, since)
    assert bench.station.lease.member == "ben"
    assert [fact.member for fact in await started(bench)] == ["ben"]
    assert await reasons(bench) == [DenialReason.IN_USE]


def tapped(uid):
    from hardware.events import BadgeTapped

    return BadgeTapped(uid, BadgeKind.UID_125KHZ)


@pytest.mark.parametrize("bench", [{"policy": MachinePolicy(run_on_s=60)}], indirect=True)
async def test_a_tap_during_the_run_on_begins_and_the_extraction_never_stops(bench):
    await bench.tap()
    await bench.tap()
    assert isinstance(bench.station.state, RunOn)
    changes = len(bench.extraction.history)
    await bench.pass_s(30)
    await bench.tap()
    await bench.pass_s(60)
    assert isinstance(bench.station.state, Running)
    assert bench.extraction.is_on
    assert set(list(bench.extraction.history)[changes:]) <= {True}


@pytest.mark.parametrize("bench", [{"policy": MachinePolicy(card_must_stay=True)}], indirect=True)
async def test_a_card_that_stays_is_no_second_tap(bench):
    await bench.tap()
    await bench.tap()
    assert bench.relay.is_on, "its reader was lost and found it again"


# A technician's repair


@pytest.fixture
async def broken(bench):
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    return bench


async def test_a_technician_repairs_what_is_out_of_order_for_nothing(broken):
    await broken.tap(ADA)
    assert not broken.relay.is_on
    await broken.tap(EVE)
    assert broken.relay.is_on
    assert broken.said == "Repair: the machine stays out of order"
    assert broken.station.view.wire().words == "Repair: belt torn"
    await broken.tap(ADA)
    assert broken.station.lease.member == "eve", "nobody takes it over"
    await broken.pass_s(3600)
    assert broken.station.view.price(broken.clock.monotonic).total_micro == 0
    await broken.tap(EVE)
    assert broken.station.state == LockedOut("belt torn")
    assert not broken.relay.is_on
    (fact,) = await started(broken)
    assert (fact.purpose, fact.tier, fact.member) == (Purpose.REPAIR, "repair", "eve")


async def test_a_tariff_may_price_repairs(broken):
    tariff = TARIFF | {"tiers": {"repair": {"multiplier": "0.5"}}}
    machine = broken.roster.machines["laser"].entry.model_copy(update={"tariffs": [tariff]})
    members = MEMBERS | {"ben": MEMBERS["ben"]}
    broken.roster.take(broken.server.roster(3, members=members, badges=BADGES, machines=[machine]))
    await broken.tap(EVE)
    await broken.pass_s(3600)
    assert broken.station.view.price(broken.clock.monotonic).total_micro == 30_000_000


async def test_a_machine_that_is_cleared_while_it_is_repaired_is_in_order(broken):
    await broken.tap(EVE)
    await broken.station.handle(RosterChanged(), 0.0)
    assert broken.relay.is_on
    await broken.station.handle(Ordered(Clear(machine="laser", reason="new belt"), "tech"), 0.0)
    assert broken.relay.is_on
    assert (await broken.kinds())[-1] == "machine_cleared"
    await broken.tap(EVE)
    assert broken.station.state == Free()


async def test_a_roster_that_carries_the_lockout_ends_no_repair(broken):
    members = MEMBERS
    roster = broken.server.roster(3, lockout="belt torn", members=members, badges=BADGES)
    broken.roster.take(roster)
    await broken.tap(EVE)
    broken.roster.take(broken.server.roster(4, lockout="belt torn", members=members, badges=BADGES))
    await broken.station.handle(RosterChanged(), 0.0)
    assert broken.relay.is_on


@pytest.mark.parametrize("role", [InputRole.EMERGENCY_STOP, InputRole.INTERLOCK])
async def test_no_technician_overrides_what_tripped(bench, role):
    stop = SimulatedInput("stop", role)
    bench.station.inputs.take(stop, InputChanged("stop", True))
    await bench.station.inputs.act(0.0)
    await bench.tap(EVE)
    assert not bench.relay.is_on
    assert isinstance(bench.station.state, LockedOut)
    assert await reasons(bench) == [DenialReason.MACHINE_LOCKED_OUT]


async def test_what_a_member_reported_a_technician_looks_into(bench):
    await bench.station.handle(ButtonPressed(InputRole.OOPS), 0.0)
    assert bench.station.inputs.latched is Trip.REPORTED
    await bench.tap(EVE)
    assert bench.relay.is_on
    await bench.station.handle(ButtonPressed(InputRole.OOPS), 0.0)
    assert bench.relay.is_on, "pressed again it is told, and nothing else"
    stop = SimulatedInput("stop", InputRole.EMERGENCY_STOP)
    bench.station.inputs.take(stop, InputChanged("stop", True))
    assert not bench.relay.is_on
    await bench.station.inputs.act(0.0)
    assert isinstance(bench.station.state, LockedOut)


async def test_no_technician_overrides_a_relay_that_does_not_open(bench):
    bench.relay.weld()
    await bench.pass_s(3)
    assert isinstance(bench.station.state, LockedOut)
    await bench.tap(EVE)
    assert not bench.relay.is_on
    assert await reasons(bench) == [DenialReason.MACHINE_LOCKED_OUT]


# The glass is broken


async def test_a_technician_breaks_the_glass_when_the_gateway_has_been_alone_for_too_long(bench):
    bench.clock.pass_s(8 * DAY_S)
    await bench.tap(ADA)
    await bench.tap(EVE)
    assert bench.relay.is_on
    assert bench.said == "Emergency access: staff are told"
    (fact,) = await started(bench)
    assert (fact.purpose, fact.max_duration_s, fact.member) == (Purpose.BREAK_GLASS, 3600, "eve")
    (alarm,) = [one for one in await alarms(bench) if one.code == "break_glass"]
    assert alarm.machine == "laser"
    assert "Eve (eve)" in alarm.words
    assert "192 h old" in alarm.words
    await bench.pass_s(3601)
    assert not bench.relay.is_on
    assert (await bench.facts())[-1].stop_type is StopType.MAX_DURATION
    assert await reasons(bench) == [DenialReason.ROSTER_TOO_OLD]


@pytest.mark.parametrize("bench", [GUARDED], indirect=True)
async def test_who_breaks_the_glass_waits_for_nobody(bench):
    bench.clock.pass_s(8 * DAY_S)
    await bench.tap(EVE)
    assert bench.relay.is_on


@pytest.mark.parametrize("bench", [{"policy": MachinePolicy(break_glass=False)}], indirect=True)
async def test_a_policy_forbids_to_break_the_glass(bench):
    bench.clock.pass_s(8 * DAY_S)
    await bench.tap(EVE)
    assert not bench.relay.is_on


async def test_broken_glass_gives_no_power_to_what_tripped(bench):
    bench.clock.pass_s(8 * DAY_S)
    stop = SimulatedInput("stop", InputRole.EMERGENCY_STOP)
    bench.station.inputs.take(stop, InputChanged("stop", True))
    await bench.station.inputs.act(0.0)
    await bench.tap(EVE)
    assert not bench.relay.is_on
    assert isinstance(bench.station.state, LockedOut), "nor does a session begin"
    assert await reasons(bench) == [DenialReason.MACHINE_LOCKED_OUT]


# The roster's age


async def test_a_roster_that_grows_old_is_told_of_a_day_before_once_a_day(bench):
    await bench.pass_s(1)
    assert await alarms(bench) == []
    bench.clock.pass_s(6 * DAY_S)
    await bench.pass_s(5)
    assert bench.said == "Offline: soon nobody can begin here"
    assert [one.code for one in await alarms(bench)] == ["roster_ages"]
    assert "in 1439 min" in (await alarms(bench))[0].words
    assert 'makerfloor_roster_ages{machine="laser"} 1.0' in bench.metrics.exposition().decode()
    bench.clock.pass_s(DAY_S)
    await bench.pass_s(5)
    assert [one.code for one in await alarms(bench)] == ["roster_ages"] * 2
    bench.roster.take(bench.server.roster(3, members=MEMBERS, badges=BADGES, issued_ms=bench.clock.wall))
    await bench.pass_s(1)
    assert bench.said == "Tap your badge"
    assert 'makerfloor_roster_ages{machine="laser"} 0.0' in bench.metrics.exposition().decode()


@pytest.mark.parametrize("bench", [{"policy": MachinePolicy(max_roster_age_s=DAY_S)}], indirect=True)
async def test_a_roster_of_a_day_is_told_of_half_a_day_before(bench):
    bench.clock.pass_s(DAY_S // 2 - 60)
    await bench.pass_s(1)
    assert await alarms(bench) == []
    await bench.pass_s(60)
    assert [one.code for one in await alarms(bench)] == ["roster_ages"]


# What runs is not cut


PATIENT = MachinePolicy(idle_after_s=60, idle_warn_s=10, on_credit_spent=OnCreditSpent.STOP_WHEN_IDLE)
POOR = MemberStanding("ada", "Ada", "standard", "ada", spendable_micro=1_000_000, allowed={"laser": 0})


@pytest.mark.parametrize(
    "working",
    [
        (ActivityChanged(Activity.BUSY),),
        (JobStarted("1", "gear.gcode", None),),
        (ActivityChanged(Activity.BUSY), JobStarted("1", "gear.gcode", None), ActivityChanged(Activity.IDLE)),
    ],
    ids=["busy", "job", "job that pauses"],
)
async def test_neither_idleness_nor_money_nor_a_lost_line_cuts_what_runs(tmp_path, working):
    bench = Bench(tmp_path, PATIENT, SimulatedMachine())
    bench.roster.take(bench.server.delta(1, 2, members={"ada": POOR}))
    await bench.tap()
    for event in working:
        await bench.station.handle(event, 0.0)
    await bench.pass_s(120)
    await bench.station.handle(ActivityChanged(Activity.UNREACHABLE, "no route"), 0.0)
    bench.clock.pass_s(1800)
    await bench.pass_s(120)
    assert bench.relay.is_on, "a lost line is no sign of idleness"
    bench.clock.pass_s(4 * 3600)
    bench.roster._taken_ms -= 8 * DAY_S * 1000
    await bench.pass_s(5)
    assert bench.relay.is_on, "an old roster ends nothing that runs"
    bench.journal.close()


async def test_a_machine_that_was_idle_when_its_line_was_lost_is_idle_still(tmp_path):
    bench = Bench(tmp_path, PATIENT, SimulatedMachine())
    await bench.tap()
    await bench.station.handle(ActivityChanged(Activity.IDLE), 0.0)
    await bench.station.handle(ActivityChanged(Activity.UNREACHABLE, "no route"), 0.0)
    await bench.pass_s(61)
    assert not bench.relay.is_on
    bench.journal.close()


async def test_where_the_policy_says_so_money_cuts_at_once(tmp_path):
    bench = Bench(tmp_path, MachinePolicy(on_credit_spent=OnCreditSpent.STOP_AT_ONCE), SimulatedMachine())
    bench.roster.take(bench.server.delta(1, 2, members={"ada": POOR}))
    await bench.tap()
    await bench.station.handle(JobStarted("1", "gear.gcode", None), 0.0)
    await bench.pass_s(62)
    assert not bench.relay.is_on
    bench.journal.close()

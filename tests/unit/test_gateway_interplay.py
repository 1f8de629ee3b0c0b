"""What happens when two rules meet: supervisors and rosters, repairs and proofs, doors, alarms, restarts."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from firmware_bridge.events import JobStarted
from firmware_bridge.simulated.driver import SimulatedMachine
from floor.access import BadgeStanding, MemberStanding
from floor.errors import MachineFault
from floor.ids import badge_reference
from floor.policy import DAY_S, MachinePolicy, OnProofLost
from floor.session import Free, LockedOut, Proving, Running, Waiting
from floor.texts import say
from floor.wire.journal import SessionStarted, TapRefused
from floor.wire.messages import LockOut, ReadBadge
from floor.words import BadgeKind, DenialReason, InputRole, StationState, StopType, Trip
from gateway import adoption, station_page
from gateway.wiring import Devices, Ordered, RosterChanged, Tick
from hardware.events import BadgeTapped, ButtonPressed, InputChanged
from hardware.relays.pulse import PulseRelay
from hardware.simulated import SimulatedInput, SimulatedRelay
from tests.kit.contacts import Wired
from tests.kit.gateway import ADA, BADGE_KEY, BEN, EVE, NOW_MS, Bench

EXTRACTION = InputRole.EXTRACTION
READ = ReadBadge(machine="laser", reading="r1", for_s=45)
GUARDED = MachinePolicy(needs_supervisor=True)
MEMBERS = {
    "ada": MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}, number="1001"),
    "ben": MemberStanding("ben", "Ben", "standard", "ben", allowed={"laser": 0}, supervisor=True),
    "eve": MemberStanding("eve", "Eve", "standard", "eve", technician=True),
}
BADGES = {
    badge_reference(BADGE_KEY, uid): BadgeStanding(name, BadgeKind.UID_125KHZ)
    for uid, name in ((ADA, "ada"), (BEN, "ben"), (EVE, "eve"))
}


def settle(bench: Bench, n: int = 2, *, lockout: str | None = None, **changes: MemberStanding) -> None:
    """Put a roster in force: Ada, Ben who may stand by others, and Eve who repairs."""
    members = MEMBERS | changes
    bench.roster.take(
        bench.server.roster(n, policy=bench.policy, members=members, badges=BADGES, lockout=lockout)
    )


@pytest.fixture
async def benched(tmp_path):
    made: list[Bench] = []

    def make(bench: type[Bench], policy: MachinePolicy | None = None, **fields: object) -> Bench:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(bench(folder, policy or MachinePolicy(), **fields))
        settle(made[-1])
        return made[-1]

    yield make
    for bench in made:
        bench.station.devices.relay.close()
        bench.journal.close()


async def refusals(bench: Bench) -> list[tuple[DenialReason, str | None, str]]:
    facts = [fact for fact in await bench.facts() if isinstance(fact, TapRefused)]
    return [(fact.reason, fact.member, fact.badge) for fact in facts]


# Supervisors


async def test_who_waits_for_a_supervisor_is_decided_anew(benched):
    bench = benched(Bench, GUARDED)
    await bench.tap(ADA)
    settle(bench, 3, ada=replace(MEMBERS["ada"], suspended=True))
    await bench.tap(BEN)
    assert bench.station.state == Free(), "nor has the supervisor begun anything"
    assert list(bench.relay.history) == [False]
    badge = badge_reference(BADGE_KEY, ADA)
    assert await refusals(bench) == [(DenialReason.MEMBER_SUSPENDED, "ada", badge)]
    assert bench.said == say(DenialReason.MEMBER_SUSPENDED, "en")


async def test_a_session_with_a_supervisor_counts_from_their_tap(benched):
    bench = benched(Bench, GUARDED)
    await bench.tap(ADA)
    await bench.pass_s(20)
    settle(bench, 3, ada=replace(MEMBERS["ada"], spendable_micro=3_000_000))
    await bench.tap(BEN)
    assert bench.station.lease.granted_ms == NOW_MS + 20_000
    assert bench.station.lease.limit_micro == 3_000_000
    assert (bench.station.lease.member, bench.station.lease.supervisor) == ("ada", "ben")


async def test_a_supervisor_stands_by_although_the_job_that_waits_is_the_members(benched):
    bench = benched(Bench, GUARDED, driver=SimulatedMachine())
    await bench.station.handle(JobStarted("1", "gear mf-1001.gcode", None), 0.0)
    await bench.tap(BEN)
    assert isinstance(bench.station.state, Free), "it is not Ben's"
    await bench.tap(ADA)
    assert isinstance(bench.station.state, Waiting)
    await bench.tap(BEN)
    assert bench.station.lease.member == "ada"


# Repairs


async def repairing(bench: Bench) -> None:
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    await bench.tap(EVE)


async def test_what_a_member_reported_is_looked_into_with_the_extraction_that_it_needs(benched):
    bench = benched(Wired)
    await bench.say(EXTRACTION, False)
    await bench.station.handle(ButtonPressed(InputRole.OOPS), 0.0)
    assert bench.station.inputs.latched is Trip.REPORTED
    await bench.tap(EVE)
    assert isinstance(bench.station.state, Proving)
    assert bench.extraction.is_on, "else it is never proven"
    await bench.say(EXTRACTION, True)
    assert bench.station.repairs
    assert bench.relay.is_on


async def test_a_roster_that_carries_the_lockout_ends_no_wait_of_a_repair(benched):
    bench = benched(Wired)
    await bench.say(EXTRACTION, False)
    await repairing(bench)
    settle(bench, 3, lockout="belt torn")
    await bench.station.handle(RosterChanged(), 0.0)
    assert isinstance(bench.station.state, Proving)
    assert [fact.type for fact in await bench.facts()].count("machine_locked_out") == 1


@pytest.mark.parametrize("proven", [True, False])
async def test_a_fire_drill_puts_nothing_in_order_that_is_repaired(benched, proven):
    bench = benched(Wired)
    await bench.say(EXTRACTION, proven)
    await repairing(bench)
    assert isinstance(bench.station.state, Running if proven else Proving)
    await bench.say(InputRole.FIRE_ALARM, True)
    assert not bench.relay.is_on
    assert not bench.extraction.is_on
    assert bench.station.state == LockedOut("belt torn"), "so that no order for others clears it too"
    await bench.tap(EVE)
    assert not bench.relay.is_on, "and nobody repairs while it latches"
    await bench.facts()
    assert bench.journal.lockouts() == {"laser": "belt torn"}


async def test_a_repair_is_no_use_of_the_machine(benched):
    bench = benched(Wired)
    await repairing(bench)
    await bench.pass_s(10)
    seconds = {
        state: bench.metrics.states.labels("laser", state)._value.get()
        for state in ("busy", "locked_out", "offline", "free")
    }
    assert seconds == {"busy": 0, "locked_out": 10, "offline": 0, "free": 0}


@pytest.mark.parametrize("broken", [True, False])
async def test_no_technician_overrides_a_building_that_closes(benched, broken):
    bench = benched(Wired)
    if broken:
        await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    bench.clock.pass_s(8 * DAY_S)
    await bench.say(InputRole.CLOSING, True)
    await bench.tap(EVE)
    assert not bench.relay.is_on


# What people read


@pytest.mark.parametrize(
    ("policy", "english", "chinese", "state"),
    [
        (GUARDED, "A supervisor has to tap now, within 30 s", "请监护人在30秒内刷卡", ("Free", "空闲")),
        (MachinePolicy(), "Extraction starts…", "排风启动中…", ("Starting", "启动中")),
    ],
)
async def test_who_waits_reads_why_in_their_language_however_often_it_is_drawn(
    benched, policy, english, chinese, state
):
    bench = benched(Wired, policy)
    settle(bench, 3, ada=replace(MEMBERS["ada"], language="zh"))
    await bench.say(EXTRACTION, False)
    await bench.tap(ADA)
    for _ in range(2):
        shown = bench.panel.screens[-1]
        assert shown.lines == ("Laser", state[1], chinese)
        assert shown.english == ("Laser", state[0], english), "for a panel without Chinese letters"
        bench.station.view.refresh()
    assert chinese in station_page.station(bench.station, "zh", "n")
    assert english in station_page.station(bench.station, "en", "n")


# Doors


class Doorway(Bench):
    """A door with a strike."""

    def rebuild(self) -> None:
        wired = Devices(self.reader, PulseRelay(self.relay, 30), self.panel, pulse_s=5)
        super().rebuild()
        self.station = type(self.station)("laser", wired, self.services())


async def test_a_tap_that_has_to_wait_shortens_no_pulse(benched):
    bench = benched(Doorway, GUARDED)
    await bench.tap(BEN)
    await bench.pass_s(2)
    await bench.tap(ADA)
    assert bench.relay.is_on
    await bench.pass_s(3)
    assert not bench.relay.is_on
    await bench.tap(ADA)
    assert isinstance(bench.station.state, Waiting)
    await bench.tap(BEN)
    assert bench.station.lease.member == "ada"
    await bench.tap(ADA)
    assert bench.relay.is_on, "she taps once more: that is no tap-out"


async def test_nobody_ends_the_pulse_of_a_technician_who_repairs_the_door(benched):
    bench = benched(Doorway)
    await repairing(bench)
    assert bench.relay.is_on
    await bench.tap(ADA)
    assert bench.relay.is_on
    assert [reason for reason, *_ in await refusals(bench)] == [DenialReason.IN_USE]


def test_a_pulse_that_could_not_be_cut_short_ends_by_itself():
    class Sticky(SimulatedRelay):
        sticks = True

        def off(self) -> None:
            if self.sticks:
                raise MachineFault("stuck")
            super().off()

    coil = Sticky("strike", True)
    strike = PulseRelay(coil, 1)
    strike.on()
    with pytest.raises(MachineFault):
        strike.off()
    coil.sticks = False
    deadline = time.monotonic() + 10
    while coil.is_on:
        assert time.monotonic() < deadline, "nothing ends it any more"
        time.sleep(0.01)
    strike.close()


# A session that may go on after a restart


class Kept(Bench):
    """A machine whose power outlives the process, with a contact that proves its extraction."""

    def rebuild(self) -> None:
        self.fan = SimulatedInput("fan", EXTRACTION, True)
        wired = Devices(self.reader, self.relay, self.panel, inputs=(self.fan,), keeps=True)
        super().rebuild()
        self.station = type(self.station)("laser", wired, self.services())

    async def hear(self, active: bool) -> None:
        await self.fan.change(active)
        self.station.inputs.take(self.fan, InputChanged("fan", active))
        await self.station.handle(Tick(), 0.0)


async def left(benched, policy: MachinePolicy | None = None) -> Kept:
    """Return the bench of a process that finds the session of the one before."""
    bench = benched(Kept, policy)
    await bench.hear(True)
    await bench.tap(ADA)
    assert bench.relay.is_on
    await bench.pass_s(40)
    await bench.facts()
    (record,) = bench.journal.sessions()
    bench.rebuild()
    assert adoption.offer([record], {"laser": bench.station})
    bench.station.adoption.offer(record)
    return bench


async def stops(bench: Bench) -> list[StopType]:
    return [fact.stop_type for fact in await bench.facts() if fact.type == "session_ended"]


async def test_a_session_goes_on_only_beside_extraction_that_is_proven(benched):
    bench = await left(benched)
    assert bench.station.view.state is StationState.IN_USE
    bench.station.view.refresh()
    assert bench.said == "Checking whether the last session goes on"
    await bench.pass_s(3)
    assert bench.station.lease is None, "nobody has heard the contact yet"
    await bench.hear(True)
    assert bench.station.lease.member == "ada"
    assert bench.relay.is_on
    assert bench.metrics.powered_without_session.labels("laser")._value.get() == 0


async def test_extraction_that_stopped_meanwhile_takes_the_power_at_once(benched):
    bench = await left(benched)
    bench.station.inputs.take(bench.fan, InputChanged("fan", False))
    assert not bench.relay.is_on
    await bench.station.handle(Tick(), 0.0)
    assert bench.station.state == LockedOut(say(Trip.EXTRACTION_LOST, "en"))
    assert await stops(bench) == [StopType.POWER_LOST]


async def test_where_a_lost_proof_is_only_reported_the_session_goes_on(benched):
    bench = await left(benched, MachinePolicy(on_proof_lost=OnProofLost.REPORT))
    await bench.hear(False)
    assert bench.station.lease.member == "ada"


async def test_power_that_goes_with_the_session_was_never_without_one(benched, monkeypatch):
    bench = await left(benched)
    monkeypatch.setattr(bench.relay, "feedback", lambda: True)  # a contact needs its time to open
    await bench.pass_s(30)
    assert bench.station.adoption.session_id is None
    assert not bench.relay.is_on
    assert bench.metrics.powered_without_session.labels("laser")._value.get() == 0
    assert await stops(bench) == [StopType.POWER_LOST]
    assert isinstance(bench.station.state, Free)
    assert SessionStarted in map(type, await bench.facts())


# Reading for the server


@pytest.mark.parametrize("policy", [GUARDED, MachinePolicy()])
async def test_nothing_is_read_while_somebody_waits_to_begin(benched, policy):
    bench = benched(Wired, policy)
    await bench.say(EXTRACTION, False)
    await bench.tap(ADA)
    assert isinstance(bench.station.state, Waiting | Proving)
    assert not bench.station.reading.begin(READ, lambda *_: None)


async def test_what_a_badge_showed_for_the_server_opens_nothing_afterwards(benched):
    bench = benched(Bench)
    badges = BADGES | {badge_reference(BADGE_KEY, ADA): BadgeStanding("ada", BadgeKind.NTAG424)}
    bench.roster.take(bench.server.roster(3, members=MEMBERS, badges=badges))
    read: list[BadgeTapped] = []
    assert bench.station.reading.begin(READ, lambda _, tap: read.append(tap))
    tap = BadgeTapped(ADA, BadgeKind.NTAG424, 61)
    await bench.station.handle(tap, time.perf_counter())
    assert read == [tap]
    await bench.station.handle(tap, time.perf_counter() + 60)
    assert not bench.relay.is_on
    assert [reason for reason, *_ in await refusals(bench)] == [DenialReason.BADGE_NOT_PROVEN]
    await bench.station.handle(replace(tap, counter=62), time.perf_counter() + 60)
    assert bench.relay.is_on


async def test_a_tap_after_the_end_of_a_reading_is_a_tap_also_before_the_next_tick(benched):
    bench = benched(Bench)
    read: list[BadgeTapped] = []
    assert bench.station.reading.begin(READ, lambda _, tap: read.append(tap))
    await bench.station.handle(BadgeTapped(ADA, BadgeKind.UID_125KHZ), time.perf_counter() + READ.for_s)
    assert bench.relay.is_on
    assert read == []

"""A session is handed to another member: the power stays, and each pays what was used in their part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, ReadingTaken
from firmware_bridge.simulated.driver import SimulatedMachine
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, Running
from floor.wire.journal import JobFinished, SessionEnded, SessionStarted, TapRefused
from floor.words import Activity, DenialReason, InputRole, JobOutcome, StopType
from hardware.events import ButtonPressed
from hardware.simulated import SimulatedPanel, SimulatedReader, SimulatedRelay
from tests.kit.gateway import ADA, BEN
from tests.unit.test_gateway_reservations import IVY, MEMBERS, Booked


class Handing(Booked):
    """A bench at which Ada uses a printer, and a log of what its relay was told."""

    async def begin(self) -> None:
        self.book()
        await self.tap(ADA)
        self.switched: list[str] = []
        relay = self.relay
        for name in ("on", "off"):
            act = getattr(relay, name)
            setattr(relay, name, lambda act=act, name=name: (self.switched.append(name), act()))

    async def press(self, role: InputRole = InputRole.HAND_OVER) -> None:
        await self.station.handle(ButtonPressed(role), 0.0)

    async def hand(self, to: bytes = BEN) -> None:
        await self.press()
        await self.tap(ADA)
        await self.tap(to)

    @property
    def user(self) -> str:
        return self.station.lease.member


@pytest.fixture
async def bench(tmp_path):
    made = Handing(tmp_path, MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB), SimulatedMachine())
    await made.begin()
    yield made
    made.journal.close()


async def test_a_running_job_goes_on_in_the_other_s_session_and_the_power_stays(bench):
    await bench.station.handle(ActivityChanged(Activity.BUSY), 0.0)
    await bench.station.handle(JobStarted("1", "gear.gcode", None), 0.0)
    await bench.station.handle(ReadingTaken({Quantity.FILAMENT_MG: 3_000}), 0.0)
    await bench.pass_s(60)
    await bench.press()
    assert bench.said == "To hand over, tap your badge within 30 s"
    await bench.tap(ADA)
    assert bench.said == "Now the next member taps, within 30 s"
    await bench.tap(BEN)
    assert (bench.user, bench.said) == ("ben", "Welcome")
    await bench.pass_s(30)
    await bench.station.handle(ReadingTaken({Quantity.FILAMENT_MG: 5_000}), 0.0)
    await bench.station.handle(JobEnded("1", JobOutcome.DONE, 90_000), 0.0)
    await bench.tap(BEN)
    assert bench.switched == ["off"], "once, at the very end"
    facts = await bench.facts()
    first, second = (fact for fact in facts if isinstance(fact, SessionEnded))
    assert (first.stop_type, second.stop_type) == (StopType.TAKEOVER, StopType.TAP_OUT)
    assert first.counters[Quantity.MACHINE_TIME_MS] == 60_000
    assert second.counters[Quantity.MACHINE_TIME_MS] == 30_000
    assert (first.counters[Quantity.FILAMENT_MG], second.counters[Quantity.FILAMENT_MG]) == (3_000, 2_000)
    assert (first.counters[Quantity.BUSY_TIME_MS], second.counters[Quantity.BUSY_TIME_MS]) == (60_000, 30_000)
    job = next(fact for fact in facts if isinstance(fact, JobFinished))
    assert job.session_id == second.session_id
    assert [fact.member for fact in facts if isinstance(fact, SessionStarted)] == ["ada", "ben"]


async def test_nobody_takes_what_was_not_confirmed_by_its_member(bench):
    await bench.press()
    await bench.tap(BEN)
    assert bench.user == "ada"
    await bench.pass_s(30)
    await bench.tap(ADA)
    assert bench.station.state == Free(), "the button is forgotten, and a tap is a tap"


async def test_an_offer_ends_by_itself_and_can_be_taken_back(bench):
    await bench.press()
    await bench.tap(ADA)
    await bench.tap(ADA)
    assert bench.said == "Your session goes on"
    await bench.tap(BEN)
    assert bench.user == "ada"
    await bench.press()
    await bench.tap(ADA)
    await bench.pass_s(30)
    assert isinstance(bench.station.state, Running)
    assert bench.station.state.handing is None
    assert bench.said == "Ada"
    await bench.tap(BEN)
    assert bench.user == "ada"


async def test_who_may_not_use_the_machine_gets_nothing(bench):
    bench.book(members={"ben": replace(MEMBERS["ben"], allowed={})})
    await bench.hand()
    assert bench.user == "ada"
    bench.book(members={"ben": replace(MEMBERS["ben"], supervised=True)})
    await bench.hand()
    assert bench.user == "ada"
    refused = [fact.reason for fact in await bench.facts() if isinstance(fact, TapRefused)]
    assert refused == [DenialReason.NOT_CERTIFIED, DenialReason.IN_USE]


async def test_each_has_their_own_limit_and_time(bench):
    bench.book(members={"ben": replace(MEMBERS["ben"], spendable_micro=9_000_000)})
    await bench.pass_s(60)
    await bench.hand()
    assert bench.station.lease.limit_micro == 9_000_000
    await bench.pass_s(120)
    assert bench.station.view.wire().price_micro == 2_000_000
    await bench.hand(IVY)
    assert bench.user == "ben", "their own tap is needed"


async def test_where_the_card_must_stay_nothing_is_handed_over(tmp_path):
    bench = Handing(tmp_path, MachinePolicy(card_must_stay=True))
    await bench.begin()
    await bench.hand()
    assert bench.user == "ada"
    bench.journal.close()


class Box(SimulatedReader, SimulatedRelay, SimulatedPanel):
    """A box in the field, in so far as a hand-over sees one."""

    fail_safe = True

    def __init__(self) -> None:
        SimulatedReader.__init__(self, "box")


async def test_a_box_in_the_field_gives_its_power_to_the_badge_that_it_read(bench):
    bench.station.devices = replace(bench.station.devices, node=Box())
    await bench.press()
    assert bench.station.state.handing is None

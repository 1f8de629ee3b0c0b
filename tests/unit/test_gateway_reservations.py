"""Reservations at a station: who is let in, who is told to end, what a display says; offline as online."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_bridge.events import ActivityChanged, JobEnded, JobProgressed, JobStarted
from floor.access import BadgeStanding, MemberStanding
from floor.ids import badge_reference
from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, Running, Waiting
from floor.wire.journal import SessionEnded, SessionStarted, TapRefused
from floor.wire.roster import Booking, OnReserved, RosterMachine
from floor.words import Activity, BadgeKind, DenialReason, JobOutcome, StopType
from gateway.recovery import recall
from gateway.wiring import Tick
from hardware.ports import Lamp, Sound
from tests.kit.gateway import ADA, BADGE_KEY, BEN, NOW_MS, TARIFF, Bench

IVY, CAL = b"\x21\x21\x21\x21\x21", b"\x22\x22\x22\x22\x22"
HOUR_MS = 3_600_000
MEMBERS = {
    "ada": MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}),
    "ben": MemberStanding("ben", "Ben", "standard", "ben", allowed={"laser": 0}),
    "ivy": MemberStanding("ivy", "Ivy", "standard", "ivy", allowed={"laser": 0}, supervisor=True),
    "cal": MemberStanding("cal", "Cal", "standard", "cal", language="zh"),
}
BADGES = {
    badge_reference(BADGE_KEY, uid): BadgeStanding(member, BadgeKind.UID_125KHZ)
    for uid, member in ((ADA, "ada"), (BEN, "ben"), (IVY, "ivy"), (CAL, "cal"))
}
NOW = Booking(id="r1", begins_ms=NOW_MS, ends_ms=NOW_MS + HOUR_MS, member="ada", shown="Ada")
"""It is 2027-01-15 08:00 UTC."""
SOON = NOW.model_copy(update={"begins_ms": NOW_MS + 900_000, "ends_ms": NOW_MS + HOUR_MS})
CLASS = Booking(
    id="c1",
    begins_ms=NOW_MS,
    ends_ms=NOW_MS + HOUR_MS,
    guests=["cal"],
    shown="Laser basics",
    opens=True,
)


class Booked(Bench):
    """A bench whose roster carries bookings, and four people."""

    version = 1

    def book(self, *bookings: Booking, members: dict[str, MemberStanding] | None = None) -> None:
        self.roster.take(self.booked(*bookings, members=members))

    def booked(self, *bookings: Booking, members: dict[str, MemberStanding] | None = None) -> bytes:
        """Sign the next roster."""
        entry = RosterMachine(
            id="laser", name="Laser", policy=self.policy, tariffs=[TARIFF], bookings=list(bookings)
        )
        self.version += 1
        people = MEMBERS | (members or {})
        return self.server.roster(self.version, members=people, badges=BADGES, machines=[entry])

    async def reasons(self) -> list[DenialReason]:
        return [fact.reason for fact in await self.facts() if isinstance(fact, TapRefused)]

    async def stops(self) -> list[StopType]:
        return [fact.stop_type for fact in await self.facts() if isinstance(fact, SessionEnded)]

    async def works(self) -> None:
        await self.station.handle(ActivityChanged(Activity.BUSY), 0.0)
        await self.station.handle(JobStarted("1", "gear.gcode", None), 0.0)

    async def finishes(self) -> None:
        await self.station.handle(JobEnded("1", JobOutcome.DONE, 1_000), 0.0)
        await self.station.handle(ActivityChanged(Activity.IDLE), 0.0)


@pytest.fixture
async def bench(tmp_path):
    made = Booked(tmp_path)
    yield made
    made.journal.close()


async def test_the_holder_is_let_in_and_another_is_told_whose_it_is_and_until_when(bench):
    bench.book(NOW)
    await bench.tap(BEN)
    assert not bench.relay.is_on
    assert bench.said == "Reserved until 09:00 by Ada"
    assert bench.panel.screens[-1].lamp is Lamp.RED
    assert await bench.reasons() == [DenialReason.RESERVED]
    await bench.tap(ADA)
    assert bench.relay.is_on
    assert bench.said == "Welcome"


async def test_a_machine_that_is_used_with_a_reservation_only_says_so(bench):
    bench.book(Booking(id="walk-in:1", begins_ms=NOW_MS, ends_ms=NOW_MS + HOUR_MS, unreserved=True))
    await bench.tap(BEN)
    assert (bench.relay.is_on, bench.said) == (False, "Only with a reservation")
    assert bench.station.reservations.listed("en")[1] == []
    await bench.tap(IVY)
    assert bench.relay.is_on, "who may stand by others is let in"


async def test_by_policy_another_is_warned_alone(bench):
    bench.book(NOW.model_copy(update={"on_others": OnReserved.WARN}))
    await bench.tap(BEN)
    assert bench.relay.is_on
    assert (bench.said, bench.panel.screens[-1].sound) == ("Reserved until 09:00 by Ada", Sound.WARN)
    await bench.pass_s(60)
    assert bench.relay.is_on


async def test_times_are_those_of_the_space_and_of_another_day_the_day_is_said(bench):
    bench.book(NOW.model_copy(update={"ends_ms": NOW_MS + 24 * HOUR_MS, "shown": ""}))
    bench.roster.take(bench.server.delta(bench.version, bench.version + 1, timezone="Asia/Shanghai"))
    await bench.tap(BEN)
    assert bench.said == "Reserved until 01-16 16:00"


async def test_a_walk_in_is_warned_at_the_start_told_before_and_ended_when_it_begins(bench):
    bench.book(SOON)
    await bench.tap(BEN)
    assert bench.said == "Reserved from 08:15 by Ada: please end by then"
    assert bench.station.view.left(bench.station.lease, bench.clock.monotonic_ms()) == "15 min"
    shown = len(bench.panel.screens)
    await bench.pass_s(299)
    assert len(bench.panel.screens) == shown
    await bench.pass_s(2)
    assert len(bench.panel.screens) == shown + 1, "told once, ten minutes before"
    assert bench.said == "Reserved from 08:15 by Ada: please end by then"
    assert bench.station.view.notice("zh") == "08:15起已由Ada预约，请在此之前结束"
    bench.clock.pass_s(598)
    await bench.station.handle(Tick(), 0.0)
    assert bench.relay.is_on
    await bench.pass_s(1)
    assert not bench.relay.is_on
    assert await bench.stops() == [StopType.RESERVATION]
    await bench.tap(ADA)
    assert bench.relay.is_on


async def test_a_job_that_runs_is_finished_and_the_holder_reads_until_when(tmp_path):
    bench = Booked(tmp_path, MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB))
    bench.book(SOON)
    await bench.tap(BEN)
    await bench.works()
    bench.clock.pass_s(901)
    await bench.station.handle(Tick(), 0.0)
    assert bench.relay.is_on, "a job is never cut for a reservation"
    assert bench.station.view.notice("en") == "Reserved, and a job is finished first"
    await bench.tap(ADA)
    assert bench.said == "A job is finished here first"
    await bench.station.handle(JobProgressed("1", 0.5, 600), 0.0)
    await bench.tap(ADA)
    assert bench.said == "A job is finished here first, until 08:25"
    await bench.finishes()
    await bench.station.handle(Tick(), 0.0)
    assert not bench.relay.is_on
    assert await bench.stops() == [StopType.RESERVATION]
    bench.journal.close()


async def test_a_no_show_is_released_without_anybody_s_timer_and_the_holder_then_walks_in(bench):
    bench.book(NOW.model_copy(update={"released_ms": NOW_MS + 900_000}))
    bench.clock.pass_s(899)
    await bench.tap(BEN)
    assert await bench.reasons() == [DenialReason.RESERVED]
    bench.clock.pass_s(1)
    await bench.tap(BEN)
    assert bench.relay.is_on
    await bench.pass_s(2)
    assert bench.relay.is_on


async def test_what_its_holder_has_begun_is_kept_without_the_server(bench):
    bench.clock.error = 0
    bench.book(NOW.model_copy(update={"released_ms": NOW_MS + 900_000}))
    await bench.tap(ADA)
    await bench.tap(ADA)
    bench.clock.pass_s(1_800)
    await bench.tap(BEN)
    assert bench.said == "Reserved until 09:00 by Ada"
    await bench.entries()
    bench.rebuild()  # as after a restart: the journal says that it was begun
    recall(bench.journal, bench.roster, bench.credit, bench.prices, bench.station.reservations.recall)
    await bench.tap(BEN)
    assert bench.said == "Reserved until 09:00 by Ada"


async def test_a_session_that_runs_into_its_member_s_own_reservation_goes_on_and_begins_it(bench):
    bench.book(SOON.model_copy(update={"released_ms": SOON.begins_ms + 60_000}))
    await bench.tap(ADA)
    bench.clock.pass_s(900)
    await bench.station.handle(Tick(), 0.0)
    assert bench.relay.is_on
    await bench.tap(ADA)
    bench.clock.pass_s(120)
    await bench.tap(BEN)
    assert bench.said == "Reserved until 09:00 by Ada"


async def test_with_an_unknown_clock_nobody_is_refused(bench):
    bench.book(NOW)
    bench.clock.trusted = False
    await bench.tap(BEN)
    assert bench.relay.is_on
    await bench.pass_s(2)
    assert bench.relay.is_on
    heading, rows, hint = bench.station.reservations.listed("en")
    assert (heading, rows) == ("Reservations", [("08:00–09:00", "Ada")])
    assert hint.startswith("This station does not know the time")


async def test_a_free_station_says_what_is_reserved_and_draws_it_when_it_changes(bench):
    bench.book(SOON)
    await bench.pass_s(1)
    assert bench.said == "Tap your badge. Reserved from 08:15 by Ada"
    bench.clock.pass_s(900)
    await bench.pass_s(1)
    assert bench.said == "Reserved until 09:00 by Ada"
    shown = len(bench.panel.screens)
    await bench.pass_s(5)
    assert len(bench.panel.screens) == shown
    bench.book()
    await bench.pass_s(1)
    assert bench.said == "Tap your badge"


async def test_during_maintenance_staff_alone_are_let_in(bench):
    technician = replace(MEMBERS["ben"], technician=True, supervisor=True)
    bench.book(NOW.model_copy(update={"member": "", "shown": "Maintenance"}), members={"ben": technician})
    await bench.tap(ADA)
    assert bench.said == "Reserved until 09:00 by Maintenance"
    await bench.tap(BEN)
    assert bench.relay.is_on
    await bench.pass_s(2)
    assert bench.relay.is_on


async def test_an_instructor_opens_a_class_and_its_guests_work_until_it_ends(bench):
    bench.book(CLASS)
    await bench.tap(CAL)
    assert bench.said == "请教师先在此刷卡"
    await bench.tap(IVY)
    assert not bench.relay.is_on, "the first tap opens, and begins nothing"
    assert bench.said == "Open for the class until 09:00"
    await bench.tap(CAL)
    assert bench.relay.is_on
    started = next(fact for fact in await bench.facts() if isinstance(fact, SessionStarted))
    assert (started.member, started.supervisor, started.max_duration_s) == ("cal", "ivy", 3600)
    await bench.tap(CAL)
    await bench.tap(IVY)
    assert bench.relay.is_on, "an instructor uses it like anybody"
    await bench.tap(IVY)
    await bench.tap(CAL)
    bench.clock.pass_s(3_600)
    await bench.station.handle(Tick(), 0.0)
    assert not bench.relay.is_on
    assert (await bench.stops())[-1] is StopType.MAX_DURATION
    await bench.tap(CAL)
    assert (await bench.reasons())[-1] is DenialReason.NOT_CERTIFIED


async def test_a_class_is_opened_by_nobody_else_and_not_by_another_s_reservation(bench):
    bench.book(CLASS)
    await bench.tap(ADA)
    assert bench.said == "Reserved until 09:00 by Laser basics", "who is trained is no guest"
    await bench.tap(CAL)
    bench.book(CLASS.model_copy(update={"opens": False}))
    await bench.tap(IVY)
    assert bench.relay.is_on
    await bench.tap(IVY)
    await bench.tap(CAL)
    assert await bench.reasons() == [
        DenialReason.RESERVED,
        DenialReason.NOT_CERTIFIED,
        DenialReason.NOT_CERTIFIED,
    ]


async def test_who_is_supervised_waits_for_a_supervisor_at_every_machine(bench):
    minor = replace(MEMBERS["ben"], supervised=True)
    bench.book(members={"ben": minor})
    await bench.tap(BEN)
    assert isinstance(bench.station.state, Waiting)
    assert not bench.relay.is_on
    await bench.tap(ADA)
    assert await bench.reasons() == [DenialReason.IN_USE], "a member is no supervisor"
    await bench.tap(IVY)
    assert bench.relay.is_on
    started = next(fact for fact in await bench.facts() if isinstance(fact, SessionStarted))
    assert (started.member, started.supervisor) == ("ben", "ivy")
    await bench.tap(BEN)
    await bench.tap(ADA)
    assert isinstance(bench.station.state, Running), "others begin by themselves"


async def test_a_supervisor_stands_by_the_holder_whose_reservation_it_is(bench):
    bench.book(NOW, members={"ada": replace(MEMBERS["ada"], supervised=True)})
    await bench.tap(ADA)
    await bench.tap(IVY)
    assert bench.relay.is_on


async def test_who_waits_for_a_supervisor_when_another_s_reservation_begins_is_refused(bench):
    begins = NOW.model_copy(update={"begins_ms": NOW_MS + 10_000})
    bench.book(begins, members={"ben": replace(MEMBERS["ben"], supervised=True)})
    await bench.tap(BEN)
    await bench.pass_s(11)
    await bench.tap(IVY)
    assert bench.station.state == Free()
    assert await bench.reasons() == [DenialReason.RESERVED]


async def test_the_time_for_which_nobody_comes_counts_as_reserved_and_unused(bench):
    bench.book(NOW)
    await bench.pass_s(10)
    seconds = {
        use: bench.metrics.states.labels("laser", use)._value.get() for use in ("reserved_unused", "free")
    }
    assert seconds == {"reserved_unused": 10, "free": 0}

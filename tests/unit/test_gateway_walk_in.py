"""Use without a reservation at a station: the rules decide there, with the server and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from floor.access import Lease, Tally
from floor.policy import MachinePolicy, OnLeave
from floor.wire.roster import Booking, OnReserved, RuleText, Waits, WalkInRules
from floor.words import DenialReason, StopType
from gateway.recovery import recall
from gateway.station import Station
from gateway.uses import Uses
from gateway.wiring import Devices
from hardware.ports import Sound
from tests.kit.gateway import ADA, BEN, NOW_MS
from tests.unit.test_gateway_reservations import CLASS, HOUR_MS, IVY, MEMBERS, SOON, Booked

MINUTE_MS, DAY_MS = 60_000, 86_400_000
ALL = '[policy.all]\nmachines = "*"\n'
SIX = '\n[[policy.all.limits]]\nname = "two hours"\nper = "day"\nmost = "2 h"\ncounts = ["use"]\n'


class Ruled(Booked):
    """A bench whose roster carries rules. It is Friday 2027-01-15 08:00 UTC."""

    def rule(self, text: str, *bookings: Booking, waits: tuple[Waits, ...] = (), **members: object) -> None:
        """Put rules in force, bookings, and other standings of members."""
        self.book(*bookings)
        held = self.roster.machines["laser"].entry
        told = WalkInRules(texts=[RuleText(from_ms=0, text=text)], kinds={"laser": "laser", "cnc": "mill"})
        people = {name: replace(MEMBERS[name], **more) for name, more in members.items()}  # type: ignore[arg-type]
        self.version += 1
        self.roster.take(
            self.server.roster(
                self.version,
                members=MEMBERS | people,
                badges=self.roster._roster.badges,  # type: ignore[union-attr]
                machines=[held.model_copy(update={"waits": list(waits)})],
                walk_in=told,
            )
        )


@pytest.fixture
async def bench(tmp_path):
    made = Ruled(tmp_path)
    yield made
    made.journal.close()


@pytest.mark.parametrize(
    ("rules", "english", "chinese"),
    [
        (
            "walk_in = false\ntiers.patron = { walk_in = true }\n",
            "laser is used with a reservation only.",
            "须先预约",
        ),
        (
            'only_tiers = "patron"\n',
            "laser is for patron, and you are standard.",
            "您的会员类别现在不能使用此设备",
        ),
        (
            'hours = { daily = "09:00-17:00" }\n',
            "At Fri 2027-01-15 08:00 it is not open: on Fri 2027-01-15 it is open 09:00-17:00.",
            "不在开放时间内，09:00后可再试",
        ),
        (
            'walk_in_least = "20 min"\n',
            "laser is reserved from Fri 2027-01-15 08:15 on. "
            "At least 20 min must be left for use without a reservation.",
            "剩余时间不足20分钟",
        ),
    ],
)
async def test_a_refusal_says_the_rule(bench, rules, english, chinese):
    bench.rule(ALL + rules, SOON, ben={"language": "zh", "tier": "standard"}, ada={"tier": "standard"})
    await bench.tap(BEN)
    assert (bench.relay.is_on, bench.said) == (False, chinese)
    assert bench.panel.screens[-1].english[-1] == english
    assert await bench.reasons() == [DenialReason.WALK_IN]
    if "patron" not in rules:
        bench.rule(ALL + rules, SOON.model_copy(update={"member": "ben"}))
    await bench.tap(IVY)
    assert bench.relay.is_on, "who may stand by others is let in"


async def test_who_has_reserved_it_is_asked_no_rule(bench):
    mine = Booking(id="r1", begins_ms=NOW_MS, ends_ms=NOW_MS + HOUR_MS, member="ada")
    bench.rule(ALL + "walk_in = false\n", mine)
    await bench.tap(ADA)
    assert bench.relay.is_on
    bench.clock.pass_s(3_540)
    await bench.pass_s(61)
    assert await bench.stops() == [StopType.WALK_IN], "after it, they have no reservation"
    assert bench.said.startswith("Time without a reservation over")


async def test_a_walk_in_is_told_until_when_and_ended_then(bench):
    bench.rule(ALL + 'walk_in_max = "30 min"\nwarn = "5 min"\n', ada={"language": "zh"})
    await bench.tap(ADA)
    assert bench.said == "请在08:30前结束：未预约使用时间已满"
    assert bench.panel.screens[-1].english[-1] == "Please end by 08:30. At most 30 min without a reservation."
    assert bench.station.view.left(bench.station.lease, bench.clock.monotonic_ms()) == "30 min"
    bench.clock.pass_s(1_499)
    await bench.pass_s(2)
    assert bench.panel.screens[-1].sound is Sound.WARN
    assert bench.station.view.notice("en").startswith("Please end by 08:30.")
    bench.clock.pass_s(297)
    await bench.pass_s(1)
    assert bench.relay.is_on
    await bench.pass_s(1)
    assert await bench.stops() == [StopType.WALK_IN]


async def test_a_job_is_finished_before_a_rule_ends_the_session(tmp_path):
    bench = Ruled(tmp_path, MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB))
    bench.rule(ALL + 'walk_in_max = "30 min"\n')
    await bench.tap(ADA)
    await bench.works()
    bench.clock.pass_s(1_900)
    await bench.pass_s(1)
    assert bench.relay.is_on
    await bench.finishes()
    await bench.pass_s(1)
    assert await bench.stops() == [StopType.WALK_IN]
    bench.journal.close()


async def test_it_ends_before_the_next_reservation_unless_that_is_only_warned_of(bench):
    rules = ALL + 'walk_in_ends_before = "10 min"\n'
    bench.rule(rules, SOON)
    await bench.tap(BEN)
    assert bench.said == "Please end by 08:05. laser is reserved from Fri 2027-01-15 08:15 on."
    bench.rule(rules, SOON.model_copy(update={"on_others": OnReserved.WARN}))
    bench.clock.pass_s(1_000)
    await bench.pass_s(1)
    assert bench.relay.is_on


async def test_limits_count_what_the_server_told_and_what_was_used_here_since(bench):
    """Two hours a day: 90 min at another machine by the server's word, 20 min here, so 10 min are left."""
    told = Tally("cnc", "walk_in", NOW_MS - 3 * HOUR_MS, NOW_MS - 90 * MINUTE_MS)
    rules = ALL + SIX + 'over = "all"\n'
    bench.rule(rules, ben={"counted": (told,)})
    await bench.tap(BEN)
    bench.clock.pass_s(1_200)
    await bench.tap(BEN)
    await bench.tap(BEN)
    assert bench.said.startswith("Please end by 08:30. At most 2 h of use a day on all machines (two hours)")
    await bench.tap(BEN)
    await bench.entries()
    bench.rebuild()  # as after a restart
    recall(bench.journal, bench.roster, bench.credit, bench.prices, bench.station.reservations.recall)
    bench.clock.pass_s(1_200)
    await bench.tap(BEN)
    assert bench.said.startswith("Please end by 08:50."), "what the server has not heard of is remembered"
    await bench.tap(BEN)
    bench.rule(rules, ben={"counted": (told, Tally("laser", "walk_in", NOW_MS, NOW_MS + 30 * MINUTE_MS))})
    bench.station.services.uses.roster_came(bench.journal.epoch, bench.journal.next_seq, all_known=False)
    bench.clock.pass_s(600)
    await bench.tap(BEN)
    assert (await bench.reasons())[-1] is DenialReason.WALK_IN


async def test_a_new_day_begins_without_the_server(bench):
    """It hears nothing of its server from here on: at the space's midnight a day's limit begins anew."""
    told = Tally("laser", "walk_in", NOW_MS - 3 * HOUR_MS, NOW_MS - 70 * MINUTE_MS)
    bench.rule(ALL + SIX, ben={"counted": (told,)})
    await bench.tap(BEN)
    bench.clock.pass_s(600)
    await bench.tap(BEN)
    await bench.tap(BEN)
    assert (await bench.reasons())[-1] is DenialReason.WALK_IN
    bench.clock.pass_s(16 * 3_600 - 600 - 1)  # a second before midnight
    await bench.tap(BEN)
    assert not bench.relay.is_on
    bench.clock.pass_s(1)
    await bench.tap(BEN)
    assert bench.relay.is_on
    bench.clock.pass_s(7_190)
    await bench.pass_s(9)
    assert bench.relay.is_on, "two hours of the new day are theirs"
    await bench.pass_s(2)
    assert not bench.relay.is_on


async def test_who_was_missed_too_often_is_refused(bench):
    limit = '[[limits]]\nper = "rolling"\nwindow = "30 days"\nmost = 1\ncounts = ["no_shows"]\n'
    days = [Tally("cnc", "no_shows", NOW_MS - n * DAY_MS, NOW_MS - n * DAY_MS + HOUR_MS) for n in (2, 3, 31)]
    bench.rule(limit + ALL, ben={"counted": tuple(days[:2])})
    await bench.tap(BEN)
    assert await bench.reasons() == [DenialReason.WALK_IN]
    bench.rule(limit + ALL, ben={"counted": tuple(days[1:])})
    await bench.tap(BEN)
    assert bench.relay.is_on, "one of them is long ago"


async def test_a_limit_cedes_to_who_waits(bench):
    rules = ALL + SIX + 'then = "cede"\n'
    spent = (Tally("laser", "walk_in", NOW_MS - 3 * HOUR_MS, NOW_MS - HOUR_MS),)
    bench.rule(rules, ben={"counted": spent})
    await bench.tap(BEN)
    assert bench.relay.is_on
    waits = Waits(member="ada", from_ms=NOW_MS, to_ms=NOW_MS + HOUR_MS)
    bench.rule(rules, waits=(waits,), ben={"counted": spent})
    await bench.pass_s(1)
    assert await bench.stops() == [StopType.WALK_IN]


async def test_no_rule_binds_without_rules_a_clock_or_words_that_are_understood(bench):
    bench.rule(ALL.replace('"*"', '"cnc"') + "walk_in = false\n")
    await bench.tap(BEN)
    assert bench.relay.is_on, "no policy means this machine"
    await bench.tap(BEN)
    bench.rule(ALL + 'walk_in = "by moonlight"\n')
    assert "not understood here" in bench.roster.rules.problem
    await bench.tap(BEN)
    assert bench.relay.is_on
    await bench.tap(BEN)
    bench.rule(ALL + "walk_in = false\n")
    bench.clock.trusted = False
    await bench.tap(BEN)
    assert bench.relay.is_on
    bench.clock.trusted = True
    bench.book()
    assert bench.roster.rules.versions == ()


async def test_an_offered_slot_that_is_taken_is_kept_beyond_the_offer(bench):
    offer = SOON.model_copy(update={"begins_ms": NOW_MS, "released_ms": NOW_MS + 600_000})
    bench.rule(ALL + "walk_in = false\n", offer)
    await bench.tap(ADA)
    bench.clock.pass_s(1_200)
    await bench.pass_s(1)
    assert bench.relay.is_on
    await bench.tap(ADA)
    await bench.tap(BEN)
    assert (await bench.reasons()) == [DenialReason.RESERVED]


async def test_of_what_a_gateway_used_alone_the_oldest_is_forgotten(monkeypatch):
    monkeypatch.setattr("gateway.uses.USES_MAX", 2)
    uses = Uses()
    for n in range(3):
        uses.began(Lease(f"s{n}", "laser", "ben", "ben", "", "", "", n, 60))
        uses.ended(f"s{n}", n + 1, (1, n))
    assert [one.begins_ms for one in uses.of("ben", 9)] == [1, 2]
    uses.roster_came(1, 1, all_known=False)
    assert [one.begins_ms for one in uses.of("ben", 9)] == [2]


class RuledDoor(Ruled):
    """The same at a door, which a tap opens for five seconds."""

    def rebuild(self) -> None:
        wired = Devices(self.reader, self.relay, self.panel, pulse_s=5)
        self.station = Station("laser", wired, self.services())


async def test_a_door_opens_to_a_minor_beside_whom_somebody_stands_and_by_rules_that_mean_it(tmp_path):
    bench = RuledDoor(tmp_path)
    minor = {"supervised": True}
    bench.rule(ALL + "walk_in = false\n", ben=minor)
    await bench.tap(BEN)
    assert not bench.relay.is_on
    await bench.tap(IVY)
    assert bench.relay.is_on, "rules of every machine lock no door"
    await bench.tap(BEN)
    await bench.pass_s(6)
    assert not bench.relay.is_on, "a minor's second tap opens it no longer"
    await bench.tap(BEN)
    await bench.pass_s(31)
    assert (await bench.reasons())[-1] is DenialReason.NO_SUPERVISOR
    bench.rule(ALL.replace('"*"', '"laser"') + "walk_in = false\n", ben=minor)
    await bench.tap(BEN)
    assert (await bench.reasons())[-1] is DenialReason.WALK_IN
    bench.journal.close()


async def test_a_guest_of_a_class_is_asked_no_rule(bench):
    guests = CLASS.model_copy(update={"guests": ["ben"], "opens": False})
    bench.rule(ALL + 'walk_in = false\nonly_tiers = "patron"\n', guests)
    await bench.tap(BEN)
    assert bench.relay.is_on

"""No power before extraction and cooling are proven to run, and none after they are proven no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from floor.access import BadgeStanding, MemberStanding
from floor.ids import badge_reference
from floor.policy import MachinePolicy, OnProofLost
from floor.session import Free, LockedOut, Running
from floor.session_states import Proving
from floor.texts import say
from floor.wire.journal import MachineLockedOut, SessionEnded, SessionStarted, TapRefused
from floor.words import BadgeKind, DenialReason, InputRole, StationState, StopType, Trip
from gateway import station_page
from hardware.events import BadgeRemoved, InputChanged, InputLost
from tests.kit.contacts import Wired
from tests.kit.gateway import ADA, BADGE_KEY, BEN, NOW_MS

EXTRACTION, CHILLER = InputRole.EXTRACTION, InputRole.CHILLER
LOST = {EXTRACTION: Trip.EXTRACTION_LOST, CHILLER: Trip.CHILLER_LOST}
each_proof = pytest.mark.parametrize("role", LOST)


async def stopped(folder: Path, policy: MachinePolicy | None = None, *roles: InputRole) -> Wired:
    """Return a bench on which the extraction, or what else is named, does not run yet."""
    bench = Wired(folder, policy or MachinePolicy(proof_s=5, run_on_s=0))
    for role in roles or (EXTRACTION,):
        await bench.say(role, False)
    return bench


@pytest.fixture
async def bench(tmp_path: Path):
    made = await stopped(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture
async def running(tmp_path: Path):
    made = Wired(tmp_path)
    await made.tap()
    assert made.relay.is_on
    yield made
    made.journal.close()


async def test_extraction_goes_first_and_power_waits_for_the_proof(bench):
    await bench.tap()
    assert isinstance(bench.station.state, Proving)
    assert bench.extraction.is_on
    assert not bench.relay.is_on
    assert bench.panel.screens[-1].lines == ("Laser", "Starting", "Extraction starts…")
    assert bench.station.view.wire().state is StationState.STARTING
    assert "Extraction starts…" in station_page.station(bench.station, "en", "n")
    await bench.pass_s(3)
    assert SessionStarted not in map(type, await bench.facts()), "nothing began"
    await bench.say(EXTRACTION, True)
    assert isinstance(bench.station.state, Running)
    assert bench.relay.is_on


async def test_the_session_its_lease_and_its_price_count_from_the_relay(bench):
    await bench.tap()
    await bench.pass_s(3)
    await bench.say(EXTRACTION, True)
    assert bench.station.lease.granted_ms == NOW_MS + 3_000
    await bench.pass_s(10)
    await bench.tap()
    (ended,) = [fact for fact in await bench.facts() if isinstance(fact, SessionEnded)]
    assert ended.elapsed_ms == 10_000


async def test_without_the_proof_nobody_gets_power(bench):
    await bench.tap()
    await bench.pass_s(4)
    assert bench.extraction.is_on
    await bench.pass_s(1)
    assert bench.station.state == Free()
    assert not bench.extraction.is_on
    assert list(bench.relay.history) == [False]
    assert bench.said == say(DenialReason.PROOF_MISSING, "en")
    (refused,) = [fact for fact in await bench.facts() if isinstance(fact, TapRefused)]
    assert (refused.reason, refused.member) == (DenialReason.PROOF_MISSING, "ada")
    assert await bench.codes() == ["proof_missing"]
    await bench.say(EXTRACTION, True)
    assert not bench.relay.is_on, "too late"


async def test_each_proof_is_needed_and_what_is_missing_is_said_in_the_members_language(tmp_path):
    bench = await stopped(tmp_path, None, EXTRACTION, CHILLER)
    standing = MemberStanding("ada", "Ada", "standard", "ada", language="zh", allowed={"laser": 0})
    bench.roster.take(bench.server.delta(1, 2, members={"ada": standing}))
    await bench.tap()
    assert bench.said == "排风启动中…"
    await bench.say(EXTRACTION, True)
    assert not bench.relay.is_on
    assert bench.said == "冷却启动中…"
    await bench.say(CHILLER, True)
    assert bench.relay.is_on
    bench.journal.close()


async def test_what_runs_already_lets_nobody_wait(running):
    assert list(running.relay.history) == [False, True]


async def test_what_is_proven_is_decided_anew(bench):
    await bench.tap()
    lost = BadgeStanding("ada", BadgeKind.UID_125KHZ, lost=True)
    bench.roster.take(bench.server.delta(1, 2, badges={badge_reference(BADGE_KEY, ADA): lost}))
    await bench.say(EXTRACTION, True)
    assert bench.station.state == Free()
    assert not bench.relay.is_on
    assert not bench.extraction.is_on
    assert bench.said == say(DenialReason.BADGE_LOST, "en")


async def test_an_emergency_stop_ends_the_wait_for_good(bench):
    await bench.tap()
    await bench.say(InputRole.EMERGENCY_STOP, True)
    assert isinstance(bench.station.state, LockedOut)
    assert not bench.extraction.is_on
    await bench.say(EXTRACTION, True)
    assert list(bench.relay.history) == [False]


async def test_an_emergency_stop_that_nobody_heard_yet_is_read_before_power(bench):
    await bench.tap()
    bench.contacts[InputRole.EMERGENCY_STOP].active = True
    await bench.say(EXTRACTION, True)
    assert isinstance(bench.station.state, LockedOut)
    assert list(bench.relay.history) == [False]


@pytest.mark.parametrize("way", ["tap", "end", "card"])
async def test_who_waits_may_leave_and_pays_nothing(tmp_path, way):
    bench = await stopped(tmp_path, MachinePolicy(card_must_stay=True))
    await bench.tap()
    if way == "tap":
        await bench.tap()
    elif way == "end":
        await bench.say(InputRole.END, True)
    else:
        await bench.station.handle(BadgeRemoved(ADA), 0.0)
    assert bench.station.state == Free()
    assert not bench.extraction.is_on
    await bench.say(EXTRACTION, True)
    assert not bench.relay.is_on
    assert not {"session_started", "tap_refused"} & set(await bench.kinds())
    bench.journal.close()


async def test_nobody_takes_the_place_of_who_waits(bench):
    allowed = {
        name: MemberStanding(name, name, "standard", name, allowed={"laser": 0}) for name in ("ada", "ben")
    }
    bench.roster.take(bench.server.delta(1, 2, members=allowed))
    await bench.tap()
    await bench.tap(BEN)
    assert bench.said == say(DenialReason.IN_USE, "en")
    await bench.say(EXTRACTION, True)
    assert bench.station.lease.member == "ada"


async def test_a_restart_in_the_wait_leaves_nothing_behind(bench, tmp_path):
    await bench.tap()
    await bench.facts()
    bench.journal.close()
    again = Wired(tmp_path)
    assert list(again.journal.sessions()) == []
    assert again.station.state == Free()
    assert not again.relay.is_on
    again.journal.close()


async def test_a_contact_that_cannot_be_read_proves_nothing(running):
    await running.tap()
    one = running.contacts[EXTRACTION]
    await one.lose("bad handle")
    await running.tap()
    assert isinstance(running.station.state, Proving), "what was heard long ago is no proof"
    running.station.inputs.take(one, InputLost(one.name, "bad handle"))
    await running.turn()
    assert not running.relay.is_on
    await one.find()
    running.station.inputs.take(one, InputChanged(one.name, True))
    await running.turn()
    assert running.relay.is_on


async def test_a_bounce_is_no_proof(bench):
    await bench.tap()
    bench.contacts[EXTRACTION].active = True  # not heard: it has not settled
    await bench.pass_s(2)
    assert not bench.relay.is_on


@each_proof
async def test_a_lost_proof_takes_the_power_before_the_station_has_its_turn(running, role):
    entries = running.journal.next_seq
    running.station.inputs.take(running.contacts[role], InputChanged(role, False))
    assert not running.relay.is_on
    assert not running.extraction.is_on
    assert running.journal.next_seq == entries


@each_proof
@pytest.mark.parametrize("lost", [False, True])
async def test_a_lost_proof_ends_the_session_latches_and_alarms(running, role, lost):
    await running.pass_s(7)
    event = InputLost(role, "bad handle") if lost else InputChanged(role, False)
    running.station.inputs.take(running.contacts[role], event)
    await running.turn()
    words = say(LOST[role], "en")
    assert running.station.state == LockedOut(words)
    facts = await running.facts()
    (ended,) = [fact for fact in facts if isinstance(fact, SessionEnded)]
    assert (ended.stop_type, ended.elapsed_ms) == (StopType.INTERLOCK, 7_000)
    assert [fact.reason for fact in facts if isinstance(fact, MachineLockedOut)] == [words]
    assert set(await running.codes()) == {LOST[role].value} | ({"input_lost"} if lost else set())
    running.station.inputs.take(running.contacts[role], InputChanged(role, True))
    await running.turn()
    await running.tap()
    assert not running.relay.is_on
    assert running.said == words
    await running.clear("filter changed")
    assert running.station.state == Free()
    await running.tap()
    assert running.relay.is_on


@pytest.mark.parametrize("hazardous", [False, True])
async def test_a_policy_may_only_report_it_but_not_at_a_hazardous_machine(tmp_path, hazardous):
    policy = MachinePolicy(on_proof_lost=OnProofLost.REPORT, hazardous=hazardous)
    bench = Wired(tmp_path, policy)
    await bench.tap()
    await bench.say(EXTRACTION, False)
    assert bench.relay.is_on is not hazardous
    assert isinstance(bench.station.state, LockedOut if hazardous else Running)
    assert await bench.codes() == ["extraction_lost"]
    bench.journal.close()


async def test_what_does_not_run_beside_a_machine_without_power_is_no_fault(bench):
    await bench.say(CHILLER, False)
    await bench.pass_s(5)
    assert bench.station.state == Free()
    assert await bench.codes() == []


async def test_a_proof_that_is_lost_while_the_start_is_recorded_gives_no_power(running, monkeypatch):
    await running.tap()
    one, opened = running.contacts[CHILLER], running.station.tab.open

    async def slow(lease):
        running.station.inputs.take(one, InputChanged(one.name, False))
        return await opened(lease)

    monkeypatch.setattr(running.station.tab, "open", slow)
    before = list(running.relay.history)
    await running.tap()
    await running.turn()
    assert list(running.relay.history) == before
    assert isinstance(running.station.state, LockedOut)


async def test_a_proof_is_acted_on_at_the_next_tick_when_the_queue_was_full(bench):
    await bench.tap()
    one = bench.contacts[EXTRACTION]
    await one.change(True)
    while bench.station.offer(BadgeRemoved(BEN)):
        pass
    bench.station.inputs.take(one, InputChanged(one.name, True))
    assert not bench.relay.is_on
    await bench.pass_s(1)
    assert bench.relay.is_on

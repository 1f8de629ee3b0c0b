"""The rules of a station's contacts: power first, latched, cleared by staff alone, never back by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from floor.access import MemberStanding
from floor.errors import MachineFault
from floor.session import Free, LockedOut, Running
from floor.texts import why_locked_out
from floor.wire.journal import MachineCleared, MachineLockedOut, SessionEnded, TapRefused
from floor.wire.messages import Clear, LockOut
from floor.words import DenialReason, InputRole, StopType
from gateway.wiring import Ordered, RosterChanged, Tick
from hardware.events import InputChanged, InputLost
from hardware.ports import Lamp
from tests.kit.contacts import Wired

PRESSED = "The emergency stop was pressed. Staff have to clear this machine."
OPENED = "An interlock was opened. Staff have to clear this machine."
UNREAD = "A safety contact cannot be read. Staff have to clear this machine."
SAFETY = [
    (InputRole.EMERGENCY_STOP, StopType.EMERGENCY_STOP, PRESSED),
    (InputRole.INTERLOCK, StopType.INTERLOCK, OPENED),
]
each_safety_contact = pytest.mark.parametrize(("role", "stop_type", "words"), SAFETY)


@pytest.fixture
async def bench(tmp_path: Path):
    made = Wired(tmp_path)
    yield made
    made.journal.close()


@each_safety_contact
async def test_a_trip_takes_the_power_before_the_station_has_its_turn(bench, role, stop_type, words):
    await bench.tap()
    assert bench.relay.is_on
    assert bench.extraction.is_on
    entries = bench.journal.next_seq
    bench.station.inputs.take(bench.contacts[role], InputChanged(role, True))
    assert not bench.relay.is_on
    assert not bench.extraction.is_on
    assert bench.journal.next_seq == entries, "nothing is recorded before the power is off"
    assert isinstance(bench.station.state, Running), "the station has not had its turn"


@each_safety_contact
async def test_a_trip_ends_the_session_latches_and_alarms(bench, role, stop_type, words):
    await bench.tap()
    await bench.pass_s(10)
    await bench.say(role, True)
    assert bench.station.state == LockedOut(words)
    facts = await bench.facts()
    (ended,) = [fact for fact in facts if isinstance(fact, SessionEnded)]
    assert (ended.stop_type, ended.elapsed_ms) == (stop_type, 10_000)
    (locked,) = [fact for fact in facts if isinstance(fact, MachineLockedOut)]
    assert (locked.reason, locked.by) == (words, "machine")
    assert len(await bench.codes()) == 1
    screen = bench.panel.screens[-1]
    assert (screen.lamp, screen.blink, screen.lines[-1]) == (Lamp.RED, True, words)


@each_safety_contact
async def test_nothing_gives_power_back_by_itself(bench, role, stop_type, words):
    await bench.tap()
    await bench.say(role, True)
    await bench.say(role, False)
    await bench.pass_s(120)
    await bench.tap()
    assert not bench.relay.is_on
    assert list(bench.relay.history) == [False, True, False]
    assert bench.said == words
    (refused,) = [fact for fact in await bench.facts() if isinstance(fact, TapRefused)]
    assert refused.reason is DenialReason.MACHINE_LOCKED_OUT


async def test_a_trip_at_a_machine_that_nobody_uses_latches_too(bench):
    await bench.say(InputRole.EMERGENCY_STOP, True)
    await bench.say(InputRole.EMERGENCY_STOP, False)
    assert bench.station.state == LockedOut(PRESSED)
    await bench.tap()
    assert not bench.relay.is_on


async def test_a_member_reads_why_in_their_own_language(bench):
    standing = MemberStanding("ada", "Ada", "standard", "ada", language="zh", allowed={"laser": 0})
    bench.roster.take(bench.server.delta(1, 2, members={"ada": standing}))
    for role, words in ((InputRole.INTERLOCK, "安全联锁已断开"), (InputRole.EMERGENCY_STOP, "急停已按下")):
        await bench.say(role, True)
        await bench.tap()
        assert bench.said == f"{words}，须由工作人员解除。"


@each_safety_contact
async def test_staff_clear_it_with_a_reason_and_that_gives_no_power(bench, role, stop_type, words):
    await bench.tap()
    await bench.say(role, True)
    await bench.say(role, False)
    with pytest.raises(ValidationError):
        Clear(machine="laser", reason="")
    await bench.clear("button released, hand looked at")
    assert bench.station.state == Free()
    assert not bench.relay.is_on
    (cleared,) = [fact for fact in await bench.facts() if isinstance(fact, MachineCleared)]
    assert (cleared.reason, cleared.by) == ("button released, hand looked at", "tech")
    await bench.tap()
    assert bench.relay.is_on


@each_safety_contact
async def test_it_cannot_be_cleared_while_the_contact_is_active(bench, role, stop_type, words):
    await bench.say(role, True)
    assert bench.station.inputs.holds() is not None
    await bench.clear()
    assert bench.station.state == LockedOut(words)
    await bench.tap()
    assert not bench.relay.is_on
    facts = await bench.facts()
    assert not any(isinstance(fact, MachineCleared) for fact in facts)
    assert [f.reason for f in facts if isinstance(f, MachineLockedOut)] == [words, words], (
        "the server hears it"
    )
    assert (await bench.codes())[-1] == "clear_refused"
    await bench.say(role, False)
    await bench.clear()
    assert bench.station.state == Free()


async def test_a_contact_that_bounces_cannot_be_cleared_at_a_lucky_moment(bench):
    await bench.say(InputRole.INTERLOCK, True)
    bench.contacts[InputRole.INTERLOCK].active = False  # not heard: it has not settled
    await bench.clear()
    assert bench.station.state == LockedOut(OPENED)


@pytest.mark.parametrize("role", [InputRole.EMERGENCY_STOP, InputRole.INTERLOCK])
async def test_a_safety_contact_that_cannot_be_read_counts_as_tripped(bench, role):
    await bench.tap()
    contact = bench.contacts[role]
    await contact.lose("wire off")
    bench.station.inputs.take(contact, InputLost(role, "wire off"))
    assert not bench.relay.is_on
    await bench.turn()
    assert bench.station.state == LockedOut(UNREAD)
    assert f"{role}: wire off" in [getattr(fact, "words", "") for fact in await bench.facts()]
    assert await bench.codes() == ["input_unread"]
    await bench.clear()
    assert bench.station.state == LockedOut(UNREAD)
    await contact.find()
    await bench.clear()
    assert bench.station.state == LockedOut(UNREAD), "it was not heard yet to be well"
    bench.station.inputs.take(contact, InputChanged(role, False))
    await bench.clear()
    assert bench.station.state == Free()


@pytest.mark.parametrize("role", [InputRole.EMERGENCY_STOP, InputRole.INTERLOCK])
@pytest.mark.parametrize("lost", [True, False])
async def test_no_tap_is_granted_on_what_was_heard_long_ago(bench, role, lost):
    contact = bench.contacts[role]
    if lost:
        await contact.lose("wire off")
    else:
        contact.active = True  # nobody has told the station
    await bench.tap()
    assert list(bench.relay.history) == [False]
    assert isinstance(bench.station.state, LockedOut)


async def test_a_trip_while_a_session_begins_gives_no_power_however_short_it_was(bench):
    stop = bench.contacts[InputRole.EMERGENCY_STOP]
    tap = asyncio.create_task(bench.tap())
    await asyncio.sleep(0)
    assert bench.station.session_id, "the start waits for the disk"
    for active in (True, False):
        bench.station.inputs.take(stop, InputChanged(stop.name, active))
    await tap
    assert list(bench.relay.history) == [False]
    await bench.turn()
    assert bench.station.state == LockedOut(PRESSED)


async def test_a_trip_is_acted_on_at_the_next_tick_when_the_stations_queue_is_full(bench):
    await bench.tap()
    while bench.station.offer(Tick()):
        pass
    stop = bench.contacts[InputRole.EMERGENCY_STOP]
    bench.station.inputs.take(stop, InputChanged(stop.name, True))
    assert not bench.relay.is_on
    await bench.station.handle(Tick(), 0.0)
    assert bench.station.state == LockedOut(PRESSED)


async def test_a_relay_that_fails_does_not_keep_a_trip_from_latching(bench, monkeypatch):
    await bench.tap()

    def fails() -> None:
        raise MachineFault("bad handle")

    monkeypatch.setattr(bench.relay, "off", fails)
    await bench.say(InputRole.EMERGENCY_STOP, True)
    assert bench.station.state == LockedOut(PRESSED)
    assert not bench.extraction.is_on
    assert sorted(await bench.codes()) == ["emergency_stop", "relay_failed"]


async def test_a_trip_outlives_the_process(bench, tmp_path):
    await bench.say(InputRole.EMERGENCY_STOP, True)
    await bench.facts()
    bench.journal.close()
    again = Wired(tmp_path)
    again.station.lock_out(again.journal.lockouts()["laser"])
    await again.tap()
    assert again.said == PRESSED
    assert not again.relay.is_on
    await again.clear()
    assert again.station.state == Free()
    again.journal.close()


@pytest.mark.parametrize("listed", ["belt torn", PRESSED])
async def test_a_trip_is_cleared_by_an_order_and_never_by_a_roster(bench, listed):
    bench.roster.take(bench.server.roster(2, lockout=listed))
    await bench.station.handle(RosterChanged(), 0.0)
    await bench.say(InputRole.EMERGENCY_STOP, True)
    await bench.say(InputRole.EMERGENCY_STOP, False)
    bench.roster.take(bench.server.roster(3))  # cleared while the gateway could not be told why
    await bench.station.handle(RosterChanged(), 0.0)
    assert bench.station.state == LockedOut(PRESSED)
    await bench.pass_s(4)
    assert await bench.codes() == ["emergency_stop"], "the order may be on its way"
    await bench.pass_s(6)
    assert await bench.codes() == ["emergency_stop", "clear_refused"]
    reasons = [fact.reason for fact in await bench.facts() if isinstance(fact, MachineLockedOut)]
    assert reasons[-1] == PRESSED, "the server is told that it is still out of order"
    await bench.clear("released")
    assert bench.station.state == Free()


async def test_a_roster_before_its_order_refuses_nobody(bench):
    bench.roster.take(bench.server.roster(2, lockout=PRESSED))
    await bench.say(InputRole.EMERGENCY_STOP, True)
    await bench.say(InputRole.EMERGENCY_STOP, False)
    await bench.station.handle(RosterChanged(), 0.0)
    bench.roster.take(bench.server.roster(3))
    await bench.station.handle(RosterChanged(), 0.0)
    await bench.clear("released")
    assert bench.station.state == Free()
    await bench.say(InputRole.EMERGENCY_STOP, True)
    await bench.pass_s(10)
    assert await bench.codes() == ["emergency_stop", "emergency_stop"]
    (cleared,) = [fact for fact in await bench.facts() if isinstance(fact, MachineCleared)]
    assert (cleared.reason, cleared.by) == ("released", "tech")


async def test_the_gravest_trip_is_told_and_each_once(bench):
    await bench.tap()
    for _ in range(3):
        for role in (InputRole.INTERLOCK, InputRole.EMERGENCY_STOP):
            await bench.say(role, True)
            await bench.say(role, False)
    assert bench.station.state == LockedOut(PRESSED)
    assert await bench.codes() == ["interlock_opened", "emergency_stop"]


async def test_a_clear_that_comes_with_a_trip_ends_the_session_that_runs(bench):
    await bench.tap()
    stop = bench.contacts[InputRole.EMERGENCY_STOP]
    await stop.change(True)
    bench.station.inputs.take(stop, InputChanged(stop.name, True))
    await bench.clear()
    assert bench.station.state == LockedOut(PRESSED)
    assert [fact.stop_type for fact in await bench.facts() if isinstance(fact, SessionEnded)] == [
        StopType.EMERGENCY_STOP
    ]


async def test_a_trip_on_a_lockout_of_staff_is_recorded_and_needs_its_own_clear(bench):
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    await bench.say(InputRole.INTERLOCK, True)
    reasons = [fact.reason for fact in await bench.facts() if isinstance(fact, MachineLockedOut)]
    assert reasons == ["belt torn", OPENED]


async def test_contacts_are_heard_by_themselves(bench):
    stop = bench.contacts[InputRole.EMERGENCY_STOP]
    await bench.tap()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.station.inputs.listen(stop))
        await stop.change(True)
        async with asyncio.timeout(20):
            while bench.relay.is_on:
                await asyncio.sleep(0)
        await stop.aclose()


def test_why_a_machine_is_locked_out_is_read_in_each_language_and_staffs_words_stay():
    assert why_locked_out(PRESSED, "zh") == "急停已按下，须由工作人员解除。"
    assert why_locked_out(PRESSED, "en") == PRESSED
    assert why_locked_out("belt torn", "zh") == "belt torn"

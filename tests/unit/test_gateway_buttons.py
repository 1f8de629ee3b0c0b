"""Buttons and doors of a station: what they do, and that a wire that comes back presses nothing."""

from pathlib import Path

import pytest

from floor.policy import MachinePolicy, OnOops
from floor.session import Free, LockedOut
from floor.wire.journal import SessionEnded
from floor.words import InputRole, StopType
from hardware.events import ButtonPressed, InputChanged, InputLost
from tests.kit.contacts import Wired


@pytest.fixture
async def bench(tmp_path: Path):
    made = Wired(tmp_path)
    yield made
    made.journal.close()


async def test_the_end_button_ends_the_session_as_a_second_tap_does(bench):
    await bench.tap()
    await bench.say(InputRole.END, True)
    assert bench.station.state == Free()
    assert not bench.relay.is_on
    assert (await bench.facts())[-1].stop_type is StopType.TAP_OUT
    await bench.tap()
    await bench.say(InputRole.END, False)
    assert bench.relay.is_on, "to let the button go is nothing"


@pytest.mark.parametrize("role", [InputRole.END, InputRole.OOPS])
async def test_a_button_that_is_stuck_or_comes_back_pressed_was_not_pressed(bench, role):
    await bench.tap()
    button = bench.contacts[role]
    for event in (InputLost(role, "wire off"), InputChanged(role, True)):
        bench.station.inputs.take(button, event)
    await bench.turn()
    assert bench.relay.is_on
    assert await bench.codes() == ["input_lost"]


async def test_oops_locks_the_machine_out_and_ends_the_session(bench):
    await bench.tap()
    await bench.say(InputRole.OOPS, True)
    assert bench.station.state == LockedOut("A fault was reported here. Staff have to clear this machine.")
    assert not bench.relay.is_on
    facts = await bench.facts()
    assert [fact.stop_type for fact in facts if isinstance(fact, SessionEnded)] == [StopType.LOCKOUT]
    assert await bench.codes() == ["fault_reported"]
    await bench.clear()
    assert bench.station.state == Free()


async def test_where_the_policy_says_so_oops_reports_alone_at_most_once_a_minute(tmp_path):
    bench = Wired(tmp_path, MachinePolicy(on_oops=OnOops.REPORT))
    await bench.tap()
    for _ in range(3):
        await bench.say(InputRole.OOPS, True)
        await bench.say(InputRole.OOPS, False)
    assert bench.relay.is_on
    assert bench.said == "Thank you: staff have been told"
    assert await bench.codes() == ["fault_reported"]
    await bench.pass_s(60)
    await bench.say(InputRole.OOPS, True)
    assert await bench.codes() == ["fault_reported"] * 2
    bench.journal.close()


async def test_a_door_that_opens_while_nobody_has_tapped_is_told_and_stops_nobody(bench):
    await bench.tap()
    await bench.say(InputRole.DOOR, True)
    await bench.say(InputRole.DOOR, False)
    assert bench.relay.is_on
    await bench.tap()
    await bench.say(InputRole.DOOR, True)
    assert await bench.codes() == ["door_opened"]
    assert bench.station.state == Free()


async def test_a_button_of_a_box_in_the_field_is_heard_too(bench):
    await bench.tap()
    await bench.station.handle(ButtonPressed("end"), 0.0)
    assert not bench.relay.is_on

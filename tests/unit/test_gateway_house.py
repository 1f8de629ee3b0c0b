"""What is wired for all stations: the fire alarm opens everything, a building that closes waits a little."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware_bridge.events import ActivityChanged
from floor.session import Free, LockedOut, Running
from floor.texts import say
from floor.wire.journal import AlarmRaised, MachineCleared, SessionEnded
from floor.wire.messages import Clear, Command, LockOut
from floor.words import Activity, DenialReason, InputRole, StopType, Trip
from gateway import config
from gateway.app import Gateway, opened
from gateway.house import House
from gateway.station import Station
from gateway.wiring import Ordered
from hardware.events import InputChanged, InputLost
from hardware.simulated import SimulatedInput
from tests.kit.contacts import Wired
from tests.kit.gateway import BADGE_KEY, SigningServer

BURNT = say(Trip.FIRE_ALARM, "en")


@dataclass
class Floor:
    """Two stations, and the contacts that they share."""

    a: Wired
    b: Wired
    house: House
    alarms: list[tuple[str, str]]

    async def say(self, role: InputRole, active: bool) -> None:
        one = self.a.contacts[role]
        await one.change(active)
        self.house.take(one, InputChanged(one.name, active))
        for bench in (self.a, self.b):
            await bench.turn()


@pytest.fixture
async def floor(tmp_path: Path):
    shared = {role: SimulatedInput(role, role) for role in InputRole if role.shared}
    benches = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        benches.append(Wired(tmp_path / name, shared=shared))
    alarms: list[tuple[str, str]] = []
    stations: dict[str, Station] = {name: bench.station for name, bench in zip("ab", benches, strict=True)}
    yield Floor(*benches, House(stations, lambda code, words: alarms.append((code, words))), alarms)
    for bench in benches:
        bench.journal.close()


async def test_a_fire_alarm_opens_all_machines_and_extraction_before_anybody_has_a_turn(floor):
    for bench in (floor.a, floor.b):
        await bench.tap()
    fire = floor.a.contacts[InputRole.FIRE_ALARM]
    floor.house.take(fire, InputChanged(fire.name, True))
    for bench in (floor.a, floor.b):
        assert not bench.relay.is_on
        assert not bench.extraction.is_on
        assert isinstance(bench.station.state, Running), "the station has not had its turn"
        await bench.turn()
        assert bench.station.state == LockedOut(BURNT)
        stops = [fact.stop_type for fact in await bench.facts() if isinstance(fact, SessionEnded)]
        assert stops == [StopType.FIRE_ALARM]
        assert await bench.codes() == []
    assert floor.alarms == [("fire_alarm", "fire_alarm")], "staff are told once"


async def test_it_latches_also_at_machines_that_nobody_uses(floor):
    await floor.say(InputRole.FIRE_ALARM, True)
    await floor.say(InputRole.FIRE_ALARM, False)
    await floor.b.pass_s(60)
    await floor.b.tap()
    assert not floor.b.relay.is_on
    assert floor.b.said == BURNT


async def test_one_order_clears_what_the_fire_alarm_alone_took_out_of_order(floor):
    await floor.b.say(InputRole.INTERLOCK, True)
    await floor.say(InputRole.FIRE_ALARM, True)
    assert floor.house.cleared_with(floor.a.station) == []
    assert floor.house.cleared_with(floor.b.station) == [], "its own trip is another matter"
    await floor.a.say(InputRole.EMERGENCY_STOP, True)
    await floor.a.say(InputRole.EMERGENCY_STOP, False)
    assert floor.a.station.state == LockedOut(say(Trip.EMERGENCY_STOP, "en")), "the graver is told"


async def test_what_staff_took_out_of_order_before_stays_so(floor):
    await floor.b.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    await floor.say(InputRole.FIRE_ALARM, True)
    await floor.say(InputRole.FIRE_ALARM, False)
    assert floor.house.cleared_with(floor.a.station) == []
    assert floor.b.station.state == LockedOut("belt torn")


async def test_a_fire_alarm_that_cannot_be_read_counts_as_one(floor):
    await floor.b.tap()
    fire = floor.a.contacts[InputRole.FIRE_ALARM]
    floor.house.take(fire, InputLost(fire.name, "bad handle"))
    assert not floor.b.relay.is_on
    assert floor.alarms == [("input_lost", "fire_alarm: bad handle")]
    await floor.b.turn()
    assert floor.b.station.state == LockedOut(say(Trip.INPUT_UNREAD, "en"))


async def test_a_building_that_closes_begins_nothing(floor):
    await floor.say(InputRole.CLOSING, True)
    await floor.a.tap()
    assert not floor.a.relay.is_on
    assert floor.a.said == say(DenialReason.CLOSING, "en")
    await floor.say(InputRole.CLOSING, False)
    await floor.a.tap()
    assert floor.a.relay.is_on


async def test_sessions_end_after_the_grace_and_are_warned(floor):
    await floor.a.tap()
    await floor.say(InputRole.CLOSING, True)
    assert floor.a.said == "The building is closing. Please finish soon"
    await floor.a.pass_s(899)
    assert floor.a.relay.is_on
    await floor.a.pass_s(1)
    assert not floor.a.relay.is_on
    stops = [fact.stop_type for fact in await floor.a.facts() if isinstance(fact, SessionEnded)]
    assert stops == [StopType.CLOSING]


async def test_work_is_finished_although_the_building_closes(floor):
    await floor.a.tap()
    await floor.a.station.handle(ActivityChanged(Activity.BUSY), 0.0)
    await floor.say(InputRole.CLOSING, True)
    await floor.a.pass_s(1000)
    assert floor.a.relay.is_on
    await floor.a.station.handle(ActivityChanged(Activity.IDLE), 0.0)
    await floor.a.pass_s(1)
    assert not floor.a.relay.is_on


async def test_who_uses_a_machine_may_tap_out_while_the_building_closes(floor):
    await floor.a.tap()
    await floor.say(InputRole.CLOSING, True)
    await floor.a.tap()
    assert floor.a.station.state == Free()


async def test_a_building_that_opens_again_ends_nothing_and_one_unread_contact_changes_nothing(floor):
    await floor.a.tap()
    await floor.say(InputRole.CLOSING, True)
    closing = floor.a.contacts[InputRole.CLOSING]
    floor.house.take(closing, InputLost(closing.name, "bad handle"))
    await floor.a.turn()
    assert floor.a.station.inputs.closing
    assert floor.alarms == [("input_lost", "closing: bad handle")]
    await floor.a.pass_s(800)
    await floor.say(InputRole.CLOSING, False)
    await floor.a.pass_s(400)
    assert floor.a.relay.is_on


def settings(folder: Path) -> Path:
    server = SigningServer()
    (folder / "roster.jsonl").write_bytes(server.roster() + b"\n")
    station = '[[stations]]\nmachine = "%s"\nreader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
    inputs = "".join(
        f'[[inputs]]\nkind = "simulated"\nrole = "{role}"\n' for role in ("fire_alarm", "closing")
    )
    file = folder / "gateway.toml"
    file.write_text(
        f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{b64encode(server.public).decode()}"\n'
        f'[http]\nport = 0\n[journal]\nstorage = "volatile"\n{inputs}' + station % "laser" + station % "saw"
    )
    return file


def order(gateway: Gateway, machine: str) -> bool:
    clear = Clear(machine=machine, reason="a drill")
    return gateway.carry(
        Command(id="c", gateway="gw", by="tech", issued_ms=1, expires_ms=2, order=clear)
    ).done


async def until(gateway: Gateway, locked: bool) -> None:
    async with asyncio.timeout(20):
        while {isinstance(one.state, LockedOut) for one in gateway.stations.values()} != {locked}:
            await asyncio.sleep(0.01)


async def test_a_fire_drill_in_a_whole_gateway_is_cleared_by_one_order(tmp_path):
    async with opened(config.load(settings(tmp_path))) as gateway, asyncio.TaskGroup() as tasks:
        fire = next(one for one in gateway.house.inputs if one.role is InputRole.FIRE_ALARM)
        assert isinstance(fire, SimulatedInput)
        running = tasks.create_task(gateway.run())
        await asyncio.sleep(0)
        await fire.change(True)
        await until(gateway, True)
        assert not order(gateway, "saw"), "it rings still"
        await fire.change(False)
        async with asyncio.timeout(20):
            while not order(gateway, "saw"):
                await asyncio.sleep(0.01)
        await until(gateway, False)
        cleared: list[tuple[str, str, str]] = []
        async with asyncio.timeout(20):
            while len(cleared) < 2:
                facts = [entry.fact for entry in await gateway.journal.to_send(0, 100)]
                told = [fact for fact in facts if isinstance(fact, MachineCleared)]
                alarms = [fact for fact in facts if isinstance(fact, AlarmRaised)]
                cleared = sorted((fact.machine, fact.reason, fact.by) for fact in told)
                await asyncio.sleep(0.01)
        running.cancel()
    assert {one.machine for one in alarms if one.code == "clear_refused"} == {"saw"}, "once, not for all"
    assert [one.machine for one in alarms if one.code == "fire_alarm"] == [None]
    assert cleared == [("laser", "a drill", "tech"), ("saw", "a drill", "tech")]


RELAY = 'relay = {kind = "simulated"}'
SIMULATED = f'reader = {{kind = "simulated"}}\n{RELAY}\n[['
FIRE = '{role = "fire_alarm", kind = "simulated", name = "f"}'
CHILLED_BOX = (
    'node = {kind = "mac", machine_name = "m"}\ninputs = [{role = "chiller", kind = "simulated"}]\n[['
)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('role = "closing"', 'role = "interlock"', "interlock belongs to one station"),
        ('role = "closing"', 'role = "fire_alarm"', "'fire_alarm' stands twice"),
        ("[http]", "closing_grace_s = 7201\n[http]", "closing_grace_s"),
        (RELAY, f"{RELAY}\ninputs = [{FIRE}]", "fire_alarm is for all stations"),
        (SIMULATED, CHILLED_BOX, "a box gives power at once"),
    ],
)
async def test_wrong_settings_stop_the_start_with_a_sentence(tmp_path, old, new, words):
    file = settings(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(config.ConfigError, match=words):
        async with opened(config.load(file)):
            pass

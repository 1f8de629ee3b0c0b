"""What a station's page says below its state, in each of the states in which somebody has to do something."""

import pytest

from floor.policy import MachinePolicy
from floor.session import Running, Waiting
from floor.session_states import Proving
from floor.wire.messages import LockOut
from floor.words import InputRole, Purpose
from gateway.station_page import station
from gateway.wiring import Ordered
from tests.kit.contacts import Wired
from tests.kit.gateway import ADA, BEN, EVE
from tests.unit.test_gateway_tap_rules import BADGES, MEMBERS


@pytest.fixture
async def bench(tmp_path, request):
    """Ada may use the laser; so may Ben; Eve is a technician."""
    policy = MachinePolicy(**getattr(request, "param", {}))
    made = Wired(tmp_path, policy)
    made.roster.take(made.server.roster(2, policy=policy, members=MEMBERS, badges=BADGES))
    yield made
    made.journal.close()


def read(bench, language="en"):
    return station(bench.station, language, "nonce")


@pytest.mark.parametrize("bench", [{"needs_supervisor": True}], indirect=True)
async def test_who_waits_for_a_supervisor_reads_so_and_not_that_a_badge_is_asked_for(bench):
    await bench.tap(ADA)
    assert isinstance(bench.station.state, Waiting)
    assert "A supervisor has to tap now" in read(bench)
    assert "请监护人" in read(bench, "zh")
    assert "Tap your badge" not in read(bench)


async def test_a_start_says_what_it_waits_for(bench):
    await bench.say(InputRole.CHILLER, False)
    await bench.tap(ADA)
    assert isinstance(bench.station.state, Proving)
    assert "Cooling starts…" in read(bench)
    assert "冷却启动中…" in read(bench, "zh")


async def test_a_repair_says_that_the_machine_stays_out_of_order(bench):
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt torn"), "tech"), 0.0)
    assert "belt torn" in read(bench)
    await bench.tap(EVE)
    assert isinstance(bench.station.state, Running)
    assert "Repair: the machine stays out of order" in read(bench)


@pytest.mark.parametrize("bench", [{"max_roster_age_s": 3600}], indirect=True)
async def test_emergency_access_and_an_ageing_roster_are_said(bench):
    await bench.pass_s(1)
    assert "Tap your badge" in read(bench)
    bench.clock.pass_s(2400)
    await bench.pass_s(1)
    assert "Offline: soon nobody can begin here" in read(bench)
    assert "离线" in read(bench, "zh")
    bench.clock.pass_s(2400)
    await bench.tap(EVE)
    assert bench.station.state.lease.purpose is Purpose.BREAK_GLASS
    assert "Emergency access: staff are told" in read(bench)


async def test_a_building_that_closes_asks_nobody_for_a_badge(bench):
    await bench.tap(ADA)
    assert "closing" not in read(bench)
    await bench.say(InputRole.CLOSING, True)
    assert "Please finish soon" in read(bench)
    await bench.tap(ADA)
    assert "Nothing can be started now" in read(bench)
    assert "即将闭馆，现在不能开始使用" in read(bench, "zh")
    await bench.tap(BEN)
    await bench.pass_s(6)
    assert bench.said == "The building is closing. Nothing can be started now.", "the panel says it too"

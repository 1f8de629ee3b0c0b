"""A door: a tap opens it for some seconds, nobody taps out, and no hung loop keeps it open."""

import time
from pathlib import Path

import pytest

from floor.access import BadgeStanding
from floor.errors import ConfigError, MachineFault
from floor.ids import badge_reference
from floor.policy import MachinePolicy
from floor.session import Free
from floor.wire.journal import AlarmRaised, SessionEnded, SessionStarted
from floor.words import BadgeKind, InputRole, StopType
from gateway import config, devices
from gateway.station import Station
from gateway.wiring import Devices
from hardware.events import InputChanged
from hardware.relays.pulse import PulseRelay
from hardware.simulated import SimulatedInput, SimulatedRelay
from tests.kit.gateway import ADA, BADGE_KEY, BEN, Bench

DEADLINE_S = 10
HOSTILE = MachinePolicy(max_duration_s=3600, card_must_stay=True, idle_after_s=5)


class DoorBench(Bench):
    """A station with a pulse, which the clock of the bench moves; the thread's own time is far away."""

    def rebuild(self) -> None:
        self.contact = SimulatedInput("door", InputRole.DOOR)
        strike = PulseRelay(self.relay, 30)
        wired = Devices(self.reader, strike, self.panel, inputs=(self.contact,), pulse_s=5)
        self.station = Station("laser", wired, self.services())


@pytest.fixture
async def bench(tmp_path: Path):
    made = DoorBench(tmp_path, HOSTILE)
    yield made
    made.station.devices.relay.close()
    made.journal.close()


async def sessions(bench: Bench) -> list[tuple[str, StopType, int]]:
    facts = await bench.facts()
    who = {fact.session_id: fact.member for fact in facts if isinstance(fact, SessionStarted)}
    ended = [fact for fact in facts if isinstance(fact, SessionEnded)]
    return [(who[fact.session_id], fact.stop_type, fact.elapsed_ms) for fact in ended]


async def test_a_tap_opens_the_door_for_its_pulse_and_records_who(bench):
    await bench.tap()
    assert bench.relay.is_on
    await bench.pass_s(4)
    assert bench.relay.is_on
    await bench.pass_s(1)
    assert not bench.relay.is_on
    assert bench.station.state == Free()
    assert await sessions(bench) == [("ada", StopType.MAX_DURATION, 5000)]
    assert bench.said == "Tap your badge"


async def test_a_second_tap_begins_the_pulse_anew_and_is_no_tap_out(bench):
    await bench.tap()
    await bench.pass_s(3)
    await bench.tap()
    assert bench.relay.is_on
    await bench.pass_s(4)
    assert bench.relay.is_on
    await bench.pass_s(1)
    assert not bench.relay.is_on
    assert [(stop, ms) for _, stop, ms in await sessions(bench)] == [
        (StopType.TAKEOVER, 3000),
        (StopType.MAX_DURATION, 5000),
    ]


@pytest.mark.parametrize("lost", [False, True])
async def test_a_refused_tap_shortens_nothing(bench, lost):
    await bench.tap()
    await bench.pass_s(2)
    if lost:  # the same member's badge is reported lost while the door is open
        standing = BadgeStanding("ada", BadgeKind.UID_125KHZ, lost=True)
        badges = {badge_reference(BADGE_KEY, ADA): standing}
        bench.roster.take(bench.server.roster(n=2, policy=HOSTILE, badges=badges))
    await bench.tap(ADA if lost else BEN)
    assert bench.relay.is_on
    await bench.pass_s(2)
    assert bench.relay.is_on
    await bench.pass_s(1)
    assert not bench.relay.is_on


async def test_a_door_held_open_is_told_once_and_one_opened_from_inside_is_not(bench):
    for active in (True, False, True):
        await bench.station.handle(InputChanged("door", active), 0.0)
        await bench.pass_s(59)
    assert not any(isinstance(fact, AlarmRaised) for fact in await bench.facts())
    await bench.pass_s(70)
    codes = [fact.code for fact in await bench.facts() if isinstance(fact, AlarmRaised)]
    assert codes == ["door_held_open"]


def hang_until_open(coil: SimulatedRelay) -> None:
    """Nothing here gives an event loop its turn."""
    deadline = time.monotonic() + DEADLINE_S
    while coil.is_on:
        assert time.monotonic() < deadline, "the pulse did not end"
        time.sleep(0.01)


async def test_the_relay_opens_although_the_event_loop_hangs():
    coil = SimulatedRelay("strike", True)
    strike = PulseRelay(coil, 1)
    strike.on()
    assert coil.is_on
    hang_until_open(coil)
    assert not strike.is_on
    strike.close()


def test_a_pulse_whose_end_failed_is_ended_again():
    class Sticky(SimulatedRelay):
        failures = 1

        def off(self) -> None:
            if self.failures and self.is_on:
                self.failures -= 1
                raise MachineFault("stuck")
            super().off()

    coil = Sticky("strike", True)
    strike = PulseRelay(coil, 1)
    begun = time.monotonic()
    strike.on()
    hang_until_open(coil)
    assert time.monotonic() - begun >= 1.9, "the first end failed, the second came a second later"
    strike.close()


def test_a_pulse_that_begins_anew_is_not_cut_by_the_end_of_the_first():
    coil = SimulatedRelay("strike", True)
    strike = PulseRelay(coil, 1)
    begun = time.monotonic()
    strike.on()
    time.sleep(0.5)
    strike.on()
    hang_until_open(coil)
    assert time.monotonic() - begun >= 1.45
    strike.close()


def test_a_relay_that_can_time_itself_is_told_the_pulse():
    class Timed(SimulatedRelay):
        seconds = 0

        def limit(self, seconds: int) -> None:
            self.seconds = seconds

    coil = Timed("plug", True)
    PulseRelay(coil, 7)
    assert coil.seconds == 7


DOOR = """name = "g"
badge_key = "{key}"
server_key = "{public}="
[[stations]]
machine = "door"
pulse_s = {pulse}
reader = {{kind = "simulated"}}
relay = {{kind = "simulated"}}
"""


@pytest.mark.parametrize("pulse", ["0", "31", "true"])
def test_a_pulse_has_bounds(tmp_path: Path, pulse: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(DOOR.format(key="00" * 32, public="A" * 43, pulse=pulse))
    with pytest.raises(ConfigError, match="pulse_s"):
        config.load(file)


def test_a_station_with_a_pulse_is_built_so(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(DOOR.format(key="00" * 32, public="A" * 43, pulse=30))
    read = config.load(file)
    built = devices.build(read, read.stations[0])
    assert isinstance(built.relay, PulseRelay)
    assert built.pulse_s == 30

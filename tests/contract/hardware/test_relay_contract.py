"""What every relay must do: off at the start, off at the end, obedient between, honest about its contact."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from floor.errors import ConfigError, MachineFault
from hardware.ports import Relay
from hardware.registry import build_relay
from hardware.relays.gpio import GpioRelay, Line
from hardware.relays.plug import BrokerAddress, Messages, PlugRelay, ShellySwitch, TasmotaSwitch
from hardware.simulated import SimulatedRelay
from tests.kit.mosquitto import Mosquitto, PlugProcess, mosquitto, plug

DEADLINE_S = 20


class FakeGpio:
    """The interface of RPi.GPIO over a dict of levels; a contact on pin 27 follows the relay on pin 17."""

    BCM, IN, OUT, LOW, HIGH, PUD_OFF, PUD_DOWN, PUD_UP = 11, 1, 0, 0, 1, 20, 21, 22

    def __init__(self, active_high: bool) -> None:
        self.levels = {17: int(active_high)}  # the worst that the pin may be before it is ours
        self.calls: list[tuple[Any, ...]] = []
        self.welded = False
        self.broken = False
        self._active_high = active_high

    def setwarnings(self, flag: bool, /) -> None:
        self.calls.append(("setwarnings", flag))

    def setmode(self, mode: Any, /) -> None:
        self.calls.append(("setmode", mode))

    def setup(self, channel: int, direction: Any, /, *, pull_up_down: Any = 20, initial: Any = None) -> None:
        self.calls.append(("setup", channel, direction, pull_up_down, initial))
        if direction == self.OUT:
            self.levels[channel] = initial

    def output(self, channel: int, value: Any, /) -> None:
        if self.broken:
            raise RuntimeError("bad handle")
        self.levels[channel] = value

    def input(self, channel: int, /) -> int:
        assert channel == 27
        return int(not self.closed)

    @property
    def closed(self) -> bool:
        return self.welded or bool(self.levels[17]) == self._active_high


class Bench(Protocol):
    """Makes a relay with feedback, and can weld its contact."""

    def make(self) -> Relay: ...
    def weld(self) -> None: ...


class GpioBench:
    def __init__(self, active_high: bool) -> None:
        self.gpio = FakeGpio(active_high)
        self._output = Line(17, active_high)

    def make(self) -> Relay:
        return GpioRelay("bench", self.gpio, self._output, Line(27, active_high=False))

    def weld(self) -> None:
        self.gpio.welded = True


class SimulatedBench:
    def make(self) -> Relay:
        self._relay = SimulatedRelay("bench")
        return self._relay

    def weld(self) -> None:
        self._relay.weld()


class RigBench:
    def __init__(self, folder: Path) -> None:
        self.socket = folder / "rig"
        command = [sys.executable, "-m", "hardware.relays.rig", str(self.socket)]
        self.process = subprocess.Popen(command)
        wait_until(Path(f"{self.socket}.json").exists)

    def make(self) -> Relay:
        return build_relay("rig", {"name": "bench", "socket": str(self.socket)}, "bench")

    def weld(self) -> None:
        self.send(b"weld bench")

    def send(self, command: bytes) -> None:

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as commands:
            commands.sendto(command, str(self.socket))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "what was awaited did not come"
        time.sleep(0.01)


@pytest.fixture
def rig() -> Iterator[RigBench]:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short
        bench = RigBench(Path(folder))
        yield bench
        bench.process.terminate()
        assert bench.process.wait(DEADLINE_S) == 0


class PlugBench:
    """A scripted plug of a real broker, with a load of 100 W."""

    def __init__(self, broker: Mosquitto, kind: str, peer: PlugProcess) -> None:
        self.broker, self.kind, self.peer = broker, kind, peer
        peer.tell("watts 100")

    def make(self, dead_man_s: int = 12) -> Relay:
        named = {"shelly": "prefix", "tasmota": "topic"}[self.kind]
        settings = {"name": "bench", "broker": self.broker.url, named: self.peer.name}
        return build_relay(self.kind, settings | {"dead_man_s": dead_man_s}, "bench")

    def quick(self) -> PlugRelay:
        """With a timer that is too short for a real network."""
        switch = {"shelly": ShellySwitch, "tasmota": TasmotaSwitch}[self.kind]
        address = BrokerAddress("127.0.0.1", self.broker.port)
        return PlugRelay("bench", address, switch(self.peer.name, int(self.kind == "tasmota")), 2)

    def weld(self) -> None:
        self.peer.tell("weld")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("relays")) as running:
        yield running


@pytest.fixture(params=["shelly", "tasmota"])
def plugs(request: pytest.FixtureRequest, broker: Mosquitto) -> Iterator[PlugBench]:
    with plug(broker, request.param, "bench-relay") as peer:
        yield PlugBench(broker, request.param, peer)


@pytest.fixture(params=["gpio active high", "gpio active low", "rig", "simulated", "shelly", "tasmota"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    match request.param:
        case "rig":
            yield request.getfixturevalue("rig")
        case "simulated":
            yield SimulatedBench()
        case "shelly" | "tasmota" as kind:
            with plug(request.getfixturevalue("broker"), kind, "bench-relay") as peer:
                yield PlugBench(request.getfixturevalue("broker"), kind, peer)
        case _:
            yield GpioBench(active_high=request.param.endswith("high"))


def test_a_relay_is_off_once_built(bench: Bench) -> None:
    relay = bench.make()
    assert not relay.is_on
    wait_until(lambda: relay.feedback() is False)


def test_commands_are_idempotent_and_the_contact_follows(bench: Bench) -> None:
    relay = bench.make()
    for command, level in ((relay.on, True), (relay.on, True), (relay.off, False), (relay.off, False)):
        command()
        assert relay.is_on is level
        wait_until(lambda level=level: relay.feedback() is level)


def test_close_leaves_it_off_for_good(bench: Bench) -> None:
    relay = bench.make()
    relay.on()
    relay.close()
    relay.close()
    assert not relay.is_on
    wait_until(lambda: relay.feedback() is False)
    with pytest.raises(AssertionError):
        relay.on()


def test_a_welded_contact_is_seen(bench: Bench) -> None:
    relay = bench.make()
    relay.on()
    bench.weld()
    relay.off()
    assert not relay.is_on
    wait_until(lambda: relay.feedback() is True)
    if isinstance(bench, RigBench):
        bench.send(b"repair bench")
        wait_until(lambda: relay.feedback() is False)


def test_a_relay_built_anew_takes_the_power_that_its_dead_owner_left(rig: RigBench) -> None:
    owner = (
        "import sys, signal; from pathlib import Path; from hardware.relays.rig import RigRelay\n"
        "relay = RigRelay('bench', Path(sys.argv[1])); relay.on(); print('on', flush=True); signal.pause()"
    )
    witness = build_relay("rig", {"name": "witness", "socket": str(rig.socket)}, "bench")
    levels = Path(f"{rig.socket}.json")
    process = subprocess.Popen([sys.executable, "-c", owner, str(rig.socket)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        wait_until(lambda: '"bench": {"coil": true, "contact": true}' in levels.read_text())
        process.send_signal(signal.SIGKILL)
    witness.on()
    wait_until(lambda: witness.feedback() is True)  # the rig is past whatever the dead owner could have sent
    assert '"bench": {"coil": true, "contact": true}' in levels.read_text()
    relay = rig.make()
    wait_until(lambda: relay.feedback() is False)


def test_a_rig_survives_nonsense(rig: RigBench) -> None:
    for nonsense in (b"", b"on", b"on ", b"explode bench", b"\xff\xfe", b"on " + b"x" * 1000):
        rig.send(nonsense)
    relay = rig.make()
    relay.on()
    wait_until(lambda: relay.feedback() is True)
    assert list(json.loads(Path(f"{rig.socket}.json").read_bytes())) == ["bench"]


def test_a_rig_that_has_gone_is_a_fault(rig: RigBench) -> None:
    relay = rig.make()
    rig.process.terminate()
    rig.process.wait(DEADLINE_S)
    with pytest.raises(MachineFault, match="does not listen"):
        relay.on()
    with pytest.raises(MachineFault):
        relay.close()
    relay.close()
    with pytest.raises(ConfigError, match=r"Start it: python -m hardware\.relays\.rig"):
        rig.make()


def test_a_rig_says_why_it_cannot_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hardware.relays.rig", str(tmp_path / "absent" / "rig")]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 1
    assert b"No such file or directory" in done.stderr


@pytest.mark.parametrize("active_high", [True, False])
def test_a_pin_becomes_an_output_at_its_inactive_level(active_high: bool) -> None:
    bench = GpioBench(active_high)
    bench.make()
    gpio, inactive = bench.gpio, int(not active_high)
    assert gpio.calls[:3] == [("setwarnings", False), ("setmode", 11), ("setup", 17, gpio.OUT, 20, inactive)]
    assert gpio.calls[3] == ("setup", 27, gpio.IN, gpio.PUD_UP, None)


def test_a_pin_that_cannot_be_driven_is_a_fault() -> None:
    bench = GpioBench(active_high=True)
    relay = bench.make()
    bench.gpio.broken = True
    with pytest.raises(MachineFault, match="pin 17: bad handle"):
        relay.off()


def look_for(relay: Relay, seconds: float) -> None:
    """As the gateway's control loop does, only more often."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raises(relay.feedback, "")
        time.sleep(0.05)


def test_a_plug_is_kept_on_while_somebody_looks_and_opens_when_nobody_does(plugs: PlugBench) -> None:
    relay = plugs.quick()
    wait_until(lambda: relay.feedback() is False)
    relay.on()
    wait_until(lambda: relay.feedback() is True)
    look_for(relay, 4)
    assert plugs.peer.outputs == ["on"]
    wait_until(lambda: plugs.peer.outputs == ["on", "off"])  # the gateway hangs
    wait_until(lambda: is_open(relay))
    look_for(relay, 1)
    assert plugs.peer.outputs == ["on", "off"], "what opened by itself stays open"
    assert relay.is_on
    relay.on()
    wait_until(lambda: plugs.peer.outputs == ["on", "off", "on"])
    relay.close()
    wait_until(lambda: plugs.peer.outputs[-1] == "off")


def test_a_plug_opens_when_the_broker_is_lost_and_stays_open_when_it_is_back(plugs: PlugBench) -> None:
    relay = plugs.quick()
    relay.on()
    wait_until(lambda: relay.feedback() is True)
    plugs.broker.stop()
    try:
        wait_until(lambda: raises(relay.feedback, "silent for 2 s"))
        assert raises(relay.off, "no broker")
        relay._on = True  # as if the session still ran
    finally:
        plugs.broker.start()
    wait_until(lambda: is_open(relay))
    look_for(relay, 1)
    assert "on" not in plugs.peer.outputs[1:]
    relay.close()


def is_open(relay: Relay) -> bool:
    """Whether its contact is known to be open."""
    try:
        return relay.feedback() is False
    except MachineFault:
        return False


def raises(command: Callable[[], object], words: str) -> bool:
    try:
        command()
    except MachineFault as error:
        return words in str(error)
    return False


def test_a_plug_that_is_on_is_switched_off_by_a_relay_built_anew(plugs: PlugBench) -> None:
    one = plugs.make()
    one.on()
    wait_until(lambda: one.feedback() is True)
    other = plugs.make()
    wait_until(lambda: other.feedback() is False)
    wait_until(lambda: plugs.peer.outputs == ["on", "off"])
    other.close()
    one.close()


def test_an_order_given_while_the_broker_greets_is_not_taken_back(broker: Mosquitto) -> None:
    greeting, go_on = threading.Event(), threading.Event()

    class Slow(TasmotaSwitch):
        """Takes its time for the "off" with which a relay begins."""

        def off(self) -> Messages:
            if not greeting.is_set():
                greeting.set()
                go_on.wait(DEADLINE_S)
            return super().off()

    with plug(broker, "tasmota", "greeted") as peer:
        relay = PlugRelay("bench", BrokerAddress("127.0.0.1", broker.port), Slow(peer.name, 1), 12)
        assert greeting.wait(DEADLINE_S)
        order = threading.Thread(target=relay.on)
        order.start()
        time.sleep(0.2)
        go_on.set()
        order.join(DEADLINE_S)
        wait_until(lambda: relay.feedback() is True)
        look_for(relay, 0.5)
        assert peer.outputs == ["on"]
        relay.close()


def test_without_a_broker_a_plug_is_a_fault_and_not_a_lie() -> None:
    relay = PlugRelay("bench", BrokerAddress("127.0.0.1", 1), ShellySwitch("p", 0), 1)
    with pytest.raises(MachineFault, match="no broker"):
        relay.on()
    assert not relay.is_on
    wait_until(lambda: raises(relay.feedback, "silent for 1 s"))
    with pytest.raises(MachineFault, match="opens within 1 s"):
        relay.close()
    relay.close()


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"broker": "127.0.0.1", "prefix": "p"}, "broker"),
        ({"broker": "mqtt://h:99999", "prefix": "p"}, "broker"),
        ({"broker": "mqtt://h", "prefix": "p", "ca": "x.pem"}, "ca"),
        ({"broker": "mqtts://h", "prefix": "p", "ca": "/nowhere.pem"}, "ca"),
        ({"broker": "mqtt://h"}, "prefix"),
        ({"broker": "mqtt://h", "prefix": "p", "dead_man_s": 5}, "dead_man_s"),
    ],
)
def test_wrong_settings_of_a_plug_name_key_and_remedy(settings: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_relay("shelly", settings, "bench")
    assert (caught.value.file, caught.value.key) == ("bench", key)
    assert caught.value.remedy

"""What every relay must do: off at the start, off at the end, obedient between, honest about its contact."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from floor.errors import ConfigError, MachineFault
from hardware.ports import Keeps
from hardware.registry import build_kept, build_relay
from tests.kit.mosquitto import Mosquitto, mosquitto, plug
from tests.kit.relay_benches import (
    DEADLINE_S,
    Bench,
    GpioBench,
    PlugBench,
    RigBench,
    SimulatedBench,
    wait_until,
)


@pytest.fixture
def rig() -> Iterator[RigBench]:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short
        bench = RigBench(Path(folder))
        yield bench
        bench.process.terminate()
        assert bench.process.wait(DEADLINE_S) == 0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("relays")) as running:
        yield running


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


KEEPERS = pytest.mark.parametrize(
    "bench", ["gpio active high", "gpio active low", "rig", "shelly", "tasmota"], indirect=True
)


@KEEPERS
def test_a_relay_that_was_left_on_is_found_on_and_nothing_is_switched(bench: Bench) -> None:
    left = bench.make()
    left.on()
    wait_until(lambda: left.feedback() is True)
    assert isinstance(left, Keeps)
    calls = len(bench.gpio.calls) if isinstance(bench, GpioBench) else 0
    outputs = len(bench.peer.outputs) if isinstance(bench, PlugBench) else 0
    left.leave()
    found = bench.make(keep=True)
    wait_until(lambda: found.feedback() is True and found.is_on)
    if isinstance(bench, GpioBench):
        driven = [call[-1] for call in bench.gpio.calls[calls:] if call[:2] == ("setup", 17)]
        assert driven == [bench.gpio.levels[17]], "it was an output with another level for a moment"
    if isinstance(bench, PlugBench):
        assert set(bench.peer.outputs[outputs:]) <= {"on"}, "it was switched off for a moment"
    found.on()
    found.close()
    wait_until(lambda: not found.is_on and not bench.make(keep=True).is_on)


@KEEPERS
def test_a_relay_that_is_off_stays_off_however_it_is_built(bench: Bench) -> None:
    left = bench.make()
    left.off()
    wait_until(lambda: left.feedback() is False)
    assert isinstance(left, Keeps)
    left.leave()
    found = bench.make(keep=True)
    wait_until(lambda: found.feedback() is False)
    assert not found.is_on


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("simulated", {}, "cannot prove what it is"),
        ("gpio", {"pin": 17}, "without it nothing proves what is kept on"),
    ],
)
def test_a_relay_that_proves_nothing_is_not_kept(kind: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_kept(kind, settings, "gateway.toml")


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

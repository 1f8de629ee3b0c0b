"""The relays under test, each with a contact that can be seen and welded."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hardware.ports import Relay
from hardware.registry import build_kept, build_relay
from hardware.relays.gpio import GpioRelay, Line
from hardware.relays.plug import BrokerAddress, PlugRelay, ShellySwitch, TasmotaSwitch
from hardware.simulated import SimulatedRelay
from tests.kit.mosquitto import Mosquitto, PlugProcess

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

    def make(self, *, keep: bool = False) -> Relay:
        return GpioRelay("bench", self.gpio, self._output, Line(27, active_high=False), keep=keep)

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

    def make(self, *, keep: bool = False) -> Relay:
        build = build_kept if keep else build_relay
        return build("rig", {"name": "bench", "socket": str(self.socket)}, "bench")

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


class PlugBench:
    """A scripted plug of a real broker, with a load of 100 W."""

    def __init__(self, broker: Mosquitto, kind: str, peer: PlugProcess) -> None:
        self.broker, self.kind, self.peer = broker, kind, peer
        peer.tell("watts 100")

    def make(self, dead_man_s: int = 12, *, keep: bool = False) -> Relay:
        named = {"shelly": "prefix", "tasmota": "topic"}[self.kind]
        settings = {"name": "bench", "broker": self.broker.url, named: self.peer.name}
        build = build_kept if keep else build_relay
        return build(self.kind, settings | {"dead_man_s": dead_man_s}, "bench")

    def quick(self) -> PlugRelay:
        """With a timer that is too short for a real network."""
        switch = {"shelly": ShellySwitch, "tasmota": TasmotaSwitch}[self.kind]
        address = BrokerAddress("127.0.0.1", self.broker.port)
        return PlugRelay("bench", address, switch(self.peer.name, int(self.kind == "tasmota")), 2)

    def weld(self) -> None:
        self.peer.tell("weld")

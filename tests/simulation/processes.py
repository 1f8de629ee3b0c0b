"""A space of real processes on one machine: gateway, server, Mosquitto, the relays' own, PostgreSQL.

The relays keep their levels when their owner dies, as a Pi's kernel does; a thread writes down each change
of a contact: the truth that sessions are held against.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from booking_api.broker.process import find_mosquitto
from tests.kit.engine import IS_POSTGRESQL, empty_in
from tests.kit.frames import rdm6300
from tests.kit.initialised import URL, asked
from tests.peers.postgres import Cluster, free_port

ADA, BEN = bytes.fromhex("62E3086CED"), bytes.fromhex("0102030405")
PATIENCE_S = 60
UNIT = Path("gateway/makerfloor-gateway.service").resolve()
BIN = Path(sys.executable).parent
LAID_S = 0.7
NEAR_S = 1.5
CHECKPOINT_S = 1
T = TypeVar("T")
TARIFF = """
id = "saw"
name = "Saw"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "min"
price = 6
"""
PRICE_MICRO_MS = 100
"""Of a millisecond, by the tariff above."""
SET_UP = """
makerfloor init space --name Space --timezone Europe/Berlin --port {port}
cd space
makerfloor broker certificates ../broker --host 127.0.0.1
sed -i 's|^# ca = .*|ca = "../broker/ca.crt"|; s|^port = 1883|port = {broker_port}|' makerfloor.toml
makerfloor tariff add ../saw.toml
makerfloor gateway enrol pi-1 --out ../pi/gateway.toml
for machine in {machines}; do
    makerfloor machine add $machine $machine --gateway pi-1 --tariff saw
done
makerfloor member add Maple Member --number 1001
makerfloor member add Willow Member --number 1002
makerfloor badge add 1001 {ada} --kind uid_125khz
makerfloor badge add 1002 {ben} --kind uid_125khz
for machine in {machines}; do
    makerfloor certify 1001 $machine
    makerfloor certify 1002 $machine
done
makerfloor broker files ../broker
"""
WIRED = """
[http]
port = 0
[journal]
checkpoint_s = {checkpoint_s}
storage = "volatile"
"""
STATION = """
[[stations]]
machine = "{machine}"
reader = {{kind = "rdm6300", port = "{tty}", removal_ms = 150}}
relay = {{kind = "rig", name = "{machine}", socket = "{socket}"}}
"""


def until(true: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Poll until something holds; a slow machine is no failure, a wrong one is."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if result := true():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {patience_s} s: {what}")


@dataclass
class Powered:
    """One time for which a machine had power, in seconds of this computer's monotonic clock."""

    machine: str
    on_s: float
    off_s: float = 0.0

    @property
    def lasted_s(self) -> float:
        return self.off_s - self.on_s


@dataclass(frozen=True)
class Death:
    """A process was killed between two instants of this computer's monotonic clock."""

    name: str
    before_s: float
    after_s: float


class Rig:
    """The relays' process, and each time for which a contact was closed, oldest first."""

    def __init__(self, socket_path: Path) -> None:
        self.levels = socket_path.with_name(socket_path.name + ".json")
        self.uses: list[Powered] = []
        self._on: dict[str, Powered] = {}
        self.process = subprocess.Popen([sys.executable, "-m", "hardware.relays.rig", str(socket_path)])
        until(self.levels.exists, "the rig listens")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def closed(self, machine: str) -> bool:
        """Whether a machine has power now."""
        return bool(json.loads(self.levels.read_text()).get(machine, {}).get("contact"))

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            levels = json.loads(self.levels.read_text())
            for machine, level in levels.items():
                if level["contact"] and machine not in self._on:
                    self._on[machine] = Powered(machine, time.monotonic())
                    self.uses.append(self._on[machine])
                elif not level["contact"] and machine in self._on:
                    self._on.pop(machine).off_s = time.monotonic()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self.process.terminate()
        self.process.wait(PATIENCE_S)


class Space:
    """A server, a broker and a gateway with stations, as a space runs them: on SQLite, or a cluster."""

    def __init__(
        self, folder: Path, machines: Sequence[str] = ("saw",), database: Cluster | None = None
    ) -> None:
        self.folder, self.machines = folder, tuple(machines)
        self.readers = {machine: _line() for machine in machines}
        self.taps: dict[str, list[tuple[float, bytes]]] = defaultdict(list)
        self.rig = Rig(folder / "rig")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.deaths: list[Death] = []
        self.environment = os.environ | {"PATH": f"{BIN}:/usr/sbin:{os.environ['PATH']}"}
        self.commands = {"database": database.command} if database else {}
        if database:
            self.start("database")
            until(database.answers, "the database answers")
            database.create()
            self._set_up(database.url)
        else:
            self._set_up(empty_in(folder) if IS_POSTGRESQL else "")
        mosquitto = find_mosquitto()
        assert mosquitto, "Mosquitto is missing: apt-get install mosquitto"
        self.commands |= {
            "broker": [mosquitto, "-c", str(folder / "broker/mosquitto.conf")],
            "server": [str(BIN / "makerfloor"), "--config", "space/makerfloor.toml", "serve"],
            "gateway": [str(BIN / "makerfloor-gateway"), "--config", "pi/gateway.toml", "run"],
        }

    def _set_up(self, url: str) -> None:
        folder = self.folder
        (folder / "pi").mkdir()
        (folder / "saw.toml").write_text(TARIFF)
        self.broker_port = free_port()
        script = SET_UP.format(
            port=free_port(),
            broker_port=self.broker_port,
            machines=" ".join(self.machines),
            ada=ADA.hex().upper(),
            ben=BEN.hex().upper(),
        )
        self.shell(script, **({URL: url} if url else {}))
        if url:
            with (folder / "space/makerfloor.toml").open("a") as file:
                file.write(f'[database]\nurl = "{url}"\n')
        with (folder / "pi/gateway.toml").open("a") as file:
            file.write(WIRED.format(checkpoint_s=CHECKPOINT_S))
            for machine, (_, slave) in self.readers.items():
                file.write(STATION.format(machine=machine, tty=os.ttyname(slave), socket=folder / "rig"))

    def shell(self, script: str, **more: str) -> None:
        """Run commands in the folder, as somebody types them, with more variables set."""
        done = subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.folder, env=self.environment | more, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done

    def type_in(self, *arguments: str) -> str:
        """Run a command of the server; return what it said."""
        command = [*self.commands["server"][:-1], *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done
        return done.stdout

    def ask(self, query: str) -> list[Any]:
        """Look into the server's database."""
        return asked(self.folder / "space", query)

    def open(self) -> None:
        """Start all but the database, which runs already."""
        for name in ("broker", "server", "gateway"):
            self.start(name)

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.commands[name], cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """Kill a process and its own, such as PostgreSQL's backends, which would finish what they are at."""
        process, before_s = self.processes[name], time.monotonic()
        with contextlib.suppress(FileNotFoundError):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.send_signal(signal.SIGKILL)
            for child in map(int, children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        process.wait(PATIENCE_S)
        self.deaths.append(Death(name, before_s, time.monotonic()))

    def stop_post(self) -> None:
        """What systemd does after the process, as the unit says."""
        (line,) = [row for row in UNIT.read_text().splitlines() if row.startswith("ExecStopPost=")]
        verb = shlex.split(line.partition("=")[2])[-1]
        subprocess.run(
            [*self.commands["gateway"][:-1], verb], cwd=self.folder, check=True, timeout=PATIENCE_S
        )

    def tap(self, machine: str, badge: bytes = ADA) -> None:
        """Hold a badge to a machine's reader for a moment."""
        self.taps[machine].append((time.monotonic(), badge))
        os.write(self.readers[machine][0], rdm6300(badge))

    def forget_taps(self) -> None:
        """Lose what nobody read: a line into a computer that does not listen keeps nothing."""
        for _, slave in self.readers.values():
            termios.tcflush(slave, termios.TCIFLUSH)

    def tap_until(self, closed: bool, machine: str = "saw") -> None:
        """Tap until the contact is as wanted: the process may not listen yet."""

        def tapped() -> bool:
            if self.rig.closed(machine) is not closed:
                self.tap(machine)
                time.sleep(LAID_S)
            return self.rig.closed(machine) is closed

        until(tapped, f"the contact of {machine} is {'closed' if closed else 'open'} after a tap")

    def end(self) -> None:
        for name in ("gateway", "server", "broker", "database"):
            process = self.processes.get(name)
            if process and process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_S)
        self.rig.end()
        for ends in self.readers.values():
            for end in ends:
                os.close(end)


def _line() -> tuple[int, int]:
    """Open a serial line to a reader: the end that the test writes to, and the computer's."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    return ours, theirs

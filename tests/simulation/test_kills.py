"""Gateway, server and Mosquitto as real processes, killed with SIGKILL; the relay's own knows the truth.

The rig keeps its level when its owner dies, as a Pi's kernel does; a thread writes down each of its changes,
and the server's sessions are held against them. The second test goes on where the first one ends.
"""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from booking_api.broker.process import find_mosquitto
from tests.kit.engine import IS_POSTGRESQL, empty_in
from tests.kit.frames import rdm6300
from tests.kit.initialised import URL, asked

BADGE = bytes.fromhex("62E3086CED")
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
SET_UP = """
makerfloor init space --name Space --timezone Europe/Berlin --port {port}
cd space
makerfloor broker certificates ../broker --host 127.0.0.1
sed -i 's|^# ca = .*|ca = "../broker/ca.crt"|; s|^port = 1883|port = {broker_port}|' makerfloor.toml
makerfloor tariff add ../saw.toml
makerfloor gateway enrol pi-1 --out ../pi/gateway.toml
makerfloor machine add saw Saw --gateway pi-1 --tariff saw
makerfloor member add Maple Member --number 1001
makerfloor badge add 1001 62E3086CED --kind uid_125khz
makerfloor certify 1001 saw
makerfloor broker files ../broker
"""
OWED = """
SELECT sum(kept.amount_micro) FROM account_balance kept
JOIN member ON kept.account = 'assets:member:' || member.id WHERE member.number = '1001'
"""
HELD = "SELECT roster_epoch > 1 AND roster_confirmed_n = roster_n FROM gateway"
WIRED = """
[http]
port = 0
[journal]
checkpoint_s = {checkpoint_s}
storage = "volatile"
[[stations]]
machine = "saw"
reader = {{kind = "rdm6300", port = "{tty}", removal_ms = 150}}
relay = {{kind = "rig", name = "saw", socket = "{socket}"}}
"""


def until(true: Callable[[], T], what: str) -> T:
    """Poll until something holds; a slow machine is no failure, a wrong one is."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if result := true():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE_S} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Rig:
    """The relay's process, and each change of its contact: (seconds, closed)."""

    def __init__(self, socket_path: Path) -> None:
        self.levels = socket_path.with_name(socket_path.name + ".json")
        self.changes: list[tuple[float, bool]] = []
        self.process = subprocess.Popen([sys.executable, "-m", "hardware.relays.rig", str(socket_path)])
        until(self.levels.exists, "the rig listens")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        return bool(json.loads(self.levels.read_text()).get("saw", {}).get("contact"))

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            if self.closed != (bool(self.changes) and self.changes[-1][1]):
                self.changes.append((time.monotonic(), self.closed))

    def uses_s(self) -> list[float]:
        """Return how long the contact was closed, each time."""
        ons, offs = self.changes[::2], self.changes[1::2]
        return [off - on for (on, _), (off, _) in zip(ons, offs, strict=True)]

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self.process.terminate()
        self.process.wait(PATIENCE_S)


class Space:
    """A server, a broker and a gateway with one station, as a space runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.rig = Rig(folder / "rig")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "pi").mkdir()
        (folder / "saw.toml").write_text(TARIFF)
        environment = os.environ | {"PATH": f"{BIN}:/usr/sbin:{os.environ['PATH']}"}
        environment |= {URL: empty_in(folder)} if IS_POSTGRESQL else {}
        script = SET_UP.format(port=free_port(), broker_port=free_port())
        subprocess.run(
            ["bash", "-eu", "-c", script], cwd=folder, env=environment, check=True, capture_output=True
        )
        if IS_POSTGRESQL:
            with (folder / "space/makerfloor.toml").open("a") as file:
                file.write(f'[database]\nurl = "{environment[URL]}"\n')
        wired = WIRED.format(checkpoint_s=CHECKPOINT_S, tty=os.ttyname(self._slave), socket=folder / "rig")
        with (folder / "pi/gateway.toml").open("a") as file:
            file.write(wired)
        mosquitto = find_mosquitto()
        assert mosquitto, "Mosquitto is missing: apt-get install mosquitto"
        self.commands = {
            "broker": [mosquitto, "-c", str(folder / "broker/mosquitto.conf")],
            "server": [str(BIN / "makerfloor"), "--config", "space/makerfloor.toml", "serve"],
            "gateway": [str(BIN / "makerfloor-gateway"), "--config", "pi/gateway.toml", "run"],
        }

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.commands[name], cwd=self.folder, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(PATIENCE_S)

    def stop_post(self) -> None:
        """What systemd does after the process, as the unit says."""
        (line,) = [row for row in UNIT.read_text().splitlines() if row.startswith("ExecStopPost=")]
        verb = shlex.split(line.partition("=")[2])[-1]
        subprocess.run(
            [*self.commands["gateway"][:-1], verb], cwd=self.folder, check=True, timeout=PATIENCE_S
        )

    def tap(self) -> None:
        os.write(self.reader, rdm6300(BADGE))
        time.sleep(LAID_S)

    def tap_until(self, closed: bool) -> None:
        """Tap until the contact is as wanted: the process may not listen yet."""

        def tapped() -> bool:
            if self.rig.closed is not closed:
                self.tap()
            return self.rig.closed is closed

        until(tapped, f"the contact is {'closed' if closed else 'open'} after a tap")

    def type_in(self, *arguments: str) -> str:
        """Run a command of the server; return what it said."""
        command = [*self.commands["server"][:-1], *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout

    def sessions(self) -> list[tuple[Any, ...]]:
        """Return state, elapsed ms, stop type and price of each session, oldest first."""
        query = "SELECT state, elapsed_ms, stop_type, total_micro FROM machine_session ORDER BY started_ms"
        return asked(self.folder / "space", query)

    def ask(self, query: str) -> list[Any]:
        """Look into the server's database."""
        return asked(self.folder / "space", query)

    def end(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_S)
        self.rig.end()
        os.close(self.reader)
        os.close(self._slave)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    made = Space(tmp_path_factory.mktemp("space"))
    for name in ("broker", "server", "gateway"):
        made.start(name)
    yield made
    made.end()


def kill_the_gateway(space: Space) -> None:
    """Its relay stays until the unit's own command; the next process gives no power by itself."""
    space.tap_until(closed=True)
    time.sleep(2.5)
    space.kill("gateway")
    assert space.rig.closed, "a Pi's kernel keeps the level of a process that died"
    space.stop_post()
    assert not space.rig.closed
    space.start("gateway")
    time.sleep(2)
    assert not space.rig.closed


def kill_behind_the_gateway(space: Space, name: str) -> None:
    """Somebody dies in a session, which ends without them, and another begins: the gateway keeps both."""
    space.tap_until(closed=True)
    space.kill(name)
    time.sleep(1)
    space.tap_until(closed=False)
    space.tap_until(closed=True)
    space.start(name)
    space.tap_until(closed=False)


@pytest.mark.timeout(300)
def test_whoever_is_killed_each_use_is_billed_once_and_as_long_as_it_was(space: Space) -> None:
    kill_the_gateway(space)
    kill_behind_the_gateway(space, "server")
    kill_the_gateway(space)
    kill_behind_the_gateway(space, "broker")
    space.kill("gateway")  # with what was just ended perhaps unsent
    space.start("gateway")

    assert len(space.rig.uses_s()) == 6
    check_bills(space)
    stops = [stop_type for _, _, stop_type, _ in space.sessions()]
    assert stops == ["power_lost", "tap_out", "tap_out", "power_lost", "tap_out", "tap_out"]


def check_bills(space: Space) -> None:
    """Every use is one session, as long as it was, priced once, and its member owes the sum."""
    used_s = space.rig.uses_s()
    until(
        lambda: [state for state, *_ in space.sessions()] == ["priced"] * len(used_s),
        "every use is a priced session",
    )
    sessions = space.sessions()
    for lasted_s, (_, elapsed_ms, stop_type, total_micro) in zip(used_s, sessions, strict=True):
        cut = stop_type == "power_lost"
        least_s = 1.0 if cut else lasted_s - NEAR_S
        assert least_s <= elapsed_ms / 1000 <= lasted_s + NEAR_S, (lasted_s, elapsed_ms, stop_type)
        assert abs(total_micro - elapsed_ms * 100) <= 5_000, "6.00 a minute, rounded to the cent"
    assert space.ask(OWED) == [(sum(total_micro for *_, total_micro in sessions),)]


def use(space: Space) -> None:
    space.tap_until(closed=True)
    space.tap_until(closed=False)


@pytest.mark.timeout(300)
def test_a_server_that_is_restored_gets_again_what_came_after_its_backup(space: Space) -> None:
    use(space)
    check_bills(space)
    space.tap_until(closed=True)
    (space.folder / "backup.key").write_text("5e" * 32)
    space.type_in("backup", "yesterday", "--key-file", "backup.key")
    space.tap_until(closed=False)  # begun before the backup, ended after it
    use(space)
    check_bills(space)  # so the server has all, and the gateway was told that it has
    space.kill("server")
    shutil.rmtree(space.folder / "space")
    use(space)  # while there is no server

    space.type_in("restore", "yesterday", "--to", "space", "--key-file", "backup.key")
    assert len(space.sessions()) == len(space.rig.uses_s()) - 2
    space.start("server")
    check_bills(space)
    assert space.type_in("doctor").endswith("The books are sound.\n")
    given = space.ask("SELECT roster_epoch, roster_n FROM gateway")
    space.type_in("revoke", "1001", "saw", "--reason", "to see whether it is heard")
    until(
        lambda: (
            space.ask("SELECT roster_epoch, roster_n FROM gateway") != given and space.ask(HELD) == [(1,)]
        ),
        "the gateway holds a roster of the new epoch, in which that stands",
    )
    uses = len(space.rig.uses_s())

    def refused() -> bool:
        space.tap()
        return space.ask("SELECT count(*) FROM refusal") != [(0,)]

    until(refused, "a tap is refused")
    assert len(space.rig.uses_s()) == uses

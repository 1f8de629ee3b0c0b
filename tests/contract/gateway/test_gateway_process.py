"""The real process, a reader's frames on a pty, and relays that keep their level as a Pi's kernel does."""

import json
import os
import pty
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import tty
from base64 import b64encode
from pathlib import Path

import pytest

from floor.policy import MachinePolicy
from gateway.journal_store import JournalStore
from tests.kit.frames import rdm6300
from tests.kit.gateway import ADA, BADGE_KEY, SigningServer

UNIT = Path("gateway/makerfloor-gateway.service")
PATIENCE_S = 30


def until(true, what: str):
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


class Floor:
    """One station on a bench of real processes."""

    def __init__(self, folder: Path, policy: MachinePolicy, loss: str) -> None:
        self.folder = folder
        self.reader, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.socket, self.levels = folder / "rig", folder / "levels.json"
        self.rig = self._python("hardware.relays.rig", str(self.socket), "--levels-file", str(self.levels))
        until(self.levels.exists, "the rig listens")
        server = SigningServer()
        (folder / "roster.jsonl").write_bytes(server.roster(policy=policy) + b"\n")
        self.config = folder / "gateway.toml"
        self.config.write_text(f"""
name = "gw"
badge_key = "{BADGE_KEY.hex()}"
server_key = "{b64encode(server.public).decode()}"
[broker]
port = 1
[http]
port = {free_port()}
[journal]
checkpoint_s = 1
storage = "volatile"
[[stations]]
machine = "laser"
reader = {{kind = "rdm6300", port = "{os.ttyname(self._slave)}", removal_ms = 150}}
relay = {{kind = "rig", name = "laser", socket = "{self.socket}", levels_file = "{self.levels}"}}
on_process_loss = "{loss}"
""")
        self.gateway: subprocess.Popen[bytes] | None = None

    def _python(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", module, *arguments])

    def start(self) -> None:
        self.gateway = subprocess.Popen(self.command("run"))

    def command(self, verb: str) -> list[str]:
        run = [sys.executable, "-c", "from gateway.cli import main; raise SystemExit(main())"]
        return [*run, "--log", "error", "--config", str(self.config), verb]

    @property
    def powered(self) -> bool:
        return bool(json.loads(self.levels.read_text()).get("laser", {}).get("contact"))

    def tap_until(self, powered: bool) -> None:
        """Tap until the relay is as wanted: the reader may not listen yet."""

        def tapped() -> bool:
            if self.powered is powered:
                return True
            os.write(self.reader, rdm6300(ADA))
            time.sleep(0.6)
            return self.powered is powered

        until(tapped, f"the relay is {'closed' if powered else 'open'} after a tap")

    def rig_obeys(self, command: bytes, *, powered: bool) -> None:
        """Command the rig past the gateway, as a hand at the relay would."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hand:
            hand.sendto(command, str(self.socket))
        until(lambda: self.powered is powered, f"the rig does {command!r}")

    def stopped(self) -> None:
        """Run what the unit runs after the process has ended, however it ended."""
        (stop_post,) = [line for line in UNIT.read_text().splitlines() if line.startswith("ExecStopPost=")]
        verb = shlex.split(stop_post.partition("=")[2])[-1]
        subprocess.run(self.command(verb), check=True, timeout=PATIENCE_S)

    def facts(self) -> list[dict]:
        store = JournalStore(self.folder / "journal.db")
        try:
            return [entry.fact.model_dump() for entry in store.read(store.position().epoch, 0, 1000)]
        finally:
            store.close()

    def end(self) -> None:
        for process in (self.gateway, self.rig):
            if process and process.poll() is None:
                process.terminate()
                process.wait(10)
        os.close(self.reader)
        os.close(self._slave)


@pytest.fixture
def floor(tmp_path, request):
    policy, loss = getattr(request, "param", (MachinePolicy(), "open"))
    made = Floor(tmp_path, policy, loss)
    yield made
    made.end()


def test_a_tap_works_without_broker_and_a_stop_opens_the_relay(floor):
    floor.start()
    floor.tap_until(powered=True)
    floor.gateway.send_signal(signal.SIGTERM)
    assert floor.gateway.wait(PATIENCE_S) == 0
    assert not floor.powered


def test_after_a_kill_the_unit_drives_the_relay_off_and_a_restart_gives_no_power(floor):
    floor.start()
    floor.tap_until(powered=True)
    until(lambda: any(fact["type"] == "session_metered" for fact in floor.facts()), "a checkpoint")
    floor.gateway.kill()
    floor.gateway.wait(PATIENCE_S)
    assert floor.powered, "a Pi's kernel keeps the level of a process that died"
    floor.stopped()
    assert not floor.powered
    floor.start()
    ended = until(
        lambda: [fact for fact in floor.facts() if fact["type"] == "session_ended"], "the session is ended"
    )
    assert ended[0]["stop_type"] == "power_lost"
    assert ended[0]["elapsed_ms"] >= 1000
    assert not floor.powered
    floor.tap_until(powered=True)
    sessions = {fact["session_id"] for fact in floor.facts() if fact["type"] == "session_started"}
    assert len(sessions) == 2


def of_kind(floor, kind: str) -> list[dict]:
    return [fact for fact in floor.facts() if fact["type"] == kind]


def adopted(floor) -> int:
    """How often the gateway has started, once the last of them has gone on with a session."""
    kinds = [fact["type"] for fact in floor.facts()]
    last = len(kinds) - kinds[::-1].index("gateway_booted")
    return kinds.count("gateway_booted") if "session_metered" in kinds[last:] else 0


@pytest.mark.parametrize("floor", [(MachinePolicy(), "keep")], indirect=True)
def test_a_machine_that_keeps_its_power_goes_on_with_its_one_session(floor):
    floor.start()
    floor.tap_until(powered=True)
    until(lambda: of_kind(floor, "session_metered"), "a checkpoint")
    (started,) = of_kind(floor, "session_started")
    opened_again = threading.Event()
    watched = threading.Event()

    def watch() -> None:
        while not watched.wait(0.005):
            if not floor.powered:
                opened_again.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for starts, end in ((2, signal.SIGKILL), (3, signal.SIGTERM)):
        floor.gateway.send_signal(end)
        floor.gateway.wait(PATIENCE_S)
        floor.stopped()
        looked_at = subprocess.run(floor.command("check"), capture_output=True, text=True, timeout=PATIENCE_S)
        assert "its relay is left as it is" in looked_at.stdout
        floor.start()
        until(lambda: adopted(floor) == starts, "it goes on")  # noqa: B023
    watched.set()
    watcher.join()
    assert not opened_again.is_set(), "the power was taken meanwhile"
    assert subprocess.run([*floor.command("wait-idle"), "--timeout", "0"]).returncode == 1
    assert [fact.get("keeps", []) for fact in of_kind(floor, "gateway_booted")] == [
        [],
        [started["session_id"]],
        [started["session_id"]],
    ]
    floor.tap_until(powered=False)
    ended = until(lambda: of_kind(floor, "session_ended"), "it is ended")
    assert [fact["stop_type"] for fact in ended] == ["tap_out"]
    assert subprocess.run(floor.command("wait-idle"), timeout=PATIENCE_S).returncode == 0
    assert ended[0]["session_id"] == started["session_id"]
    floor.tap_until(powered=True)
    floor.gateway.kill()
    floor.gateway.wait(PATIENCE_S)
    floor.rig_obeys(b"off laser", powered=False)
    floor.start()
    until(lambda: len(of_kind(floor, "session_ended")) == 2, "what stopped is ended")
    assert of_kind(floor, "session_ended")[1]["stop_type"] == "power_lost"
    assert not floor.powered, "what is off stays off"


@pytest.mark.parametrize("floor", [(MachinePolicy(hazardous=True), "keep")], indirect=True)
def test_a_hazardous_machine_keeps_no_power_whatever_is_written(floor):
    floor.rig_obeys(b"on laser", powered=True)
    floor.stopped()
    assert not floor.powered
    floor.rig_obeys(b"on laser", powered=True)
    floor.start()
    until(lambda: any(fact["code"] == "keep_refused" for fact in of_kind(floor, "alarm_raised")), "an alarm")
    assert not floor.powered


def starved(systemd: socket.socket) -> bool:
    """Whether nothing comes for four seconds, after what was under way has come."""
    systemd.settimeout(4)
    for _ in range(20):
        try:
            systemd.recv(64)
        except TimeoutError:
            return True
    return False


def test_a_hung_process_is_killed_by_systemd_because_its_watchdog_starves(floor, tmp_path):
    """systemd itself does not run here: its part is played by a socket that counts what the process feeds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        floor.gateway = subprocess.Popen(
            floor.command("run"), env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        )
        assert systemd.recv(64) == b"READY=1"
        assert systemd.recv(64) == b"WATCHDOG=1"
        floor.gateway.send_signal(signal.SIGSTOP)
        assert starved(systemd), "a stopped process still feeds its watchdog"
        floor.gateway.send_signal(signal.SIGCONT)
        systemd.settimeout(PATIENCE_S)
        assert systemd.recv(64) == b"WATCHDOG=1"
    assert "WatchdogSec=15" in UNIT.read_text()
    assert "WatchdogSignal=SIGKILL" in UNIT.read_text()

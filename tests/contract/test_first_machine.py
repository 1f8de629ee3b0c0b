"""The way of docs/first-machine.md, on real input: from an empty folder to a line on a statement.

A badge's frames on a serial line, a real OctoPrint that prints, a real Mosquitto with TLS, the gateway and
the server as the processes that a space would run, set up with the commands that the page gives.
"""

import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import time
import tty
from pathlib import Path

import httpx
import pytest

from booking_api.broker.process import find_mosquitto
from tests.contract.firmware.octoprint_peer import dwelling_gcode, start_octoprint
from tests.kit.frames import rdm6300

PAGE = Path("docs/first-machine.md")
BADGE = bytes.fromhex("62E3086CED")
PATIENCE_S = 60
LEFT_S = 3.0
BIN = Path(sys.executable).parent


def until(true, what: str):
    """Poll until something holds; a slow machine is no failure, a wrong one is."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if result := true():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE_S} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def blocks(language: str) -> list[str]:
    """Return the page's code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


class Space:
    """A space in an empty folder, set up by the page's own blocks with this machine's ports put in."""

    def __init__(self, folder: Path, octoprint_url: str, octoprint_key: str) -> None:
        self.folder = folder
        self.reader, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.broker_port, self.port, self.gateway_port = free_port(), free_port(), free_port()
        self.places = {
            "/dev/serial0": os.ttyname(self._slave),
            "http://octopi.local": octoprint_url,
            "THE-APPLICATION-KEY": octoprint_key,
            'kind = "gpio", pin = 17': 'kind = "simulated"',
            "port = 8883": f"port = {self.broker_port}",
            "port = 9780": f"port = {self.gateway_port}",
            "checkpoint_s = 30": 'checkpoint_s = 1\nstorage = "volatile"',
            "--port 8080": f"--port {self.port}",
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def put_in(self, text: str) -> str:
        for written, here in self.places.items():
            text = text.replace(written, here)
        return text

    def shell(self, script: str) -> str:
        """Run a block of commands as a person would type them; the first that fails is a failure."""
        environment = os.environ | {"PATH": f"{BIN}:/usr/sbin:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-eu", "-c", self.put_in(script)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE_S,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *command: str) -> None:
        log = (self.folder / f"{Path(command[0]).name}.log").open("wb")
        self.running.append(
            subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        )

    def serving(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def gateway(self) -> dict:
        """Return what the gateway says of itself."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.gateway_port}/status", timeout=2).json()
        except httpx.HTTPError:
            return {"stations": [{}], "roster": None}

    def station(self, **expected: str) -> bool:
        station = self.gateway()["stations"][0]
        return all(station.get(key) == value for key, value in expected.items())

    def tap(self) -> None:
        os.write(self.reader, rdm6300(BADGE))

    def end(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait(20)
        os.close(self.reader)
        os.close(self._slave)


@pytest.fixture
def space(tmp_path):
    assert shutil.which("bash")
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto"
    peer = start_octoprint(tmp_path)
    made = Space(tmp_path / "space", peer.url, peer.admin_key)
    made.folder.mkdir()
    made.octoprint = peer
    yield made
    made.end()
    peer.stop()


@pytest.mark.timeout(300)
def test_a_member_prints_leaves_and_reads_what_it_cost(space):
    set_up, broker_files, read = blocks("sh")
    tariff, stations = blocks("toml")
    (space.folder / "pi").mkdir()
    (space.folder / "printer.toml").write_text(tariff)
    password = re.search(r"admin\s+(\S+)", space.shell(set_up)).group(1)
    space.shell(broker_files)
    space.shell("cd space && makerfloor machine change printer-1 --policy on_unclaimed_job=hold")
    with (space.folder / "pi/gateway.toml").open("a") as file:
        file.write(space.put_in(stations))
    space.start(find_mosquitto(), "-c", str(space.folder / "broker/mosquitto.conf"))
    space.start(str(BIN / "makerfloor"), "--config", "space/makerfloor.toml", "serve")
    space.start(str(BIN / "makerfloor-gateway"), "--config", "pi/gateway.toml", "run")
    until(space.serving, "the server serves")
    until(lambda: space.gateway().get("roster"), "the gateway has a roster")
    until(lambda: space.station(state="free", activity="idle"), "OctoPrint is idle")

    until(lambda: space.tap() or time.sleep(1) or space.station(state="in_use"), "the tap is granted")
    space.octoprint.upload("gear.gcode", dwelling_gcode(12, 150, 400), start=True)
    until(lambda: space.station(state="in_use", activity="busy", job="gear.gcode"), "it prints")
    space.tap()
    until(lambda: space.station(state="holding"), "the printer holds for its job")
    until(lambda: space.station(state="free"), "the job ends the session")

    statement = until(
        lambda: (text := space.shell(read)) and "Printer 1" in text and text, "the statement shows it"
    )
    (session,), owed_micro = books(space, password)
    assert session["stop_type"] == "job_done"
    assert session["counters"]["filament_um"] == 1_800_000
    assert 4_000 <= session["counters"]["job_time_ms"] <= 60_000
    exact = session["counters"]["job_time_ms"] * 600_000 / 3_600_000 + 1.8 * 50_000
    assert owed_micro == session["total_micro"]
    assert abs(owed_micro - exact) <= 5_000, "half of 1.20 an hour and of 0.10 a metre, rounded to the cent"
    assert f"{owed_micro / 1_000_000:.2f}" in statement
    print_without_a_tap(space)
    newest = until(
        lambda: (found := books(space, password)[0]) and len(found) == 2 and found[0], "it is billed"
    )
    assert newest["counters"]["filament_um"] == 400_000


def print_without_a_tap(space: Space) -> None:
    """A print that somebody starts without a badge is held until a member taps, who then pays for it."""
    until(
        lambda: space.octoprint.request("GET", "/api/printer")["state"]["flags"]["ready"], "it has finished"
    )
    space.octoprint.upload("ring.gcode", dwelling_gcode(4, 100, 400), start=True)
    until(lambda: space.octoprint.request("GET", "/api/printer")["state"]["flags"]["paused"], "it is held")
    until(lambda: space.station(state="free", activity="held", job="ring.gcode"), "the gateway sees it")
    space.tap()
    until(lambda: space.station(state="in_use", activity="busy"), "the tap lets it go on")
    time.sleep(LEFT_S)  # else the reader takes the next frame for the same card, still there
    space.tap()
    until(lambda: space.station(state="free"), "the printer has held for its job")


def books(space: Space, password: str) -> tuple[list[dict], int]:
    """Read the sessions, newest first, and what is owed over the API, as the administrator."""
    with httpx.Client(base_url=f"http://127.0.0.1:{space.port}", follow_redirects=True) as client:
        client.post("/sign-in", data={"login": "admin", "password": password, "next": "/"})
        (member,) = [m for m in client.get("/api/v1/members").json()["items"] if m["number"] == "1001"]
        sessions = client.get("/api/v1/sessions").json()["items"]
        (balance,) = client.get(f"/api/v1/members/{member['id']}/balances").json()
    return sessions, balance["amount_micro"]

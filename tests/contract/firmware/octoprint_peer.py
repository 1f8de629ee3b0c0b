"""A real OctoPrint with its virtual printer, as a process of its own on a free port of this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / ".peers" / "octoprint" / "bin" / "octoprint"
START_S = 60.0
REQUEST_S = 15.0

CONFIG = {
    "server": {"firstRun": False, "onlineCheck": {"enabled": False}},
    "serial": {"port": "VIRTUAL", "baudrate": 115200, "autoconnect": True, "log": True},
    "plugins": {
        "virtual_printer": {"enabled": True},
        "_disabled": [
            "softwareupdate",
            "announcements",
            "tracking",
            "discovery",
            "backup",
            "pluginmanager",
            "health_check",
            "errortracking",
            "achievements",
        ],
    },
}


def dwelling_gcode(lines: int, mm_per_line: float = 1.5, dwell_ms: int = 250, footer: str = "") -> str:
    """A job of `lines` moves that each extrude and then wait, for a printer that moves in no time."""
    moves = "".join(f"G1 X{n} E{mm_per_line} F1200\nG4 P{dwell_ms}\n" for n in range(lines))
    return f"; made for a test\nM83\nG28\n{moves}{footer}"


@dataclass(slots=True)
class OctoPrintPeer:
    """A running OctoPrint. `stop` ends it gently, `kill` as a power cut would; `start` brings it back."""

    base: Path
    port: int
    admin_key: str
    keys: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self.base / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "-b", self.base, "serve", "--iknowwhatimdoing", *where],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.request("GET", "/api/connection")["current"]["state"] == "Operational":
                    return
            except (OSError, http.client.HTTPException):
                pass  # while it starts, it answers in ways that are no HTTP
            time.sleep(0.1)
        output_end = (self.base / "output.txt").read_text(errors="replace")[-2000:]
        self.stop()
        raise AssertionError(f"OctoPrint did not start within {START_S:g} s:\n{output_end}")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)

    def request(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        """Ask as the admin, or as the owner of `key`; returns the JSON of the answer."""
        return self._send(method, path, json.dumps(body).encode(), "application/json", key)

    def _send(self, method: str, path: str, data: bytes, content: str, key: str | None) -> Any:
        headers = {"X-Api-Key": key or self.admin_key, "Content-Type": content}
        request = urllib.request.Request(
            self.url + path, data if method == "POST" else None, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error
        return json.loads(text) if text else None

    def upload(self, name: str, gcode: str, *, start: bool = False, key: str | None = None) -> None:
        """Upload a file as the owner of `key` (the admin by default), and print it if wanted."""
        edge = secrets.token_hex(16)
        fields = f'--{edge}\r\nContent-Disposition: form-data; name="print"\r\n\r\n{str(start).lower()}\r\n'
        file = (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{gcode}\r\n'
        )
        body = f"{fields}{file}--{edge}--\r\n".encode()
        self._send("POST", "/api/files/local", body, f"multipart/form-data; boundary={edge}", key)

    def sent_lines(self) -> list[str]:
        """Every line that went to the printer since OctoPrint first started, from its serial log."""
        log = (self.base / "logs" / "serial.log").read_text(errors="replace")
        return [line.partition("Send: ")[2] for line in log.splitlines() if "Send: " in line]

    def settle(self) -> None:
        """Cancel what prints and wait until the printer is ready for the next job."""
        deadline = time.monotonic() + START_S
        while not self.request("GET", "/api/printer")["state"]["flags"]["ready"]:
            assert time.monotonic() < deadline, "the printer does not become ready"
            with contextlib.suppress(OSError):  # it is cancelling already
                self.request("POST", "/api/job", {"command": "cancel"})
            time.sleep(0.1)

    def command(self, line: str) -> None:
        """Send a G-code line to the printer; `!!DEBUG:…` lines steer the virtual printer."""
        self.request("POST", "/api/printer/command", {"command": line})

    def disconnect_printer(self) -> None:
        self.request("POST", "/api/connection", {"command": "disconnect"})

    def connect_printer(self) -> None:
        self.request("POST", "/api/connection", {"command": "connect"})

    def move_to(self, line: str = "VIRTUAL") -> None:
        """Connect to a printer on another serial line, or to the virtual one again, and wait until it is."""
        self.disconnect_printer()
        self.request("POST", "/api/settings", {"serial": {"additionalPorts": [line]}})
        self._until("Closed")
        self.request("POST", "/api/connection", {"command": "connect", "port": line, "baudrate": 115200})
        self._until("Operational")

    def _until(self, state: str) -> None:
        deadline = time.monotonic() + START_S
        while (said := self.request("GET", "/api/connection")["current"]["state"]) != state:
            assert time.monotonic() < deadline, f"OctoPrint stays {said}, and is not {state}"
            time.sleep(0.1)


def start_octoprint(tmp_path: Path, users: tuple[str, ...] = ()) -> OctoPrintPeer:
    """Start an OctoPrint that keeps its files below `tmp_path`; `keys` has an API key for each of `users`."""
    assert PROGRAM.is_file(), "OctoPrint is missing: install it with `python scripts/peers.py octoprint`"
    base = tmp_path / "octoprint"
    appkeys = base / "data" / "appkeys"
    appkeys.mkdir(parents=True)
    (base / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    keys = {name: secrets.token_hex(16).upper() for name in ("operator", *users)}
    kept = {name: [{"api_key": key, "app_id": "makerfloor"}] for name, key in keys.items()}
    (appkeys / "keys.yaml").write_text(yaml.safe_dump(kept))
    for name in keys:
        group = ["--admin"] if name == "operator" else ["--group", "users"]
        subprocess.run(
            [PROGRAM, "-b", base, "user", "add", name, "--password", secrets.token_hex(8), *group],
            check=True,
            capture_output=True,
            timeout=START_S,
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peer = OctoPrintPeer(base, port, keys["operator"], keys)
    try:
        peer.start()
    except BaseException:
        peer.stop()  # whoever asked never gets the peer, and could not stop it
        raise
    return peer

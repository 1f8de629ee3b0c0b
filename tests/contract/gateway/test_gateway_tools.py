"""The technician's commands, run as processes and against peers: watch, record, discover."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import tomllib
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli import main
from tests.contract.firmware import grbl_peers
from tests.contract.gateway import mdns_peer
from tests.kit.frames import rdm6300
from tests.kit.mosquitto import mosquitto, plug

HEAD = """
name = "floor-1"
badge_key = "{hex}"
server_key = "{base64}"
[journal]
storage = "volatile"
[http]
port = 0
""".format(hex="00" * 32, base64="A" * 43 + "=")
STATION = (
    '[[stations]]\nmachine = "{name}"\nreader = {{kind = "simulated"}}\nrelay = {{kind = "simulated"}}\n'
)


def configured(folder: Path, stations: str) -> list[str]:
    file = folder / "gateway.toml"
    file.write_text(HEAD + stations)
    return ["--log", "error", "--config", str(file)]


def with_driver(name: str, driver: str) -> str:
    return STATION.format(name=name) + f"driver = {driver}\n"


def test_watch_prints_events_as_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = configured(tmp_path, with_driver("toy", '{kind = "simulated"}'))
    assert main([*flags, "watch", "toy", "--json", "--seconds", "0.3"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line.get("activity")) for line in lines[:2]] == [
        ("Identified", None),
        ("ActivityChanged", "idle"),
    ]
    assert all("T" in line["time"] for line in lines)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["watch", "saw"], "'saw' is none of its machines. Name one of: toy, bare; or use --driver KIND."),
        (["watch"], "no machine is named"),
        (["watch", "bare"], "bare has no driver"),
        (["watch", "--driver", "grbl", "--set", "url"], "'url' has no ="),
        (["watch", "--driver", "simulated", "--set", "speed=fast"], "'fast' is no number"),
        (["watch", "--driver", "grbl"], "url: is missing"),
        (["record", "toy", "gateway.toml"], "is there already"),
        (["discover", "--mdns", "nowhere"], "--mdns"),
        (["discover", "--mdns", "off", "--mqtt", "http://x"], "--mqtt: is no broker"),
    ],
)
def test_what_cannot_be_meant_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    flags = configured(tmp_path, with_driver("toy", '{kind = "simulated"}') + STATION.format(name="bare"))
    command = [str(tmp_path / part) if part.endswith(".toml") else part for part in command]
    assert main([*flags, *command, "--seconds", "0.1"]) == 2
    assert words in capsys.readouterr().err


def open_files(pid: int) -> set[str]:
    """What a process has open, without opening it, too."""
    files = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            files.add(os.readlink(link))
    return files


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.02)


def test_watch_says_why_a_line_cannot_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with grbl_peers.simulated("pty") as peer, socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
        closed.close()
        driver = f'{{kind = "grbl", url = "{peer.url}", settle_s = 0}}'
        refused = f'{{kind = "grbl", url = "tcp://127.0.0.1:{port}"}}'
        flags = configured(tmp_path, with_driver("laser", driver) + with_driver("router", refused))
        assert main([*flags, "watch", "router", "--seconds", "0.3"]) == 0
        assert "the connection is refused" in capsys.readouterr().out
        run = "from gateway.cli import main; raise SystemExit(main())"
        gateway = subprocess.Popen([sys.executable, "-c", run, *flags, "run"])
        try:
            port = peer.url.removeprefix("serial://").partition("?")[0]
            until(lambda: port in open_files(gateway.pid), "the gateway has the port")
            assert main([*flags, "watch", "laser", "--seconds", "0.3"]) == 0
            assert "the running gateway holds this line: stop it first" in capsys.readouterr().out
        finally:
            gateway.terminate()
            gateway.wait(15)


class Responder:
    """Answers mDNS questions on 127.0.0.1: the PTR first, the place when it is asked for (RFC 6762, 6)."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def name(*labels: str) -> bytes:
        return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"

    def record(self, owner: bytes, kind: int, data: bytes) -> bytes:
        return owner + struct.pack("!HHIH", kind, 1, 10, len(data)) + data

    def _serve(self) -> None:
        instance = self.name("Fab printer", "_octoprint", "_tcp", "local")
        kind, host = self.name("_octoprint", "_tcp", "local"), self.name("octopi", "local")
        while True:
            question, asker = self._socket.recvfrom(9000)
            if not question:
                return
            records = []
            if kind + b"\0\x0c" in question:
                records.append(self.record(kind, 12, instance))
            if instance + b"\0\x21" in question:
                records.append(self.record(instance, 33, struct.pack("!3H", 0, 0, 5000) + host))
                records.append(self.record(host, 1, bytes([10, 0, 0, 9])))
            head = struct.pack("!6H", 0, 0x8400, 0, len(records), 0, 0)
            self._socket.sendto(b"\xff\xff" * 9, asker)  # noise, too
            self._socket.sendto(head + b"".join(records), asker)

    def stop(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))


def test_discover_understands_a_real_mdns_responder() -> None:
    asked = ["--mdns", "127.0.0.1:5353", "--seconds", "0.9", "--json"]
    shown = mdns_peer.among_machines("--config", "none.toml", "discover", *asked)
    found = [json.loads(line)["driver"] for line in shown.splitlines()]
    assert sorted(found, key=str) == [
        {"kind": "moonraker", "url": "http://127.0.0.1:7125/printer1"},
        # it announces itself as an OctoPrint, too, for slicers of old
        {"kind": "prusalink", "url": "http://127.0.0.1:8080", "api_key": "FILL-IN"},
    ]


@contextmanager
def badge_reader() -> Iterator[str]:
    """A reader on a pty that says a badge over and over; it answers nothing."""
    line, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()

    def serve() -> None:
        while not stop.wait(0.05):
            if select.select([], [line], [], 0)[1]:
                os.write(line, rdm6300(bytes.fromhex("62E3086CED")))
            if select.select([line], [], [], 0)[0]:
                os.read(line, 100)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        thread.join()
        os.close(line)
        os.close(slave)


def test_discover_finds_and_proposes_what_check_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    responder = Responder()
    saw = {"t": "saw", "dn": "Saw", "md": "A1T", "ft": "%prefix%/%topic%/", "rl": [1]}
    with mosquitto(tmp_path) as broker, plug(broker, "shelly", "shellyplugsg3-a1b2c3d4e5f6") as peer:
        peer._bench.publish("tasmota/discovery/A1/config", json.dumps(saw), 1, retain=True).wait_for_publish(
            9
        )
        asked = ["--mdns", f"127.0.0.1:{responder.port}", "--seconds", "0.9"]
        none = str(tmp_path / "none.toml")
        assert main(["--config", none, "discover", "--mqtt", broker.url, *asked]) == 0
        shown = capsys.readouterr().out
        assert "OctoPrint “Fab printer” at 10.0.0.9:5000: certain, by mDNS" in shown
        assert "Shelly PlugSG3 “shellyplugsg3-a1b2c3d4e5f6”" in shown
        proposed = shown.partition("# To paste into gateway.toml:")[2]
        stations = tomllib.loads(proposed)["stations"]
        assert [one["driver"]["kind"] for one in stations] == ["octoprint", "shelly", "tasmota"]
        assert [one["relay"]["kind"] for one in stations] == ["simulated", "shelly", "tasmota"]
        assert main([*configured(tmp_path, proposed.replace("FILL-IN", "0123456789")), "check"]) == 0
        assert main(["--config", none, "discover", *asked, "--json"]) == 0
        [table] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[0] == "{"]
        assert (table["how"], table["sure"], table["driver"]["kind"]) == ("mDNS", "certain", "octoprint")
        assert tomllib.loads(table["toml"])["stations"][0]["machine"] == "fab-printer"
    responder.stop()


def test_discover_asks_serial_ports_and_leaves_used_ones_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with grbl_peers.simulated("pty") as grbl, grbl_peers.simulated("pty") as used, badge_reader() as reader:
        port = grbl.url.removeprefix("serial://").partition("?")[0]
        flags = configured(tmp_path, with_driver("laser", f'{{kind = "grbl", url = "{used.url}"}}'))
        taken = used.url.removeprefix("serial://").partition("?")[0]
        ports = [flag for path in (port, taken, reader) for flag in ("--port", path)]
        assert main([*flags, "discover", "--mdns", "off", "--serial", "--patience", "0.6", *ports]) == 0
    shown = capsys.readouterr()
    assert "Ports that the configuration uses are left alone." in shown.err
    assert taken not in shown.out
    proposed = shown.out.partition("# To paste into gateway.toml:")[2]
    first, second = tomllib.loads(proposed)["stations"]
    assert first["driver"] == {"kind": "grbl", "url": f"serial://{port}?baud=115200"}
    assert second["reader"] == {"kind": "rdm6300", "port": reader}
    assert main([*configured(tmp_path, proposed), "check"]) < 2, "right, although that reader is gone by now"


def test_nothing_is_found_and_a_broker_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    broker = ["--mqtt", "mqtt://127.0.0.1:1", "--seconds", "0.2"]
    assert main(["--config", "none.toml", "discover", "--mdns", "off", *broker]) == 1
    shown = capsys.readouterr()
    assert "no connection to mqtt://127.0.0.1:1" in shown.err
    assert shown.out == "Nothing was found.\nNot asked yet: --serial asks boards on USB.\n"


def test_ctrl_c_ends_a_recording_well(tmp_path: Path) -> None:
    def press() -> None:
        until(lambda: signal.getsignal(signal.SIGINT) is not before, "somebody waits for Ctrl-C")
        os.kill(os.getpid(), signal.SIGINT)

    path, before = tmp_path / "toy.jsonl", signal.getsignal(signal.SIGINT)
    pressing = threading.Thread(target=press)
    pressing.start()
    assert main(["record", "--driver", "simulated", str(path)]) == 0
    pressing.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert (lines[0]["kind"], lines[-1]["ended"]) == ("simulated", "as wanted")

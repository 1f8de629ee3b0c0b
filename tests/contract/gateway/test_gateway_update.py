"""Another version and back, with real gateway processes and without systemd: the restart is a script."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from floor.wire.messages import Station, Stations
from floor.words import Activity, StationState
from gateway.cli import main
from tests.kit.gateway import BADGE_KEY

ROOT = Path(__file__).resolve().parents[3]
GOOD = f"""#!/bin/sh
cd {ROOT} && exec {sys.executable} -c 'from gateway.cli import main; raise SystemExit(main())' "$@"
"""
FAILS = '#!/bin/sh\ncase "$*" in *--help*) exit 0;; esac\nexit 1\n'
BROKEN = "#!/bin/sh\necho 'ModuleNotFoundError: floor' >&2\nexit 1\n"


class Pi:
    """A folder as /opt/makerfloor is, and a script that restarts as systemd does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.link = folder, folder / "current"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = folder / "gateway.toml"
        self.config.write_text(
            f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{"A" * 43}="\n[broker]\nport = 1\n'
            f'[http]\nport = {self.port}\n[journal]\nstorage = "volatile"\n[[stations]]\nmachine = "laser"\n'
            'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
        )
        self.pid = folder / "pid"
        self.script = folder / "restart.sh"
        self.script.write_text(
            f"cd {folder}\n[ -f pid ] && kill -9 $(cat pid)\n"
            "current/venv/bin/makerfloor-gateway --config $PWD/gateway.toml run >log 2>&1 </dev/null &\n"
            "echo $! >pid\n"
        )
        for name, program in (("one", GOOD), ("two", GOOD), ("fails", FAILS), ("broken", BROKEN)):
            file = folder / "releases" / name / "venv" / "bin" / "makerfloor-gateway"
            file.parent.mkdir(parents=True)
            file.write_text(program)
            file.chmod(0o755)
        self.link.symlink_to(folder / "releases" / "one")

    @property
    def runs(self) -> str:
        return Path(os.readlink(self.link)).name

    def update(self, to: str, restart: str = "", within_s: int = 60) -> int:
        restart = restart or f"sh {self.script}"
        where = ["--to", str(self.folder / "releases" / to), "--link", str(self.link)]
        how = ["--restart", restart, "--timeout", "60", "--healthy-within", str(within_s)]
        return main(["--log", "error", "--config", str(self.config), "update", *where, *how])

    def end(self) -> None:
        if self.pid.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self.pid.read_text()), signal.SIGKILL)


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Pi]:
    made = Pi(tmp_path)
    yield made
    made.end()


def test_another_version_runs_and_one_that_fails_is_taken_back(
    pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pi.update("two") == 2
    assert "no gateway answers" in capsys.readouterr().err
    os.system(f"sh {pi.script}")
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", pi.port), 1):
            break
        assert time.monotonic() < deadline, "the gateway does not start"
        time.sleep(0.05)
    first = pi.pid.read_text()
    assert pi.update("broken") == 2
    assert "ModuleNotFoundError: floor" in capsys.readouterr().err
    assert (pi.runs, pi.pid.read_text()) == ("one", first)
    assert pi.update("two") == 0
    assert pi.runs == "two"
    assert pi.pid.read_text() != first
    assert pi.update("two") == 0
    assert "runs already" in capsys.readouterr().out
    assert pi.update("fails", within_s=1) == 1
    assert pi.runs == "two"
    assert "back to" in capsys.readouterr().out
    assert pi.update("one", restart="false") == 3, "nothing restarts it, neither the new nor the old"
    assert pi.runs == "two"


class InUse(BaseHTTPRequestHandler):
    """A gateway whose machine is in use for the first three questions."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        state = StationState.IN_USE if self.asked.count("/status") <= 3 else StationState.FREE
        station = Station(machine="laser", state=state, activity=Activity.IDLE, since_ms=0)
        body = Stations(gateway="gw", at_ms=0, stations=[station]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_nothing_is_changed_while_a_machine_is_in_use(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = type("Asked", (InUse,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", pi.port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("gateway.upgrade.POLL_S", 0.01)
    moment = pi.folder / "moment"
    script = pi.folder / "note.sh"
    script.write_text(f"readlink {pi.link} >{moment}\n")
    try:
        assert pi.update("two", restart=f"sh {script}") == 0
    finally:
        server.shutdown()
        server.server_close()
    assert handler.asked[:4] == ["/status"] * 4
    assert set(handler.asked[4:]) == {"/healthz"}
    assert moment.read_text().strip().endswith("two")
    assert pi.runs == "two"

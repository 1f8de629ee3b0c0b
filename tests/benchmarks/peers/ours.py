"""A real gateway: its reader's frames on a pty, its relay in this process, behind a Unix socket."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import subprocess
import sys
import time
import tty
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from floor.wire.roster import Roster
from hardware.relays.rig import Rig
from tests.kit.frames import rdm6300
from tests.kit.gateway import ADA, BADGE_KEY, SigningServer

GONE_MS = 150
PATIENCE_S = 60.0
RUN = "from gateway.cli import main; raise SystemExit(main())"
CONFIG = """
name = "gw"
badge_key = "{badge_key}"
server_key = "{server_key}"
[broker]
port = 9
[http]
port = 0
[journal]
storage = "volatile"
[[stations]]
machine = "laser"
reader = {{kind = "rdm6300", port = "{port}", removal_ms = {gone_ms}}}
relay = {{kind = "rig", name = "laser", socket = "{socket}", levels_file = "{levels}"}}
"""
"""`volatile` lets it start in any folder; it writes and flushes its journal as always."""


class Gateway:
    """The process, the badge before its reader, and the relay that it commands."""

    def __init__(self, folder: Path, roster: Roster) -> None:
        self._badge, self._port = pty.openpty()
        tty.setraw(self._port)
        at, levels = folder / "rig", folder / "levels.json"
        self._relay = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._relay.bind(str(at))
        self._rig = Rig(levels)
        self._rig.write()
        server = SigningServer()
        (folder / "roster.jsonl").write_bytes(server.sign("roster", roster) + b"\n")
        key = b64encode(server.public).decode()
        names = {"badge_key": BADGE_KEY.hex(), "server_key": key, "port": os.ttyname(self._port)}
        self._config = folder / "gateway.toml"
        self._config.write_text(CONFIG.format(**names, gone_ms=GONE_MS, socket=at, levels=levels))

    def start(self) -> float:
        """Start the process with a badge before its reader; return the seconds until its relay is on."""
        began = time.perf_counter()
        command = [sys.executable, "-c", RUN, "--log", "error", "--config", str(self._config), "run"]
        self._process = subprocess.Popen(command)
        while self._process.poll() is None and time.perf_counter() - began < PATIENCE_S:
            os.write(self._badge, rdm6300(ADA))  # as a reader says a badge that stays, over and over
            if self._told("on", 0.02):
                return time.perf_counter() - began
        raise AssertionError("the gateway did not start")

    def tap(self) -> tuple[float, float]:
        """Return the seconds until the relay was told to close; the start is on disk before."""
        took = self._lay("on")
        return took, took

    def end(self) -> None:
        """Tap out."""
        self._lay("off")

    def _lay(self, wanted: str) -> float:
        time.sleep(2 * GONE_MS / 1000)  # the badge of before has gone
        began = time.perf_counter()
        os.write(self._badge, rdm6300(ADA))
        assert self._told(wanted, PATIENCE_S), f"the relay was not told {wanted}"
        return time.perf_counter() - began

    def _told(self, wanted: str, within_s: float) -> bool:
        """Obey the gateway until it commands what is wanted."""
        until = time.perf_counter() + within_s
        while (left := until - time.perf_counter()) > 0:
            self._relay.settimeout(left)
            try:
                command = self._relay.recv(512)
            except TimeoutError:
                return False
            self._rig.obey(command)
            if command == f"{wanted} laser".encode():
                return True
        return False

    def stop(self) -> None:
        """End the process, and let go of its reader and relay."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._relay.close()
        os.close(self._badge)
        os.close(self._port)


@contextlib.contextmanager
def gateway(folder: Path, roster: Roster) -> Iterator[Gateway]:
    """Give a gateway that is not started yet, and stop it."""
    folder.mkdir()
    made = Gateway(folder, roster)
    try:
        yield made
    finally:
        made.stop()

"""A real gateway: its readers' frames on ptys, its relays in this process, behind a Unix socket."""

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

LATER = 3
"""Taps go round the stations, and each ends so many taps later, while the badge is away."""
GONE_MS, AWAY_MS = 150, 300
"""The shortest silence after which a badge counts as removed, and how long it is away at the least."""
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
"""
STATION = """
[[stations]]
machine = "{machine}"
reader = {{kind = "rdm6300", port = "{port}", removal_ms = {gone_ms}}}
relay = {{kind = "rig", name = "{machine}", socket = "{socket}", levels_file = "{levels}"}}
"""
"""`volatile` lets it start in any folder; it writes and flushes its journal as always."""


class Reader:
    """The line of one reader, and when a badge lay before it last."""

    def __init__(self) -> None:
        self._badge, self._port = pty.openpty()
        tty.setraw(self._port)
        self.port = os.ttyname(self._port)
        self._lain_s = 0.0

    def lay(self) -> float:
        """Send a badge's frame once the one of before has gone; return when."""
        time.sleep(max(0.0, self._lain_s + AWAY_MS / 1000 - time.perf_counter()))
        self.repeat()
        return self._lain_s

    def repeat(self) -> None:
        """Send the frame at once."""
        self._lain_s = time.perf_counter()
        os.write(self._badge, rdm6300(ADA))

    def close(self) -> None:
        """Let go of the line."""
        os.close(self._badge)
        os.close(self._port)


class Gateway:
    """The process, the badges before its readers, and the relays that it commands."""

    def __init__(self, folder: Path, roster: Roster) -> None:
        self._machines = [machine.id for machine in roster.machines]
        self._readers = [Reader() for _ in self._machines]
        self._taps = 0
        at, levels = folder / "rig", folder / "levels.json"
        self._relay = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._relay.bind(str(at))
        self._rig = Rig(levels)
        self._rig.write()
        server = SigningServer()
        (folder / "roster.jsonl").write_bytes(server.sign("roster", roster) + b"\n")
        key = b64encode(server.public).decode()
        stations = (
            STATION.format(machine=machine, port=reader.port, gone_ms=GONE_MS, socket=at, levels=levels)
            for machine, reader in zip(self._machines, self._readers, strict=True)
        )
        self._config = folder / "gateway.toml"
        head = CONFIG.format(badge_key=BADGE_KEY.hex(), server_key=key)
        self._config.write_text(head + "".join(stations))

    def start(self) -> float:
        """Start the process with a badge before a reader; return the seconds until its relay is on."""
        began = time.perf_counter()
        command = [sys.executable, "-c", RUN, "--log", "error", "--config", str(self._config), "run"]
        self._process = subprocess.Popen(command)
        self._taps = 1
        while self._process.poll() is None and time.perf_counter() - began < PATIENCE_S:
            self._readers[0].repeat()  # as a reader says a badge that stays, over and over
            if self._told("on", 0, 0.02):
                return time.perf_counter() - began
        raise AssertionError("the gateway did not start")

    def tap(self) -> tuple[float, float]:
        """Return the seconds until the relay was told to close; the start is on disk before."""
        took = self._lay("on", self._taps % len(self._machines))
        self._taps += 1
        return took, took

    def end(self) -> None:
        """Tap out where a tap was some taps ago."""
        if self._taps > LATER:
            self._lay("off", (self._taps - 1 - LATER) % len(self._machines))

    def _lay(self, wanted: str, station: int) -> float:
        began = self._readers[station].lay()
        assert self._told(wanted, station, PATIENCE_S), f"the relay was not told {wanted}"
        return time.perf_counter() - began

    def _told(self, wanted: str, station: int, within_s: float) -> bool:
        """Obey the gateway until it commands what is wanted."""
        until = time.perf_counter() + within_s
        while (left := until - time.perf_counter()) > 0:
            self._relay.settimeout(left)
            try:
                command = self._relay.recv(512)
            except TimeoutError:
                return False
            self._rig.obey(command)
            if command == f"{wanted} {self._machines[station]}".encode():
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
        for reader in self._readers:
            reader.close()


@contextlib.contextmanager
def gateway(folder: Path, roster: Roster) -> Iterator[Gateway]:
    """Give a gateway that is not started yet, and stop it."""
    folder.mkdir()
    made = Gateway(folder, roster)
    try:
        yield made
    finally:
        made.stop()

"""A real PrusaLink 0.8.1 before an MK3 of ours, as processes in a network namespace of their own."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / ".peers" / "prusalink" / "bin" / "prusalink"
USERNAME, PASSWORD, KEY = "maker", "Arrakis-10191", "key-of-the-tests"
START_S = 60.0
SETTINGS = """[printer]
type = MK3S
name = MuadDib
[service::local]
enable = 1
username = {username}
digest = {digest}
api_key = {key}
"""


@dataclass(frozen=True)
class Printed:
    """What one print used: extruded length, and the time in which the printer's own print timer ran."""

    extruded_um: int
    time_ms: float


class PrusaLinkPeer:
    """The processes, from the moment that they start: PrusaLink needs 9 s; `ready` waits for it."""

    def __init__(self) -> None:
        assert PROGRAM.is_file(), "PrusaLink is missing: install it with `python scripts/peers.py prusalink`"
        # PrusaLink keeps no files below /tmp (prusa/link/const.py, BLACKLISTED_PATHS)
        self.home = Path(tempfile.mkdtemp(prefix="prusalink-", dir="/var/tmp"))
        (self.home / "prusalink.ini").write_text(
            f"[daemon]\ndata_dir = {self.home}\n[cameras]\nauto_detect = false\n"
        )
        self._ready = False
        digest = hashlib.md5(f"{USERNAME}:Administrator:{PASSWORD}".encode()).hexdigest()
        settings = SETTINGS.format(username=USERNAME, digest=digest, key=KEY)
        (self.home / "prusa_printer_settings.ini").write_text(settings)
        apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
        with socket.create_server(("127.0.0.1", 0)) as outer:
            self.url = f"http://127.0.0.1:{outer.getsockname()[1]}"
            fd = outer.fileno()
            script = [
                sys.executable,
                "-m",
                "tests.contract.firmware.mk3_printer",
                str(fd),
                PROGRAM,
                self.home,
            ]
            self._process = subprocess.Popen(
                [*apart, *script],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                text=True,
                pass_fds=[fd],
                start_new_session=True,
            )

    def tell(self, order: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def status(self) -> Any:
        request = urllib.request.Request(f"{self.url}/api/v1/status", headers={"X-Api-Key": KEY})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def ready(self) -> None:
        """Wait until the printer has been idle once."""
        if self._ready:
            return
        deadline = time.monotonic() + START_S
        state = "nothing"
        while state != "IDLE" or not self._stored():
            assert time.monotonic() < deadline, f"PrusaLink is not ready: {state}\n{self._words()}"
            try:
                state = self.status()["printer"]["state"]
            except (OSError, http.client.HTTPException, urllib.error.URLError):
                state = "silent"
            time.sleep(0.1)
        self._ready = True

    def _stored(self) -> bool:
        return "free_space" in self.status()["storage"][0]

    def _words(self) -> str:
        return (self.home / "output.txt").read_text(errors="replace")[-2000:]

    def printed(self) -> Printed:
        """Return what the printer's own log says of its last print: the truth that bills are held against."""
        lines = [line.split(" ", 1) for line in (self.home / "printed.txt").read_text().splitlines()]
        told = [(float(at_s), command) for at_s, command in lines]
        begin = max(n for n, (_, command) in enumerate(told) if command == "M110 N0")
        extruded_um, time_ms, running_s = 0, 0.0, None
        for at_s, command in told[begin:]:
            e = re.match(r"G1 .*E([\d.]+)", command)
            extruded_um += round(float(e[1]) * 1000) if e else 0
            if command in ("M75", "M602") and running_s is None:
                running_s = at_s
            elif command in ("M76", "M77", "M601", "M603") and running_s is not None:
                time_ms, running_s = time_ms + (at_s - running_s) * 1000, None
        return Printed(extruded_um, time_ms)

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(15)
        assert self._process.stdin
        self._process.stdin.close()
        shutil.rmtree(self.home, ignore_errors=True)

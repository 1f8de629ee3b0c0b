"""pcscd with a virtual reader and cards in software, in namespaces of their own, for one process of tests."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VPCD = Path("/etc/reader.conf.d/vpcd")
START_S = 30


class PcscStand:
    """Commands to tests.kit.pcsc_inside. It ends with its standard input, so with this process.

    The socket's path is pcscd's alone inside; outside libpcsclite is told of it by PCSCLITE_CSOCK_NAME, which
    it reads once in a process.
    """

    def __init__(self) -> None:
        assert VPCD.is_file(), "vpcd is missing: apt-get install pcscd vsmartcard-vpcd"
        self._folder = tempfile.TemporaryDirectory(prefix="mf-pcsc-", ignore_cleanup_errors=True)
        self.socket = Path(self._folder.name) / "pcscd.comm"
        os.environ["PCSCLITE_CSOCK_NAME"] = str(self.socket)
        module = [sys.executable, "-m", "tests.kit.pcsc_inside", self._folder.name]
        self._inside = subprocess.Popen(
            ["unshare", "-rnmp", "--kill-child", *module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.start()

    def say(self, do: str, **more: object) -> object:
        assert self._inside.stdin is not None
        assert self._inside.stdout is not None
        self._inside.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self._inside.stdin.flush()
        answer = self._inside.stdout.readline()
        assert answer, "the namespaces of the card reader's stand cannot be had: see what unshare said"
        return json.loads(answer)

    def start(self) -> None:
        """Start pcscd, and return once it can be reached."""
        self.socket.unlink(missing_ok=True)
        self.say("start")
        deadline = time.monotonic() + START_S
        while not self._listens():  # its socket is there before anybody listens to it
            assert time.monotonic() < deadline, "pcscd did not start"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(str(self.socket))
            except OSError:
                return False
        return True

    def renew(self) -> None:
        """Begin with a new pcscd and an empty reader."""
        self.say("stop")
        self.say("clear")
        self.start()


@cache
def stand() -> PcscStand:
    """The one of this process, with nothing on its reader at first."""
    return PcscStand()

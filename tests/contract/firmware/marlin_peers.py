"""Marlins to talk to, as processes: OctoPrint's VirtualPrinter on a pty, and a simulated firmware of ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".peers" / "octoprint" / "bin" / "python"


class Peer:
    """A process that says where it can be reached, and answers each order with one line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout
        self.url = self._stdout.readline().strip()
        assert "://" in self.url, f"the peer did not start: {self.url!r}"

    def tell(self, order: str) -> Any:
        self._stdin.write(f"{order}\n")
        self._stdin.flush()
        return json.loads(self._stdout.readline())


@contextmanager
def _running(command: list[str | Path]) -> Iterator[Peer]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield Peer(process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=15)


@contextmanager
def simulated(kind: str) -> Iterator[Peer]:
    """Run our own firmware on a `pty` or on `tcp`."""
    with _running([sys.executable, "-m", "tests.contract.firmware.marlin_sim", kind]) as peer:
        yield peer


@contextmanager
def virtual_printer(folder: Path, **changed: object) -> Iterator[Peer]:
    """Run OctoPrint's VirtualPrinter; its line and its card are in `folder`, `changed` are its settings."""
    assert PYTHON.is_file(), "OctoPrint is missing: install it with `python scripts/peers.py octoprint`"
    program = ROOT / "tests" / "contract" / "firmware" / "marlin_peer.py"
    with _running([PYTHON, program, folder, json.dumps(changed)]) as peer:
        yield peer

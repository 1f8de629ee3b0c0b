"""Processes to talk to: OctoPrint's VirtualPrinter, a simulated Marlin of ours, and Printrun as a host."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".peers" / "octoprint" / "bin" / "python"
PRINTCORE = ROOT / ".peers" / "printrun" / "bin" / "printcore.py"
ANSWER_S = 30.0


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
        ready, _, _ = select.select([self._stdout], [], [], ANSWER_S)
        assert ready, f"the peer says nothing to {order!r} for {ANSWER_S:.0f} s"
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


@asynccontextmanager
async def serial_to(port: int) -> AsyncIterator[str]:
    """Give a serial line whose bytes go on to 127.0.0.1:`port`, for hosts that only know such."""
    line, slave = pty.openpty()
    tty.setraw(slave)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    loop.add_reader(line, lambda: writer.write(os.read(line, 4096)))

    async def back() -> None:
        while data := await reader.read(4096):
            os.write(line, data)

    carrier = asyncio.create_task(back())
    try:
        yield os.ttyname(slave)
    finally:
        carrier.cancel()
        await asyncio.gather(carrier, return_exceptions=True)
        loop.remove_reader(line)
        writer.close()
        os.close(line)
        os.close(slave)


@asynccontextmanager
async def printcore(port: int, file: Path) -> AsyncIterator[None]:
    """Run Printrun's printcore, which prints `file` on 127.0.0.1:`port` as if that were its serial line.

    Over TCP it would send neither numbers nor checksums.
    """
    assert PRINTCORE.is_file(), "Printrun is missing: install it with `python scripts/peers.py printrun`"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    async with serial_to(port) as line:
        python = PRINTCORE.parent / "python"
        process = await asyncio.create_subprocess_exec(python, PRINTCORE, line, file, **quiet)
        try:
            yield
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
